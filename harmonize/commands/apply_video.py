"""`harmonize apply` of a video: what its options mean there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ccharmony.console import echo, progress_bar
from ccharmony.files import make_folder
from ccharmony.outputs import check_files

if TYPE_CHECKING:
    from harmonize.inference.image import Size
    from harmonize.inference.runtimes import Weights


def apply_video(
    video: Path,
    masks: Path,
    out: Path,
    weights: Weights,
    *,
    strength: float,
    size: Size,
    device: str,
    smoothing: float,
    from_params: Path | None,
    force: bool,
) -> None:
    """Harmonize a video, and say what a person should know."""
    from harmonize.video.job import harmonize_video

    inputs = [video, masks, *(Path(path) for path in (weights, from_params) if isinstance(path, str | Path))]
    check_files([out], inputs, force=force)
    make_folder(out.parent)
    with progress_bar() as progress:
        notes = harmonize_video(
            video,
            masks,
            out,
            weights,
            strength=strength,
            size=size,
            device=device,
            smoothing=smoothing,
            adjustment=from_params,
            progress=progress,
        )
    for note in notes:
        echo(note, err=True)
    echo(str(out))
