"""A video harmonized: looked at first, then changed and written.

Contents: :func:`harmonize_video`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ccharmony.arrays import Float32
from ccharmony.errors import OutputError
from ccharmony.files import StrPath
from ccharmony.progress import Progress, no_progress
from harmonize.inference import runtimes
from harmonize.inference.adjustment import read_json, renderer
from harmonize.inference.image import Change, Size, check_size
from harmonize.inference.runtimes import Weights
from harmonize.models.settings import SIDE
from harmonize.settings import check_number
from harmonize.video import planes
from harmonize.video.container import MUXERS
from harmonize.video.look import look_at
from harmonize.video.masks import open_masks
from harmonize.video.reading import VideoFrame, open_footage
from harmonize.video.timeline import LONGEST, SMOOTHING
from harmonize.video.writing import open_sink


def harmonize_video(
    video: StrPath,
    masks: StrPath,
    out: StrPath,
    net: Weights = None,
    *,
    strength: float = 1.0,
    size: Size = SIDE,
    device: str = "auto",
    smoothing: float = SMOOTHING,
    adjustment: StrPath | None = None,
    progress: Progress = no_progress,
) -> list[str]:
    """Give the foreground of a video the light of its background, without flicker.

    The video is gone through twice, frame by frame: first a network sees some of its frames, then every frame is
    changed by what was found around it in time. Shots are harmonized by themselves.

    Parameters
    ----------
    video
        The composite: a video that FFmpeg reads.
    masks
        Its masks: a video, a folder of pictures, or one picture for all frames; white is foreground.
    out
        The video to write; its suffix decides the container. Codec, size, frame times, color tags, sound, subtitles and
        metadata are those of `video` where the container takes them.
    net, strength, size, device
        As of :func:`harmonize_image`.
    smoothing
        Over how long a time changes are averaged: standard deviation in seconds; 0 harmonizes each frame by itself.
    adjustment
        A file of curves and shading map, as `harmonize apply --params` writes it, for all frames in place of a network.
    progress
        Called with the pass, the frames done and their number.

    Returns
    -------
    list[str]
        What a person should know, a line each: of masks that were resized, of streams that were left out.

    Raises
    ------
    SourceError, ImageError
        The video or its masks cannot be read, or do not fit each other.
    OutputError
        The result cannot be written; nothing of it is left.
    SettingsError
        A number out of range, no such device, or PyAV is not installed.
    WeightsError
        Weights that cannot be loaded.
    """
    check_number("strength", strength, 0, 1)
    check_number("smoothing", smoothing, 0, LONGEST)
    check_size(size)
    source, mask_files, target = Path(video), Path(masks), Path(out)
    if target.suffix.lower() not in MUXERS:
        found_suffix = target.suffix or "no suffix"
        raise OutputError(f"{target}: {found_suffix} is no video to write, wanted one of {' '.join(MUXERS)}")
    if adjustment is not None:
        one = partial(renderer, read_json(Path(adjustment)))
        return _write(source, mask_files, target, lambda _time: one, strength, progress)
    network = runtimes.find(net, device)
    with open_footage(source) as footage, open_masks(mask_files, footage) as found:
        frames = _count(found.beside(footage.frames()), progress, "looked at", footage.expected)
        timeline = look_at(frames, network, size=size, smoothing=smoothing)
    return _write(source, mask_files, target, timeline.change_at, strength, progress)


def _write(
    source: Path,
    mask_files: Path,
    target: Path,
    change_at: Callable[[float], Change | None],
    strength: float,
    progress: Progress,
) -> list[str]:
    """Write the changed video, and return what a person should know of masks and result."""
    with (
        open_footage(source) as footage,
        open_masks(mask_files, footage) as found,
        open_sink(target, footage) as sink,
    ):
        frames = found.beside(footage.frames(sink.formats, list(sink.copied), sink.copy))
        for frame, mask in _count(frames, progress, "written", footage.expected):
            if change := change_at(frame.time):
                planes.add_change(frame.image, frame.coding, mask, change, strength)
            sink.write(frame)
    return found.notes + sink.notes


def _count(
    frames: Iterator[tuple[VideoFrame, Float32]], progress: Progress, stage: str, total: int
) -> Iterator[tuple[VideoFrame, Float32]]:
    """Yield frames, and tell how many are done."""
    for done, each in enumerate(frames, start=1):
        yield each
        progress(stage, done, max(total, done))
