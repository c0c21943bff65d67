"""What smoothing over time does to flicker and to accuracy, and what a video costs.

    python -m benchmarks.video [--smoke] [--photos DIR] [--weights NAME|FILE] [--clips 4] [--speed]

*Flicker and accuracy* of clips made of photos with masks, whose real frames are known: the camera pans; a mask moves
over a photo that is still; the light of the scene changes within a second while the foreground keeps its own; a cut.
In each the foreground is in another light throughout. Flicker is measured as in HYouTube: how far the foreground's mean
color steps from frame to frame beyond what the real one's does, in levels; fMSE is over all frames. Beside the default
stand other smoothings, a causal filter, and each frame by itself as `harmonize apply` harmonizes a picture.

*Speed* (`--speed`) at 1280x720: frames a second, beside decoding and encoding alone.

References
----------
X. Lu et al. Deep Video Harmonization with Color Mapping Consistency. IJCAI 2022 (HYouTube).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np
from torch import nn

from benchmarks import apply, scene
from benchmarks.timing import medians
from ccharmony.arrays import Float32, UInt8
from harmonize.data.photos import PhotoPaths, find_photos, read_photo
from harmonize.inference import network
from harmonize.inference.image import Change, find_change
from harmonize.inference.strips import blend
from harmonize.markdown import make_table
from harmonize.video.look import SEEN_PER_SECOND, look_at
from harmonize.video.shots import THUMBNAIL
from harmonize.video.timeline import SMOOTHING, Timeline
from harmonize.weights import cards

RATE, SECONDS = 25, 3
_SMOOTHINGS = (0.25, 0.5, 1.0, 2.0)
FRAMES = RATE * SECONDS
SIDE = 256

Lit = Callable[[UInt8], UInt8]


@dataclass(frozen=True)
class Still:
    """One frame of a clip: composite and real picture (H, W, 3), uint8, mask (H, W) in [0, 1], seconds."""

    composite: UInt8
    mask: Float32
    real: UInt8
    time: float

    def thumbnail(self) -> UInt8:
        """Return a copy (18, 32, 3)."""
        return np.asarray(cv2.resize(self.composite, THUMBNAIL[::-1], interpolation=cv2.INTER_AREA), np.uint8)

    def picture(self) -> UInt8:
        """Return the composite."""
        return self.composite


Clip = list[Still]


def compose(foreground: UInt8, real: UInt8, mask: Float32, time: float) -> Still:
    """Put a foreground into its real picture."""
    composite = np.rint(real + (foreground.astype(np.float32) - real) * mask[..., None]).astype(np.uint8)
    return Still(composite, mask, real, time)


def pan(photo: UInt8, mask: Float32, lit: Lit) -> Clip:
    """Move a window of two thirds over the photo."""
    height, width = (2 * side // 3 for side in mask.shape)
    clip = []
    for number in range(FRAMES):
        share = number / (FRAMES - 1)
        top, left = round(share * (mask.shape[0] - height)), round(share * (mask.shape[1] - width))
        window = slice(top, top + height), slice(left, left + width)
        clip.append(compose(lit(photo[window]), photo[window], mask[window], number / RATE))
    return clip


def move_mask(photo: UInt8, _mask: Float32, lit: Lit) -> Clip:
    """Move an ellipse over the photo: what is in it changes all the time."""
    rows, columns = np.mgrid[: photo.shape[0], : photo.shape[1]].astype(np.float32)
    clip = []
    for number in range(FRAMES):
        x = (0.25 + 0.5 * number / FRAMES) * photo.shape[1]
        radius = np.hypot((rows / photo.shape[0] - 0.5) / 0.3, (columns - x) / photo.shape[1] / 0.2)
        mask = np.asarray(((1 - radius) * 20).clip(0, 1), np.float32)
        clip.append(compose(lit(photo), photo, mask, number / RATE))
    return clip


def change_light(photo: UInt8, mask: Float32, lit: Lit) -> Clip:
    """Dim and warm the scene within the second second; the pasted foreground stays as it was."""
    foreground, later = lit(photo), np.array([0.75, 0.6, 0.45])
    clip = []
    for number in range(FRAMES):
        share = min(max(number / RATE - 1.0, 0.0), 1.0)
        real = np.rint(photo * (1 + share * (later - 1))).astype(np.uint8)
        clip.append(compose(foreground, real, mask, number / RATE))
    return clip


def cut(photo: UInt8, mask: Float32, lit: Lit, other: tuple[UInt8, Float32]) -> Clip:
    """Show two photos for half of the time each."""
    half = FRAMES // 2
    size = photo.shape[1::-1]
    second, inside = cv2.resize(other[0], size), np.asarray(cv2.resize(other[1], size), np.float32)
    turned = np.asarray(second[..., ::-1], np.uint8)  # what was too blue is too red
    return [
        compose(lit(photo), photo, mask, number / RATE)
        if number < half
        else compose(np.asarray(lit(turned)[..., ::-1], np.uint8), np.asarray(second, np.uint8), inside, number / RATE)
        for number in range(FRAMES)
    ]


def make_clips(found: Sequence[PhotoPaths]) -> Iterator[tuple[str, Clip]]:
    """Yield clips of every kind and their kind's name."""
    pictures = [_read(paths) for paths in found]
    for number, (photo, mask) in enumerate(pictures):
        lit = scene.recolor(number)
        yield "pan", pan(photo, mask, lit)
        yield "mask moves", move_mask(photo, mask, lit)
        yield "light changes", change_light(photo, mask, lit)
        yield "cut", cut(photo, mask, lit, pictures[number - 1])


