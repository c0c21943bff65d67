"""What a network changes in a scene, and what a person makes of it.

Contents: :class:`Found`, :func:`find`; :class:`Look`, :func:`render`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np

from ccharmony.arrays import Float32, Mask, Samples
from ccharmony.errors import ImageError, SettingsError
from ccharmony.images.picture import Picture
from harmonize.inference import adjustment, runtimes
from harmonize.inference.adjustment import Adjustment
from harmonize.inference.curve_fit import Fitted, fit_change
from harmonize.inference.image import Change, find_change
from harmonize.inference.picture import recolor_foreground
from harmonize.inference.runtimes import Weights
from harmonize.inference.strips import Render, blend
from harmonize.settings import Range, Share
from harmonize.studio import edges
from harmonize.studio.edges import Edge
from harmonize.studio.scene import Scene

Height = Annotated[float, Range(-adjustment.HIGHEST, adjustment.HIGHEST)]


@dataclass(frozen=True, eq=False)
class Found:
    """What a network changes in a scene.

    Attributes
    ----------
    change
        Renders it on the picture and on copies of other sizes.
    fitted
        Curves and map that come nearest to it, for a person to turn; they miss nothing where they are the network's.
    """

    change: Change
    fitted: Fitted


def find(net: Weights, scene: Scene) -> Found:
    """Ask a network what it changes in a scene; raises ImageError where the scene has no foreground."""
    if not scene.mask.any():
        raise ImageError("the mask is black everywhere, wanted white where the foreground is")
    network = runtimes.find(net)
    if network.parametric:
        own = network.predict(scene.colors, scene.mask)
        change: Change = partial(adjustment.renderer, own)
        return Found(change, fit_change(change, scene.colors, scene.mask, own))
    change = find_change(network, scene.colors, scene.mask)
    return Found(change, fit_change(change, scene.colors, scene.mask))


@dataclass(frozen=True)
class Look(Edge):
    """How a person wants the result; raises SettingsError where it makes no sense."""

    weights: str = ""
    """Name of the weights whose change is made."""

    strength: Share = 1.0
    """How much of the change is made."""

    curves: tuple[tuple[Height, ...], ...] = ()
    """Curves of red, green and blue as of `Adjustment`, in place of the network's; empty for those."""

    log_gain: tuple[tuple[Height, ...], ...] = ()
    """The shading map that goes with them."""

    @property
    def parameters(self) -> Adjustment | None:
        """The curves and the map that were turned to taste, or None."""
        if not self.curves:
            return None
        try:
            return Adjustment(np.array(self.curves, np.float64), np.array(self.log_gain, np.float64))
        except ValueError as error:
            raise SettingsError("curves and log_gain: rows of equal length wanted") from error


def render(scene: Scene, look: Look, found: Found) -> Picture:
    """Return the result at full size.

    Parameters
    ----------
    scene
        Composite and mask.
    look
        How it is wanted.
    found
        What the network changes.

    Returns
    -------
    Picture
        With the depth, the profile and all else that the composite has; equal to it where the edited mask is 0.
    """
    turned = look.parameters
    wanted = found.change if turned is None else partial(_turn, found, turned)

    def recolor(result: Samples, levels: Samples, mask: Mask) -> None:
        blend(levels, mask, look.strength, wanted(levels), result)

    return recolor_foreground(scene.picture, edges.edit(scene.mask, look), recolor)


def _turn(found: Found, turned: Adjustment, picture: Samples) -> Render:
    """Render a picture under curves and map that were turned, and what the fitted ones miss of the change."""
    renders = [change(picture) for change in (partial(adjustment.renderer, turned), found.change)]
    fitted = adjustment.renderer(found.fitted.adjustment, picture)

    def render(rows: slice, columns: slice) -> Float32:
        wanted, whole, held = (each(rows, columns).clip(0, 255) for each in (*renders, fitted))
        wanted += whole
        wanted -= held
        return wanted

    return render
