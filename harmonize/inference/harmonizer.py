"""What `harmonize apply` does with one picture: read, harmonize, write.

-   :class:`Harmonizer`: how pictures are harmonized, the same for all of a folder.
-   :func:`harmonize_file`: one picture with the settings as keywords.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ccharmony.arrays import Mask, Samples
from ccharmony.errors import SettingsError
from ccharmony.files import StrPath
from ccharmony.images import mask_rules
from ccharmony.images.picture import Picture
from ccharmony.images.pixels import JPEG_QUALITY, write_image
from ccharmony.images.stored import to_8_bits
from ccharmony.images.write_picture import write_picture
from harmonize.inference import adjustment, adjustment_plot, runtimes
from harmonize.inference.adjustment import CUBE_SIZE, Adjustment
from harmonize.inference.composite import Composite, read_composite, read_pasted
from harmonize.inference.folders import PictureTask
from harmonize.inference.image import Change, Size, check_size, harmonize_into, make_change
from harmonize.inference.picture import Recolor
from harmonize.inference.runtimes import Weights
from harmonize.models.settings import SIDE
from harmonize.settings import check_number

_logger = logging.getLogger(__name__)

Note: TypeAlias = Callable[[Composite, Picture], None]
"""Is told what was read, and the result."""


@dataclass(frozen=True)
class Background:
    """What cut-outs are put on: the picture, and where on it, as of :func:`paste_cutout`."""

    path: Path
    position: tuple[int, int] | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class ParameterFiles:
    """Files for curves and shading map: all of it as JSON, the curves as .cube table, a drawing."""

    params: Path | None = None
    curves: Path | None = None
    cube_size: int | None = CUBE_SIZE
    plot: Path | None = None

    def __bool__(self) -> bool:
        return any(path is not None for path in (self.params, self.curves, self.plot))

    def write(self, found: Adjustment, mask: Mask, name: str, weights: str | None) -> None:
        """Write those that are named; raises OutputError."""
        shares = mask_rules.shares(mask)
        if self.params:
            adjustment.write_json(self.params, found, notes={"picture": name, "weights": weights})
        if self.curves:
            adjustment.write_cube(self.curves, found, shares, size=self.cube_size, title=Path(name).stem)
            gain = adjustment.mean_gain(found, shares)
            _logger.warning("%s: the curves alone; of the shading map only its mean, %.3f, is in it", self.curves, gain)
        if self.plot:
            write_image(self.plot, adjustment_plot.plot(found))


@dataclass(frozen=True)
class Harmonizer:
    """How pictures are harmonized.

    Attributes
    ----------
    net, strength, size, device
        As of :func:`harmonize.harmonize_image`.
    given
        Curves and map that take the place of a network, or None.
    change
        What was found before and takes the place of a network, or None.
    files
        Files for curves and map; where some are wanted, these make the result, too. Of one foreground.
    invert, each
        As of :func:`read_composite`.
    defringe
        Whether soft edges are changed as the foreground's own colors are, and cut-outs have them before they are put on
        a background.
    background
        What cut-outs are put on, or None where composites have masks.
    quality
        Of JPEG and WebP, 1 to 100.
    """

    net: Weights = None
    strength: float = 1.0
    size: Size = SIDE
    device: str = "auto"
    given: Adjustment | None = None
    change: Change | None = None
    files: ParameterFiles = field(default_factory=ParameterFiles)
    invert: bool = False
    each: bool = False
    defringe: bool = False
    background: Background | None = None
    quality: int = JPEG_QUALITY

    def __post_init__(self) -> None:
        check_number("strength", self.strength, 0, 1)
        check_size(self.size)
        if self.invert and self.each:
            raise SettingsError("invert and each: a mask of several foregrounds has no inverse")

    def run(self, task: PictureTask, before_after: Path | None = None, note: Note | None = None) -> None:
        """Read, harmonize and write one picture; what is odd about it is logged.

        Parameters
        ----------
        task
            Files that are read and written.
        before_after
            File for composite and result side by side, or None.
        note
            Is told what was read, and the result. Where nobody wants to see both, one picture is in memory and not two.

        Raises
        ------
        ImageError, SettingsError, WeightsError, OutputError
            As of reading, harmonizing and writing.
        """
        composite = self.read(task)
        if remark := composite.remark():
            _logger.warning("%s: %s", task.mask, remark)
        result = self.harmonize(composite, task.composite.name, in_place=before_after is None and note is None)
        write_picture(task.output, result, self.quality)
        if before_after is not None:
            write_picture(before_after, side_by_side(composite.picture, result), self.quality)
        if note is not None:
            note(composite, result)

    def read(self, task: PictureTask) -> Composite:
        """Return the composite of a task; raises ImageError or SettingsError."""
        if self.background is None:
            return read_composite(task.composite, task.mask, invert=self.invert, each=self.each)
        ground = self.background
        return read_pasted(task.composite, ground.path, ground.position, ground.scale, defringe=self.defringe)

    def harmonize(self, composite: Composite, name: str = "", *, in_place: bool = False) -> Picture:
        """Return a composite's picture, harmonized, and write the parameters that are wanted, under its name.

        With `in_place` the composite's own picture may be lost.
        """
        if self.change is not None:
            recolor: Recolor = partial(self._repeat, self.change)
        elif self.given is None and not self.files:
            recolor = self._ask
        else:
            recolor = partial(self._adjust, name)
        return composite.recolor(recolor, in_place=in_place)

    def _ask(self, result: Samples, levels: Samples, mask: Mask) -> None:
        harmonize_into(
            result,
            levels,
            mask,
            self.net,
            strength=self.strength,
            size=self.size,
            device=self.device,
            defringe=self.defringe,
        )

    def _repeat(self, change: Change, result: Samples, levels: Samples, mask: Mask) -> None:
        """Make a change that was found before."""
        make_change(result, levels, mask, change, self.strength, defringe=self.defringe)

    def _adjust(self, name: str, result: Samples, levels: Samples, mask: Mask) -> None:
        """Apply the curves and the map that were given, or are found and written."""
        found = self.given
        if found is None:
            from harmonize.inference.curve_fit import find_adjustment  # SciPy; most calls need no curves

            shares = mask_rules.shares(mask)
            fitted = find_adjustment(to_8_bits(levels), shares, self.net, size=self.size, device=self.device)
            if not runtimes.find(self.net, self.device).parametric:
                told = "%s: curves and map are fitted; of %.1f levels of change they miss %.1f"
                _logger.warning(told, name, fitted.change, fitted.error)
            found = fitted.adjustment
        self.files.write(found, mask, name, runtimes.name_of(self.net))
        self._repeat(partial(adjustment.renderer, found), result, levels, mask)


def harmonize_file(
    composite: StrPath,
    mask: StrPath,
    output: StrPath,
    net: Weights = None,
    *,
    strength: float = 1.0,
    size: Size = SIDE,
    device: str = "auto",
    invert: bool = False,
    each: bool = False,
    defringe: bool = False,
    quality: int = JPEG_QUALITY,
) -> None:
    """Harmonize a file into a file, as `harmonize apply` does.

    Parameters
    ----------
    composite
        Picture: 8 or 16 bits, gray or color, with or without alpha, of any color profile.
    mask
        Its mask, white where the foreground is.
    output
        File to write, PNG, TIFF, JPEG or WebP by its suffix. It keeps depth, alpha, profile, EXIF and resolution of the
        composite as far as the format holds them; what it does not hold is logged.
    net, strength, size, device
        As of :func:`harmonize.harmonize_image`.
    invert
        Whether the foreground is black in the mask.
    each
        Whether each label of a label map, or each part of a mask that touches no other, is harmonized by itself.
    defringe
        As of :func:`harmonize.harmonize_image`.
    quality
        Of JPEG and WebP, 1 to 100; WebP is lossless at 100.

    Raises
    ------
    ImageError, SettingsError, WeightsError, OutputError
        As of reading, harmonizing and writing.
    """
    harmonizer = Harmonizer(net, strength, size, device, invert=invert, each=each, defringe=defringe, quality=quality)
    harmonizer.run(PictureTask(Path(composite), Path(mask), Path(output)))


def side_by_side(before: Picture, after: Picture) -> Picture:
    """Return two pictures of one kind, (H, 2 W and a hundredth), with a white line between them."""
    alpha = None if before.alpha is None or after.alpha is None else _beside(before.alpha, after.alpha)
    return Picture(_beside(before.colors, after.colors), alpha, after.tags)


def _beside(before: Samples, after: Samples) -> Samples:
    height, width = before.shape[:2]
    line = np.full((height, max(width // 100, 1), *before.shape[2:]), np.iinfo(before.dtype).max, before.dtype)
    both: Any = np.hstack([before, line, after])
    return both  # type: ignore[no-any-return]
