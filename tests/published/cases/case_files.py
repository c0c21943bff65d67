"""The files of the cases, and what is read of the results: by Pillow and NumPy, never by the project's own readers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from ccharmony.dataset.manifest import read_manifest

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
OURS, THEIRS = CASES / "ccharmony", CASES / "harmonize"
REFERENCE, MASK = THEIRS / "00_reference_composite.png", THEIRS / "00_reference_mask.png"
WEIGHTS = ("--weights", "giftnet_w16")
Run = Callable[..., tuple[int, str]]


def levels(path: Path) -> np.ndarray:
    """Return the values of a picture as Pillow reads them."""
    return np.asarray(Image.open(path)).astype(int)


def pairs_by_foreground(dataset: Path) -> dict[str, int]:
    """Return how many pairs each foreground got."""
    names = [f"{pair.photo}_{pair.foreground}" for pair in read_manifest(dataset / "manifest.csv")]
    return {name: names.count(name) for name in sorted(set(names))}


def found(text: str) -> dict[str, Any]:
    """Return the one JSON object that `detect --json` printed."""
    (line,) = [line for line in text.splitlines() if line.startswith("{")]
    return dict(json.loads(line))


def color_error(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean CIEDE2000 of two pictures of 8 bits."""
    return float(deltaE_ciede2000(rgb2lab(a / 255), rgb2lab(b / 255)).mean())
