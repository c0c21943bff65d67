"""The files of a dataset on disk by name, and what its report says; `write_tables` writes them."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ccharmony import __version__, records, strict_json
from ccharmony.color.transfer import Arithmetic
from ccharmony.dataset import checksums
from ccharmony.dataset.formats import pair_folder
from ccharmony.records import Pair

NAME = "ccHarmony"
MANIFEST = "manifest.csv"
FITS = "fits.h5"
REPORT = "build.json"
FOLDERS: tuple[str, ...] = (pair_folder.COMPOSITES, pair_folder.MASKS, pair_folder.REALS)
PICTURE_FOLDERS = tuple(f"{folder}/" for folder in FOLDERS)
"""How the names of pictures begin in the tables."""

SOURCES = "source"
"""Folder in which a build looks for photos unless it is told otherwise; it may hold anything."""

MAKERS = ("ccharmony build", "ccharmony merge")
"""Commands that make a dataset."""

LISTS: tuple[str, ...] = tuple(f"{NAME}_{split}.txt" for split in records.SPLITS)
CHECKSUMS = "checksums"
"""Key of build.json for the SHA-256 of checksums.csv."""


def read_report(root: Path) -> dict[str, Any]:
    """Return build.json of a finished dataset; empty where there is none that can be read."""
    try:
        return strict_json.read_object(root / REPORT)
    except (OSError, ValueError):
        return {}


def read_settings(root: Path) -> dict[str, Any]:
    """Return the settings of a finished dataset as JSON stores them; empty where there is no dataset."""
    settings = read_report(root).get("settings", {})
    return settings if isinstance(settings, dict) else {}


def is_soft(root: Path) -> bool:
    """Return whether a dataset's masks may hold values between 0 and 1, by the settings it was built with."""
    pair = read_settings(root).get("pair")
    return isinstance(pair, dict) and bool(pair.get("soft", False))


def is_sealed(root: Path) -> bool:
    """Return whether build.json has hashes, as this version writes them, or cannot be read at all."""
    content = read_report(root)
    return not content or bool({CHECKSUMS, checksums.SEAL} & content.keys())


def read_arithmetic(root: Path) -> Arithmetic | None:
    """Return how the matrices of a dataset were applied; None where its settings do not say."""
    fit = read_settings(root).get("fit")
    return None if fit is None else "published" if fit == "published" else "float"


def manifest_order(row: Pair) -> tuple[str, str, int]:
    """Return the key of the manifest's order: photo, foreground, number of the composite; -1 where it has none."""
    number = Path(row.composite).stem.rpartition("_")[2]
    return row.photo, row.foreground, int(number) if number.isdecimal() and len(number) < 10 else -1


def pictures_of(rows: Sequence[Pair]) -> dict[str, str]:
    """Return the pictures that rows name, below the root, each with its SHA-256."""
    found: dict[str, str] = {}
    for row in rows:
        found |= {row.composite: row.composite_sha256, row.mask: row.mask_sha256, row.real: row.real_sha256}
    return found


def versions() -> dict[str, str]:
    """Return the versions of what decides the bytes of a dataset, by name."""
    return {
        "ccharmony": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }
