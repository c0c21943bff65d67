"""The weights that come with the package, each checked against its SHA-256."""

import hashlib
from pathlib import Path

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
    if not path.exists():
        names = ", ".join(list_weights()) or "(none is bundled)"
        raise WeightsError(f"{name_or_path}: no such weights; a file or one of {names} wanted")
    return path


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
