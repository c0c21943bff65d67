"""What shapes the parametric harmonizer; saved in every checkpoint of it.

-   :class:`PihSettings`: light or as the paper's release runs, with or without a clean background, with or without
    the shading map.
-   :data:`FAITHFUL`: the release's choices (whose release has 93.6 M parameters and runs at 512×512).

References
----------
Wang, Gharbi, Zhang, Xia, Shechtman: Semi-supervised Parametric Real-world Image Harmonization, CVPR 2023.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccharmony.errors import SettingsError
from harmonize import settings

FORMS = ("light", "faithful")
_LIGHT_SIDE, _FAITHFUL_SIDE = 128, 512


@dataclass(frozen=True)
class PihSettings:
    """Everything that decides the layout of the parametric harmonizer.

    Raises
    ------
    SettingsError
        A value that no network has.

    Examples
    --------
    >>> PihSettings().side, PihSettings(form="faithful").side
    (128, 512)
    """

    model: str = "pih"
    """``pih``; the key by which a checkpoint finds its builder."""

    form: str = "light"
    """``light``: one small backbone for curves and shading, free knots, a gain that may brighten, the identity at the
    start. ``faithful``: a ResNet-50 for the curves and a U-Net for the shading, knots behind a sigmoid, a gain in
    [`darkest`, 1], as the paper's release."""

    knots: int = 32
    """Knots of each curve, at the bin centers (i + 0.5) / knots; the release's number."""

    shading: bool = True
    """Whether a shading map follows the curves; without it the model is the paper's curves-only baseline."""

    background: bool = False
    """Whether a clean background, the picture without the foreground, is a third input: 7 channels in place of 4."""

    monotone: bool = False
    """Whether curves may not fall: each knot is raised to the highest before it."""

    side: int = 0
    """Side in pixels of the square that the networks see; 0 is the form's own, 128 or 512."""

    shading_side: int = 16
    """Side of the shading map; the release's effective resolution."""

    width: int = 32
    """Channels of the light backbone's first convolution; its maps have width · (1, 2, 4, 8)."""

    darkest: float = 0.5
    """o of the faithful gain sigmoid·(1 − o) + o: the darkest shade, in [0, 1]."""

    def __post_init__(self) -> None:
        settings.check_choice("model", self.model, ("pih",))
        settings.check_choice("form", self.form, FORMS)
        settings.check_integer("knots", self.knots, 2, 256)
        settings.check_integer("side", self.side, 0, 4096)
        settings.check_integer("shading side", self.shading_side, 2, 256)
        settings.check_integer("width", self.width, 1)
        settings.check_number("darkest", self.darkest, 0.0, 1.0)
        if self.side == 0:
            object.__setattr__(self, "side", _LIGHT_SIDE if self.form == "light" else _FAITHFUL_SIDE)
        if self.side % 32 or self.side < 64:
            raise SettingsError(f"side: {self.side} found, a multiple of 32 of at least 64 wanted")

    @property
    def channels(self) -> int:
        """Channels that the networks see: composite and mask, with the clean background where it is an input."""
        return 7 if self.background else 4

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_dict` reads them back."""
        return settings.to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PihSettings":
        """Read settings from plain values; a name that is not a field raises :class:`SettingsError`."""
        return settings.from_dict(cls, values)


FAITHFUL = PihSettings(form="faithful")
"""The paper's model as its public release runs."""
