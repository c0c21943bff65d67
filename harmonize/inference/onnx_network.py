"""A network that needs no torch, pictures in, raw output out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ccharmony.arrays import Float32, UInt8
from ccharmony.errors import SettingsError, WeightsError
from ccharmony.files import StrPath
from harmonize.exported.opencv import OpencvSession, open_bundled
from harmonize.exported.session import Session, open_session
from harmonize.inference.adjustment import Adjustment
from harmonize.inference.small_copy import average


@dataclass(frozen=True)
class OnnxNetwork:
    """A network of `harmonize export`, run by onnxruntime, or bundled weights, run by OpenCV; on the CPU."""

    session: Session | OpencvSession

    @property
    def parametric(self) -> bool:
        """Whether it predicts curves and map."""
        return self.session.parametric

    def infer(self, composites: UInt8 | Float32, masks: Float32) -> Float32:
        """Return its raw output, as :func:`harmonize.inference.network.infer` does; raises WeightsError."""
        pictures = np.ascontiguousarray(composites.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        found = self.session.run(pictures, np.ascontiguousarray(masks[:, None], np.float32))[0]
        if found.shape != pictures.shape or not np.isfinite(found).all():
            raise WeightsError(f"the network returned {found.shape} or no numbers, {pictures.shape} wanted")
        return np.asarray(found.transpose(0, 2, 3, 1) * 255, np.float32)

    infer_foreground = infer
    """Without the background these networks take the same time."""

    def predict(self, composite: UInt8, mask: Float32) -> Adjustment:
        """Return curves and map, as :func:`harmonize.inference.parametric.predict` does; raises WeightsError."""
        small, inside = average(composite, mask)
        knots, log_gain = self.session.run(small.transpose(2, 0, 1)[None], inside[None, None])
        try:
            return Adjustment(knots[0].astype(np.float64), log_gain[0, 0].astype(np.float64))
        except (SettingsError, IndexError) as error:
            raise WeightsError(
                f"the network's parameters make no adjustment ({error}), sound weights wanted"
            ) from error


def load(path: StrPath, device: str = "auto") -> OnnxNetwork:
    """Open a file of `harmonize export`; raises WeightsError, or SettingsError for a device that is no CPU."""
    if device not in ("auto", "cpu"):
        raise SettingsError(f"device {device}: exported networks run on the CPU, wanted auto or cpu")
    return OnnxNetwork(open_session(path))


def load_bundled(name: str) -> OnnxNetwork | None:
    """Open bundled weights for OpenCV; None where it cannot run them. Raises WeightsError."""
    session = open_bundled(name)
    return None if session is None else OnnxNetwork(session)
