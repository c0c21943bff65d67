"""Frames of a video file, one after the other.

Contents: :class:`Footage`, :class:`VideoFrame`; :func:`open_footage`, :func:`choose_format`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ccharmony import inputs
from ccharmony.arrays import Float32, Shape, UInt8
from ccharmony.errors import SourceError
from harmonize.video import planes
from harmonize.video.container import SUFFIXES, Coding, load_av, read_coding
from harmonize.video.shots import THUMBNAIL

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg"
"""Containers that are read; a playlist could name any other file or address."""

_PLANAR = ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p")
WORKING = (*_PLANAR, *(f"{name}10le" for name in _PLANAR[:3]))
"""Formats whose planes are changed as they are; others are converted first."""

_CUT_SILENTLY = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi")
"""Containers at whose end FFmpeg does not ask whether all has come that their headers tell."""

_MISSING = 0.3
"""Seconds that may be missing at the end, and one frame: headers round times, not all files tell a frame's length."""


@dataclass
class VideoFrame:
    """A decoded frame, upright.

    Attributes
    ----------
    image
        PyAV's frame, in one of the `WORKING` formats.
    coding
        How its samples stand for colors.
    time
        Seconds since the first frame.
    alpha
        Opacity (H, W), in [0, 1], where the file has it; `image` has none.
    pixel
        Width of a pixel by its height, where the file says it.
    is_interlaced
        Whether its lines are of two moments.
    """

    image: Any
    coding: Coding
    time: float
    alpha: Float32 | None = None
    pixel: Fraction | None = None
    is_interlaced: bool = False

    @property
    def shape(self) -> Shape:
        """Height and width in pixels."""
        return self.image.height, self.image.width

    def thumbnail(self) -> UInt8:
        """Return a copy (18, 32, 3), RGB."""
        return planes.to_rgb(self.image, self.coding, THUMBNAIL[1], THUMBNAIL[0])

    def picture(self) -> UInt8:
        """Return the frame (H, W, 3), RGB, 8 bits."""
        return planes.to_rgb(self.image, self.coding)


@dataclass(frozen=True)
class Footage:
    """An open video.

    Attributes
    ----------
    path
        Its file.
    container, stream, decoder
        PyAV's, open; the stream is that of the pictures.
    """

    path: Path
    container: Any
    stream: Any
    decoder: Any

    @property
    def has_alpha(self) -> bool:
        """Whether its frames have opacity."""
        kind = self.decoder.format or self.stream.codec_context.format
        return _names_alpha(self.stream) or (kind is not None and planes.has_alpha(kind))

    @property
    def rate(self) -> Fraction:
        """Frames a second, in the mean; 25 where the file does not say."""
        return Fraction(self.stream.average_rate or self.stream.guessed_rate or 25)

    @property
    def expected(self) -> int:
        """Number of frames, as far as the file says; 0 where it does not."""
        if self.stream.frames:
            return int(self.stream.frames)
        return round(self.container.duration * self.rate / load_av().time_base) if self.container.duration else 0

    def frames(
        self,
        formats: Collection[str] = WORKING,
        copied: Collection[Any] = (),
        copy: Callable[[Any], None] | None = None,
    ) -> Iterator[VideoFrame]:
        """Yield the frames; once for an open file.

        Parameters
        ----------
        formats
            Those of `WORKING` that a frame may have, such as those of an encoder.
        copied, copy
            Other streams, and what is called with each of their packets.

        Yields
        ------
        VideoFrame
            Upright, in the order of time.

        Raises
        ------
        SourceError
            The file is damaged or cut off, has no frame, or its colors are coded in a way that is not known.
        """
        first, number, end = None, -1, 0.0
        try:
            for packet in self.container.demux():
                end = max(end, _end_of(packet))
                if packet.stream is not self.stream:
                    if packet.stream in copied:
                        assert copy is not None
                        copy(packet)
                    continue
                decoded = self.decoder.decode(packet)
                for number, frame in enumerate(decoded, start=number + 1):  # noqa: B020 - goes on counting
                    self._stamp(frame, number)
                    time = float(frame.pts * frame.time_base)
                    first = time if first is None else first
                    if frame.is_corrupt:
                        place = f"frame {number + 1} ({time - first:.2f} s) is damaged"
                        raise SourceError(f"{self.path}: {place}; encode it anew to use it as it looks")
                    yield self._prepare(frame, formats, time - first)
        except load_av().FFmpegError as error:
            raise SourceError(f"{self.path}: damaged after {number + 1} frames ({error.strerror})") from error
        if number < 0:
            raise SourceError(f"{self.path}: no frame in it")
        if self._stated_end - end > _MISSING + 1 / self.rate:
            raise SourceError(f"{self.path}: ends after {end:.2f} s, its header says {self._stated_end:.2f} s; cut off")

    def _stamp(self, frame: Any, number: int) -> None:
        """Give a frame its time by its number where the file does not tell it.

        An AVI counts its frames in the order of decoding, which with B-frames is not that of showing.
        """
        if frame.pts is None or (self.container.format.name == "avi" and self.decoder.has_b_frames):
            frame.time_base = self.stream.time_base
            frame.pts = round(number / (self.rate * frame.time_base))

    @property
    def _stated_end(self) -> float:
        """Second at which the header says that the last stream ends; 0 where FFmpeg says by itself what is missing."""
        if self.container.format.name not in _CUT_SILENTLY:
            return 0.0
        by_frames = float(self.stream.frames / self.rate) if self.container.format.name == "avi" else 0.0
        return max(by_frames, float((self.container.duration or 0) / load_av().time_base))

    def _prepare(self, frame: Any, formats: Collection[str], time: float) -> VideoFrame:
        coding = read_coding(frame, self.path)
        quarters, is_interlaced = round(frame.rotation / 90), frame.interlaced_frame
        alpha = planes.alpha_of(frame, quarters)
        pixel = self.stream.sample_aspect_ratio
        wanted = choose_format(frame.format, formats, is_turned=quarters % 2 == 1)
        if wanted != frame.format.name:
            frame = frame.reformat(
                format=wanted,
                src_colorspace=coding.matrix,
                dst_colorspace=coding.matrix,
                src_color_range=coding.range,
                dst_color_range=coding.range,
            )
        if pixel and quarters % 2:
            pixel = 1 / pixel
        return VideoFrame(planes.turn(frame, quarters), coding, time, alpha, pixel or None, is_interlaced)


