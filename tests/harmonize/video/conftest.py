"""Videos that the tests write themselves, and read again with OpenCV's own FFmpeg."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ccharmony.arrays import Float32, UInt8

av = pytest.importorskip("av", reason="videos need PyAV: pip install 'ccharmony[video]'")

BT709, BT601, LIMITED, FULL = 1, 6, 1, 2


def write_video(
    path: Path,
    frames: Iterable[UInt8],
    *,
    codec: str = "ffv1",
    kind: str = "yuv444p",
    pts: Sequence[int] | None = None,
    rate: int = 10,
    clock: int = 1000,
    matrix: int = BT709,
    limits: int = LIMITED,
    curve: int = 1,
    turned: int = 0,
    sound: bool = False,
    pixel: Fraction | None = None,
    fields: bool = False,
    alpha: Sequence[Float32] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write RGB frames (H, W, 3); without `options` as good as lossless."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=rate, options={"crf": "1"} if options is None and codec != "ffv1" else options
        )
        tone = container.add_stream("pcm_s16le" if path.suffix == ".mkv" else "aac", rate=48000) if sound else None
        context = stream.codec_context
        context.time_base, context.pix_fmt = Fraction(1, clock), kind
        context.colorspace, context.color_range, context.color_trc, context.color_primaries = matrix, limits, curve, 1
        if pixel:
            context.sample_aspect_ratio = pixel
        if fields:
            context.flags |= av.codec.context.Flags.interlaced_dct
        for number, picture in enumerate(frames):
            if number == 0:
                context.height, context.width = picture.shape[:2]
                if turned:
                    stream.set_display_rotation(turned)
            opacity = [] if alpha is None else [np.rint(255 * alpha[number]).astype(np.uint8)]
            layers, layout = np.dstack([picture, *opacity]), "rgb24" if alpha is None else "rgba"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(layers), format=layout).reformat(
                format=kind, dst_colorspace=matrix, dst_color_range=limits
            )
            frame.pts = pts[number] if pts else number * clock // rate
            frame.time_base, frame.colorspace, frame.color_range = Fraction(1, clock), matrix, limits
            frame.color_trc = curve
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            _write_tone(container, tone)
    return path


def _write_tone(container: Any, stream: Any) -> None:
    for number in range(20):
        wave = 8000 * np.sin(np.arange(1024) * 0.05 * (1 + number % 3))
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 1024, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def read_video(path: Path) -> list[UInt8]:
    """Decode with OpenCV: RGB frames (H, W, 3)."""
    capture = cv2.VideoCapture(str(path))
    found = []
    while True:
        more, frame = capture.read()
        if not more:
            return found
        found.append(np.ascontiguousarray(frame[..., ::-1]))


def read_planes(path: Path) -> list[list[UInt8]]:
    """Decode without a conversion: the planes of each frame, (h, w)."""
    with av.open(str(path)) as container:
        return [
            [np.array(np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width]) for p in frame.planes]
            for frame in container.decode(video=0)
        ]


def read_packets(path: Path, kind: str) -> list[bytes]:
    """The packets of the first stream of a kind, as they are stored."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(**{kind: 0}) if packet.size]


def read_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [round(float(frame.pts * frame.time_base), 4) for frame in container.decode(video=0)]


def draw_frames(count: int = 8, height: int = 36, width: int = 64) -> list[UInt8]:
    """Smooth colors that stay, with a bright box that moves."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    ground = 60 + 120 * np.stack([rows / height, columns / width, (rows + columns) / (height + width)], axis=2)
    frames = [np.rint(ground).astype(np.uint8) for _ in range(count)]
    for frame, mask in zip(frames, draw_masks(count, height, width), strict=True):
        frame[mask > 0] = (200, 150, 90)
    return frames


def draw_masks(count: int = 8, height: int = 36, width: int = 64) -> list[Float32]:
    masks = [np.zeros((height, width), np.float32) for _ in range(count)]
    for number, mask in enumerate(masks):
        mask[10:24, 6 + 4 * number : 24 + 4 * number] = 1
    return masks


def gray(masks: Iterable[Float32]) -> list[UInt8]:
    """Masks as pictures that a video can hold."""
    return [np.repeat((255 * mask).astype(np.uint8)[..., None], 3, axis=2) for mask in masks]


@pytest.fixture
def video_kit() -> Any:
    """What writes, reads and draws."""
    from types import SimpleNamespace

    names: dict[str, Callable[..., Any]] = {
        "write": write_video,
        "read": read_video,
        "planes": read_planes,
        "packets": read_packets,
        "times": read_times,
        "draw_frames": draw_frames,
        "draw_masks": draw_masks,
        "gray": gray,
    }
    return SimpleNamespace(**names)
