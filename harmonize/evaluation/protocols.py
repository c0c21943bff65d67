"""What each paper's evaluation code does before it scores, so that numbers are compared like with like.

The rules were read from the code that each paper released; `PROTOCOLS` holds one entry a rule set:

==========  ==============================  =======================================================================
name        who scores so                   what differs
==========  ==============================  =======================================================================
issam       iSSAM, CDTNet, DucoNet; GiftNet  float prediction, soft mask, PSNR peak = maximum of the real picture
standard    what one would choose today     prediction rounded to 8 bits, peak 255, foreground = mask > 0.5
pctnet      PCT-Net (DCCF: another peak)     MSE is the mean of m·e², so the background never counts; peak 255
dovenet     DoveNet, BargainNet             antialiased resizing, truncated to 8 bits, peak = range of the prediction
iih         IIH, IHT                        the same, saved as JPEG of quality 100 first; peak 255
harmonizer  Harmonizer                      antialiased resizing, float prediction, peak = range of the prediction
==========  ==============================  =======================================================================

Only CDTNet's code among them scores the foreground's SSIM: its window (Gaussian, 7 pixels, sigma 1.5, black beyond
the border, constants scaled by the range of the prediction) serves all but `standard`, which takes Wang's (11 pixels,
peak 255).

The published figures of HAdobe5k are of pictures that were shrunk to at most 1024 pixels first (Lanczos, JPEG 90),
which moves the PSNR of a picture by up to 0.6: do so too before comparing with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ccharmony.arrays import Bool, Float32, Float64, UInt8
from ccharmony.errors import SettingsError
from ccharmony.images import pixels
from harmonize.evaluation import metrics
from harmonize.evaluation.metrics import Scores, Window
from harmonize.models.settings import SIDE

CDTNET_WINDOW = Window(7, "zero")


@dataclass(frozen=True, slots=True)
class Protocol:
    """The rules of one evaluation code.

    Attributes
    ----------
    name
        Name on the command line and in every report.
    resize
        "bilinear": OpenCV's, without antialiasing. "antialiased": Pillow's bilinear filter; the mask is then made
        binary first and takes the nearest pixel, which is what Pillow does with one-bit pictures.
    prediction
        What happens to the prediction: kept in "float", "rounded" or "truncated" to 8 bits, or truncated and sent
        through a "jpeg" of quality 100.
    soft_mask
        Whether the foreground is weighted by the mask as it is; otherwise it is binary.
    background_counts
        Whether MSE is over all pixels; otherwise it is the mean of m·e².
    peak
        Peak of PSNR: "real" (maximum of the real picture), "range" (of the prediction) or "full" (255).
    window
        Window of SSIM.
    similarity_peak
        Range that scales the constants of SSIM: "range" (of the prediction) or "full" (255).
    full_size
        Whether pictures may be scored at full resolution.
    """

    name: str
    resize: Literal["bilinear", "antialiased"] = "bilinear"
    prediction: Literal["float", "rounded", "truncated", "jpeg"] = "float"
    soft_mask: bool = True
    background_counts: bool = True
    peak: Literal["real", "range", "full"] = "real"
    window: Window = CDTNET_WINDOW
    similarity_peak: Literal["range", "full"] = "range"
    full_size: bool = False


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("issam"),
        Protocol(
            "standard",
            prediction="rounded",
            soft_mask=False,
            peak="full",
            window=metrics.WANG_WINDOW,
            similarity_peak="full",
            full_size=True,
        ),
        Protocol("pctnet", background_counts=False, peak="full", full_size=True),
        Protocol("dovenet", resize="antialiased", prediction="truncated", soft_mask=False, peak="range"),
        Protocol("iih", resize="antialiased", prediction="jpeg", soft_mask=False, peak="full"),
        Protocol("harmonizer", resize="antialiased", soft_mask=False, peak="range"),
    )
}

DEFAULT = "issam"


def find(name: str) -> Protocol:
    """Return the protocol of that name; raises SettingsError, with the names that exist, where there is none."""
    if name not in PROTOCOLS:
        raise SettingsError(f"protocol {name}: not known, wanted one of {' '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def resize_picture(picture: UInt8, protocol: Protocol, size: tuple[int, int] = (SIDE, SIDE)) -> UInt8:
    """Resize a picture as a protocol does.

    Parameters
    ----------
    picture
        Picture (H, W, 3), RGB, 8 bits.
    protocol
        The rules.
    size
        Height and width in pixels.

    Returns
    -------
    UInt8
        Picture (height, width, 3), 8 bits; the same array where it has that size already.
    """
    if picture.shape[:2] == size:
        return picture
    height, width = size
    if protocol.resize == "antialiased":
        smooth = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(smooth)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def resize_mask(mask: Float32, protocol: Protocol, size: tuple[int, int] = (SIDE, SIDE)) -> Float32:
    """Resize a mask as a protocol does, to what the network sees.

    Parameters
    ----------
    mask
        Foreground (H, W), in [0, 1].
    protocol
        The rules.
    size
        Height and width in pixels.

    Returns
    -------
    Float32
        Mask (height, width), in [0, 1]. Antialiased protocols give zeros and ones, since their loaders read masks as
        one-bit pictures.
    """
    height, width = size
    if protocol.resize == "antialiased":
        return _nearest(mask >= 0.5, size).astype(np.float32)
    if mask.shape == size:
        return mask
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def foreground(mask: Float32, protocol: Protocol) -> Float64:
    """Weigh each pixel of a mask as a protocol does.

    Parameters
    ----------
    mask
        Foreground (H, W), in [0, 1].
    protocol
        The rules.

    Returns
    -------
    Float64
        Weights (H, W): the mask as it is, or 0 and 1 where the protocol's mask is binary.
    """
    if protocol.soft_mask:
        return mask.astype(np.float64)
    # Pillow's one-bit pictures count the middle as set; "mask > 0.5" of `standard` does not.
    binary = mask > 0.5 if protocol.resize == "bilinear" else mask >= 0.5
    return binary.astype(np.float64)


def quantize(prediction: npt.ArrayLike, protocol: Protocol) -> Float64:
    """Bring a prediction to what a protocol scores: clamped to [0, 255], then rounded, truncated or compressed.

    Parameters
    ----------
    prediction
        Picture (H, W, 3), in levels.
    protocol
        The rules.

    Returns
    -------
    Float64
        Picture (H, W, 3), in levels, 0 to 255.
    """
    levels = np.clip(np.asarray(prediction, np.float64), 0, 255)
    if protocol.prediction == "float":
        return levels
    if protocol.prediction == "rounded":
        return np.rint(levels)
    truncated = np.floor(levels)
    if protocol.prediction == "truncated":
        return truncated
    return _through_jpeg(truncated.astype(np.uint8)).astype(np.float64)


def score(protocol: Protocol, prediction: npt.ArrayLike, real: npt.ArrayLike, mask: Float32) -> Scores:
    """Score one picture.

    Parameters
    ----------
    protocol
        The rules.
    prediction
        Picture (H, W, 3) in levels, integers or floats; values outside [0, 255] are clamped.
    real
        The true picture, same shape, in levels.
    mask
        Foreground (H, W) in [0, 1], as `resize_mask` gives it.

    Returns
    -------
    Scores
        MSE, fMSE, PSNR, fPSNR, SSIM, fSSIM. With an empty mask fSSIM is NaN.

    Raises
    ------
    ImageError
        Arrays of shapes that do not fit each other.
    """
    stored, truth = quantize(prediction, protocol), np.asarray(real, np.float64)
    weights = foreground(mask, protocol)
    span = float(stored.max() - stored.min())
    peaks = {"real": float(truth.max()), "range": span, "full": 255.0}
    peak = peaks[protocol.peak]
    error = metrics.mse(stored, truth, None if protocol.background_counts else weights)
    foreground_error = metrics.fmse(stored, truth, weights)
    similarity = metrics.ssim_map(stored, truth, protocol.window, peaks[protocol.similarity_peak])
    return Scores(
        mse=error,
        fmse=foreground_error,
        psnr=metrics.decibels(error, peak),
        fpsnr=metrics.decibels(foreground_error, peak),
        ssim=metrics.mean_similarity(similarity, protocol.window),
        fssim=metrics.foreground_similarity(similarity, weights),
    )


def _nearest(binary: Bool, size: tuple[int, int]) -> Bool:
    """Return a binary picture at another size: each pixel takes the one under its center, as Pillow's NEAREST."""
    rows, columns = (
        np.floor((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(size, binary.shape, strict=True)
    )
    return binary[np.ix_(rows, columns)]


@dataclass(frozen=True, slots=True)
class _Stored:
    """Bytes of a picture that is not on disk."""

    name: str
    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


def _through_jpeg(picture: UInt8) -> UInt8:
    return pixels.read_image(_Stored("prediction.jpg", pixels.encode(picture, ".jpg", quality=100)))