def _read(paths: PhotoPaths) -> tuple[UInt8, Float32]:
    image, mask = read_photo(paths)
    size = (384, 288) if image.shape[1] >= image.shape[0] else (288, 384)
    inside = np.asarray(cv2.resize(mask.astype(np.float32), size), np.float32)
    return np.asarray(cv2.resize(image, size), np.uint8), inside / max(float(inside.max()), 1e-6)


def find_methods(clip: Clip, net: nn.Module) -> dict[str, Callable[[Still], Change | None]]:
    """Return how each way changes a frame of a clip."""
    every = look_at(((still, still.mask) for still in clip), net, smoothing=0)
    step = round(RATE / SEEN_PER_SECOND)
    some = replace(every, times=every.times[::step], moments=every.moments[::step])
    smoothed = {f"{s:g} s": partial(_at, replace(some, smoothing=s)) for s in _SMOOTHINGS}
    return {
        "a picture each": lambda still: find_change(net, still.composite, still.mask),
        "0 s": partial(_at, every),
        **smoothed,
        f"{SMOOTHING:g} s, causal": partial(_causal, replace(some, smoothing=SMOOTHING)),
    }


def _at(timeline: Timeline, still: Still) -> Change | None:
    return timeline.change_at(still.time)


def _causal(timeline: Timeline, still: Still) -> Change | None:
    known = max(int(np.searchsorted(timeline.times, still.time, side="right")), 1)
    return _at(replace(timeline, times=timeline.times[:known], moments=timeline.moments[:known]), still)


def score(clip: Clip, change_of: Callable[[Still], Change | None]) -> tuple[float, float]:
    """Return fMSE and flicker of a clip."""
    errors, offsets = [], []
    for still in clip:
        inside = still.mask > 0.5
        if not inside.any():
            continue
        result = still.composite.copy()
        if change := change_of(still):
            blend(still.composite, still.mask, 1.0, change(still.composite), result)
        difference = result.astype(np.float64) - still.real
        errors.append(float(np.square(difference[inside]).mean()))
        offsets.append(difference[inside].mean(axis=0))
    return float(np.mean(errors)), float(np.abs(np.diff(offsets, axis=0)).mean())