@contextlib.contextmanager
def open_footage(path: Path) -> Iterator[Footage]:
    """Open a video.

    Parameters
    ----------
    path
        The file; it is recognized by its content.

    Yields
    ------
    Footage
        Open until the context ends.

    Raises
    ------
    SourceError
        It cannot be read, is no video, or has no pictures, or none that can be decoded.
    SettingsError
        PyAV is not installed.
    """
    av = load_av()
    try:
        file = inputs.open_binary(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}), a video wanted") from error
    with file:
        try:
            container = av.open(file, options={"format_whitelist": _FORMATS}, metadata_errors="replace")
        except av.FFmpegError as error:
            raise SourceError(f"{path}: no video ({error.strerror}), wanted {' '.join(SUFFIXES)}") from error
        with container:
            streams = [each for each in container.streams.video if not each.disposition & each.disposition.attached_pic]
            if not streams:
                raise SourceError(f"{path}: no pictures in it, a video wanted")
            if streams[0].codec_context is None:
                raise SourceError(f"{path}: coded in a way that FFmpeg does not know, another video wanted")
            streams[0].thread_type = "AUTO"
            yield Footage(path, container, streams[0], _choose_decoder(streams[0]))


def _end_of(packet: Any) -> float:
    """Return the second at which a packet ends; 0 where it does not say."""
    place = packet.dts if packet.pts is None else packet.pts
    return 0.0 if place is None else float((place + (packet.duration or 0)) * packet.time_base)


def _names_alpha(stream: Any) -> bool:
    return bool(stream.metadata.get("alpha_mode") == "1")


def _choose_decoder(stream: Any) -> Any:
    """Return what decodes a stream; of VP8 and VP9 with alpha FFmpeg's own decoder gives the colors alone."""
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.codec.canonical_name)
    if name is None or not _names_alpha(stream):
        return stream.codec_context
    return load_av().CodecContext.create(name, "r")


def choose_format(found: Any, allowed: Collection[str], *, is_turned: bool = False) -> str:
    """Return the format among those allowed that loses least.

    Parameters
    ----------
    found
        PyAV's format of the frames.
    allowed
        Names among `WORKING`.
    is_turned
        Whether frames are turned by a quarter, for which chroma must be halved alike both ways.

    Returns
    -------
    str
        The format itself where it is allowed.
    """
    kinds = ("420", "444") if is_turned else ("420", "422", "444")
    chroma = {(4, 4): "420", (4, 8): "422"}.get((found.chroma_width(8), found.chroma_height(8)), "444")
    kind = "444" if found.is_rgb or chroma not in kinds else chroma
    bits = "10le" if found.components[0].bits > 8 else ""
    prefix = "yuvj" if found.name.startswith("yuvj") else "yuv"
    finer = kinds[kinds.index(kind) :]
    ranked = [
        *(f"{each_prefix}{each}p{bits}" for each in finer for each_prefix in (prefix, "yuv")),
        *(f"yuv{each}p10le" for each in finer),
        *(f"yuv{each}p{depth}" for each in reversed(kinds) for depth in (bits, "", "10le")),
    ]
    return next(name for name in ranked if name in allowed)
