"""Make a study: every method on every composite, at one size, under names that do not say which is which."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np

from ccharmony import files, names
from ccharmony.arrays import Float32, UInt8
from ccharmony.errors import ImageError, OutputError, SettingsError, StudyError
from ccharmony.images import pixels
from harmonize.evaluation.predictions import Predictions
from harmonize.inference import folders, network
from harmonize.inference.folders import PictureTask
from harmonize.inference.image import harmonize_image
from harmonize.study.study import FILE, OUTLINES, PICTURES, Study, StudySettings, write_study

COMPOSITE = "composite"
"""Name of the method that does nothing."""

P = TypeVar("P", UInt8, Float32)
_TOKEN = re.compile(r"[0-9a-f]{24}\.(webp|png)")
_LINE = (255, 210, 74)
_logger = logging.getLogger(__name__)

Method = Callable[[PictureTask, UInt8, Float32], UInt8]
"""Returns a method's picture (H, W, 3) of a composite and its mask."""


def make_study(
    composites: Path,
    masks: Path,
    methods: Mapping[str, str],
    out: Path,
    settings: StudySettings,
    *,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Study, list[str]]:
    """Write the folder of a study; pictures that any method lacks are left out.

    Parameters
    ----------
    composites, masks
        Folders of pictures; a mask is found by its composite's name.
    methods
        By name: bundled weights, a file of weights, or a folder of pictures named after the composites. The composite
        itself is one more method.
    out
        The study's folder.
    settings
        What is asked, and how.
    device
        Where networks run.
    progress
        Called with the pictures done and their number.

    Returns
    -------
    study, problems
        The study, and one line for each picture that was left out.

    Raises
    ------
    StudyError
        No picture is left.
    SettingsError
        A name of a method cannot be used, or the settings ask for more pairs than there are.
    WeightsError
        Weights do not load.
    """
    named = {COMPOSITE: _keep} | {_check_name(name): find_method(value, device) for name, value in methods.items()}
    if len(named) != len(methods) + 1:
        raise SettingsError(f"{COMPOSITE}: is the name of the composite itself, wanted another name")
    tasks, problems = folders.match(composites, masks, out, "webp")
    for folder in (out / PICTURES, out / OUTLINES):
        files.make_folder(folder)
        if not (out / FILE).exists():
            _remove_unnamed(folder)
    made = []
    for done, task in enumerate(tasks, start=1):
        try:
            made.append(_Made(task.composite.stem, *_write_picture(task, list(named.values()), out, settings)))
        except (ImageError, StudyError) as error:
            _logger.warning("left out: %s", error)
            problems.append(str(error))
        progress(done, len(tasks))
    if not made:
        raise StudyError(f"{composites}: no picture for a study; the first that was left out: {problems[0]}")
    study = Study(
        out,
        settings,
        methods=tuple(named),
        names=tuple(picture.name for picture in made),
        shown=tuple(picture.shown for picture in made),
        outlines=tuple(picture.outline for picture in made),
    )
    study.questions()  # refuses settings that make no study
    write_study(study)
    return study, problems


def _remove_unnamed(folder: Path) -> None:
    """Remove the pictures of a study that was interrupted before its study.json named them; raises OutputError."""
    try:
        for path in folder.iterdir():
            if _TOKEN.fullmatch(path.name):
                path.unlink()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be tidied up ({error.strerror})") from error


def find_method(value: str, device: str = "auto") -> Method:
    """Return a method by the folder of its pictures, or the name or file of its weights; raises CcharmonyError."""
    if Path(value).is_dir():
        predictions = Predictions(Path(value))
        return lambda task, composite, _mask: predictions.read_named(task.composite.name, composite.shape[:2])
    network.load_network(value, device)  # before the first picture: weights that do not load are no picture's fault
    return lambda _task, composite, mask: harmonize_image(composite, mask, value, device=device)


def _keep(_task: PictureTask, composite: UInt8, _mask: Float32) -> UInt8:
    return composite


def _check_name(name: str) -> str:
    if flaw := names.flaw(name):
        raise SettingsError(f"{name!r}: the name of a method {flaw}")
    return name


@dataclass(frozen=True, slots=True)
class _Made:
    """A picture of the study: its name, and the files that show it."""

    name: str
    shown: tuple[str, ...]
    outline: str


def _write_picture(
    task: PictureTask, methods: Sequence[Method], out: Path, settings: StudySettings
) -> tuple[tuple[str, ...], str]:
    """Write every method's picture and the outline; return the names of the files."""
    composite = pixels.read_image(task.composite)
    mask = pixels.read_mask(task.mask, shape=composite.shape[:2])
    if not (mask > 0.5).any():
        raise ImageError(f"{task.mask}: an empty mask, wanted a foreground")
    pictures = [_shrink(method(task, composite, mask), settings.size) for method in methods]
    shown = []
    for picture in pictures:
        shown.append(f"{secrets.token_hex(12)}.webp")
        files.write_bytes(out / PICTURES / shown[-1], pixels.encode(picture, ".webp", settings.quality))
    outline = f"{secrets.token_hex(12)}.png"
    files.write_bytes(out / OUTLINES / outline, pixels.encode(_outline(_shrink(mask, settings.size)), ".png"))
    return tuple(shown), outline


def _shrink(picture: P, side: int) -> P:
    """Return a picture (H, W, 3) or a mask (H, W) whose longest side is at most `side`."""
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return picture
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    return cast(P, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _outline(mask: Float32) -> UInt8:
    """Return the outline of a mask, two pixels wide, bright on black, (H, W, 3)."""
    inside = (mask > 0.5).astype(np.uint8)
    around = cv2.dilate(inside, np.ones((5, 5), np.uint8)) - inside
    return np.asarray(around[..., None] * np.array(_LINE, np.uint8), np.uint8)