def compare(found: Sequence[PhotoPaths], net: nn.Module, every: int = 1) -> str:
    """Return the table of every Nth frame: ways down, kinds across, fMSE and flicker in each cell."""
    cells: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for kind, whole in make_clips(found):
        clip = whole[::every]
        rows = {"composite": lambda _still: None, **find_methods(clip, net)}
        for name, change_of in rows.items():
            cells.setdefault(name, {}).setdefault(kind, []).append(score(clip, change_of))
    kinds = list(next(iter(cells.values())))
    table = []
    for name, row in cells.items():
        means = [np.mean(row[kind], axis=0) for kind in kinds]
        table.append([name, *(f"{error:.0f}, {flicker:.2f}" for error, flicker in means)])
    return make_table(["fMSE, flicker", *kinds], table)


def measure_speed(folder: Path, weights: str, frames: int, height: int, repeats: int) -> str:
    """Return frames a second of a rendered video, and of decoding and encoding it alone."""
    from harmonize.video.job import harmonize_video
    from harmonize.video.reading import open_footage
    from harmonize.video.writing import open_sink

    video, masks = folder / "in.mp4", folder / "masks.mp4"
    _write_video(video, masks, frames, height)

    def copy() -> None:
        with open_footage(video) as source, open_sink(folder / "copy.mp4", source) as sink:
            for frame in source.frames(sink.formats):
                sink.write(frame)

    ways: dict[str, Callable[[], object]] = {
        "decoded and encoded": copy,
        "harmonized": lambda: harmonize_video(video, masks, folder / "out.mp4", weights),
        "harmonized, --smooth 0": lambda: harmonize_video(video, masks, folder / "out.mp4", weights, smoothing=0),
    }
    ways["harmonized"]()  # weights are loaded
    seconds = medians(ways, repeats)
    floor = seconds["decoded and encoded"]
    rows = [[name, f"{frames / each:.1f}", f"{each / floor:.2f}x"] for name, each in seconds.items()]
    return make_table([f"{height} lines, {frames} frames", "frames a second", "time"], rows)


def _write_video(video: Path, masks: Path, count: int, height: int) -> None:
    """Write a photo of noise that pans, H.264, and an ellipse of an eighth that moves."""
    import av

    width = height * 16 // 9
    photo = apply.make_photo(height + 64, width + 2 * count + 64)
    for path in (video, masks):
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for number in range(count):
                shown = photo[32 : 32 + height, 2 * number : 2 * number + width]
                if path == masks:
                    shown = np.zeros_like(shown)
                    cv2.ellipse(
                        shown,
                        (width // 3 + 2 * number, height // 2),
                        (width // 6, height // 4),
                        0,
                        0,
                        360,
                        (255,) * 3,
                        -1,
                    )
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


@click.command()
@click.option("--smoke", is_flag=True, help="Rendered photos, one clip of each kind: shows that it runs.")
@click.option("--photos", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Photos with masks.")
@click.option("--weights", default=cards.default_weights(), show_default=True, help="Bundled weights or a file.")
@click.option("--clips", type=click.IntRange(1), default=4, show_default=True, help="Photos, evenly spread over val.")
@click.option("--speed", is_flag=True, help="Measure frames a second, too.")
def main(smoke: bool, photos: Path | None, weights: str, clips: int, speed: bool) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if smoke:
            photos, clips = scene.write_photos(folder, train=1, val=1)[0], 1
        if photos is None:
            raise click.UsageError("wanted --photos, or --smoke")
        found = find_photos(photos, "val")
        click.echo(
            compare(found[:: max(len(found) // clips, 1)][:clips], network.load_network(weights), 25 if smoke else 1)
        )
        if speed or smoke:
            click.echo(measure_speed(folder, weights, 10 if smoke else 100, 144 if smoke else 720, 1 if smoke else 3))


if __name__ == "__main__":
    main()
