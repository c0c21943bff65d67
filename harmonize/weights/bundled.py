"""The weights that come with the package, each checked against its SHA-256; nothing here imports torch."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ccharmony import inputs, strict_json
from ccharmony.arrays import Float32
from ccharmony.errors import WeightsError
from ccharmony.files import StrPath

WEIGHTS = Path(__file__).parent
"""Bundled weights: ``NAME.safetensors``, its card ``NAME.md``, and ``SHA256SUMS`` as ``sha256sum`` writes it."""


def list_weights() -> list[str]:
    """Return the names of the weights that come with the package, sorted."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def find(name_or_path: StrPath) -> Path:
    """Return the path of bundled weights by name, or the path itself.

    Parameters
    ----------
    name_or_path
        Name of bundled weights, or a file.

    Returns
    -------
    Path
        A path that exists; whether it is a file is checked when it is opened.

    Raises
    ------
    WeightsError
        Neither a bundled name nor a file.
    """
    if str(name_or_path) in list_weights():
        return WEIGHTS / f"{name_or_path}.safetensors"
    path = Path(name_or_path)
    if not _exists(path):
        names = ", ".join(list_weights()) or "(none is bundled)"
        raise WeightsError(f"{name_or_path}: no such weights; a file or one of {names} wanted")
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for a file
        return False


def check_digest(path: Path) -> None:
    """Check bundled weights against their line of ``SHA256SUMS``; raises WeightsError."""
    sums = path.parent / "SHA256SUMS"
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    pairs = [line.split() for line in lines]
    recorded = {pair[1].removeprefix("*"): pair[0] for pair in pairs if len(pair) == 2}
    if path.name not in recorded:
        raise WeightsError(f"{path}: no checksum in {sums.name}, one wanted for every bundled file")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != recorded[path.name]:
        raise WeightsError(f"{path}: SHA-256 {found[:9]}… found, {recorded[path.name][:9]}… wanted; altered or cut off")


def read_notes(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return settings and metadata of bundled weights, as plain values; raises WeightsError for a damaged file."""
    with _opened(name) as file:
        notes = file.metadata() or {}
    settings, metadata = (strict_json.parse(notes.get(key, "{}")) for key in ("settings", "metadata"))
    if not isinstance(settings, dict) or not isinstance(metadata, dict):
        raise WeightsError(f"{name}: settings and metadata are no JSON objects, weights saved by harmonize wanted")
    return settings, metadata


def read_arrays(name: str) -> dict[str, Float32]:
    """Return bundled weights by the names of their tensors, but for integers; raises WeightsError as `check_digest`."""
    check_digest(WEIGHTS / f"{name}.safetensors")
    with _opened(name) as file:
        found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    return {key: value.astype(np.float32) for key, value in found.items() if value.dtype.kind == "f"}


@contextlib.contextmanager
def _opened(name: str) -> Iterator[Any]:
    path = WEIGHTS / f"{name}.safetensors"
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: damaged or not a safetensors file ({inputs.why(error)})") from error
