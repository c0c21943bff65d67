"""A video written frame by frame: coded as the one it is made of, its sound, subtitles and tags copied.

Contents: :class:`Sink`; :func:`open_sink`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccharmony import files
from ccharmony.errors import OutputError
from harmonize.video.container import MUXERS, load_av
from harmonize.video.reading import WORKING, Footage, VideoFrame

ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"crf": "16"}),
    "hevc": ("libx265", {"crf": "18", "x265-params": "log-level=error"}),
    "vp9": ("libvpx-vp9", {"crf": "20", "b": "0", "row-mt": "1"}),
    "av1": ("libsvtav1", {"crf": "20", "preset": "8"}),
    "prores": ("prores_ks", {}),
    "ffv1": ("ffv1", {}),
}
"""Codecs that are kept, with the encoder and its options; the qualities are ones that do not show. Others become H.264,
in .webm VP9."""

_EXACT = {"fflags": "+bitexact"}
"""Of containers: no random number in the file, so that the same video has the same bytes."""

_HALVED_AT_EVEN_SIDES = ("libx264", "libx265", "libsvtav1")
"""Encoders that take halved chroma only where a side is even."""


@dataclass
class Sink:
    """A video being written.

    Attributes
    ----------
    container, stream
        PyAV's, open; the stream is that of the pictures.
    formats
        Those that its encoder takes.
    copied
        Streams of the source whose packets are copied, and their streams in the result.
    path, notes
        Its file, and what a person should know of it.
    """

    path: Path
    container: Any
    stream: Any
    formats: tuple[str, ...]
    copied: Mapping[Any, Any]
    notes: list[str]
    _waiting: list[Any] | None = field(default_factory=list)

    def write(self, frame: VideoFrame) -> None:
        """Encode a frame; the first decides the size and how colors are coded."""
        if self._waiting is not None:
            _adopt(self.stream.codec_context, frame)
            if frame.is_interlaced and not _keeps_fields(self.stream.codec_context):
                self.notes.append(f"{self.path}: interlaced in the source, whole frames here: lines of two moments")
        frame.image.pict_type = 0  # the encoder chooses which frames are whole ones
        self.container.mux(self.stream.encode(frame.image))
        waiting, self._waiting = self._waiting, None
        for packet in waiting or ():
            self.copy(packet)

    def copy(self, packet: Any) -> None:
        """Copy a packet of another stream."""
        if self._waiting is not None:  # the first packet opens every encoder
            self._waiting.append(packet)
        elif packet.dts is not None:  # the last packet of a stream is empty
            packet.stream = self.copied[packet.stream]
            self.container.mux(packet)


@contextlib.contextmanager
def open_sink(path: Path, source: Footage) -> Iterator[Sink]:
    """Open a video to write; it gets its name when all is well at the end of the context.

    Parameters
    ----------
    path
        The file; its suffix, one of `MUXERS`, decides the container.
    source
        The video that its time base, sound, subtitles and tags are taken from.

    Yields
    ------
    Sink
        What frames are written to.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    av = load_av()
    with files.replacing(path) as temporary:
        try:
            with av.open(str(temporary), "w", format=MUXERS[path.suffix.lower()], options=_EXACT) as container:
                sink = _prepare(path, container, source)
                yield sink
                container.mux(sink.stream.encode(None))
        except av.FFmpegError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _prepare(path: Path, container: Any, source: Footage) -> Sink:
    codec, (name, options) = _choose_encoder(container, source.stream)
    notes = []
    if codec != source.stream.codec_context.codec.canonical_name:
        notes.append(f"{path}: coded as {codec}, the source as {source.stream.codec_context.codec.canonical_name}")
    stream = container.add_stream(name, rate=source.rate, options=options)
    context = stream.codec_context
    context.time_base = source.stream.time_base
    context.thread_type, context.thread_count = "AUTO", 0
    if codec == "hevc" and container.format.name in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # without it Apple's players show nothing
    stream.metadata.update({name: text for name, text in source.stream.metadata.items() if name != "alpha_mode"})
    container.metadata.update(source.container.metadata)
    if source.has_alpha:
        notes.append(f"{path}: without the alpha of the source")
    copied: dict[Any, Any] = {}
    for other in source.container.streams:
        coded = other.codec_context and other.codec_context.codec.name  # None of a codec that FFmpeg does not know
        if other.type in ("audio", "subtitle") and coded in container.supported_codecs:
            copied[other] = container.add_stream_from_template(other)
        elif other is not source.stream:
            notes.append(f"{path}: without stream {other.index} of the source ({other.type})")
    taken = {each.name for each in stream.codec_context.codec.video_formats or ()}
    return Sink(path, container, stream, tuple(each for each in WORKING if each in taken), copied, notes)


def _choose_encoder(container: Any, stream: Any) -> tuple[str, tuple[str, dict[str, str]]]:
    """Return a codec and its encoder: the source's, where it can be had in the container."""
    own = stream.codec_context.codec.canonical_name
    usual = "vp9" if container.format.name == "webm" else "h264"
    codec = own if own in ENCODERS and own in container.supported_codecs else usual
    return codec, ENCODERS[codec]


def _adopt(context: Any, frame: VideoFrame) -> None:
    """Set an encoder up for frames like one."""
    image = frame.image
    context.width, context.height, context.pix_fmt = image.width, image.height, image.format.name
    context.color_range, context.colorspace = image.color_range, image.colorspace
    context.color_primaries, context.color_trc = image.color_primaries, image.color_trc
    if frame.pixel:
        context.sample_aspect_ratio = frame.pixel
    if frame.is_interlaced and _keeps_fields(context):
        flags = load_av().codec.context.Flags
        context.flags |= flags.interlaced_dct | flags.interlaced_me


def _keeps_fields(context: Any) -> bool:
    """Return whether an encoder codes the two fields of a frame as such, in the order that the frame names."""
    return bool(context.codec.name == "libx264")
