"""Pictures in every format, plain and with tags; what reads them, and how one field of a tag is changed."""

from __future__ import annotations

import functools
import io
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from ccharmony.arrays import UInt8
from ccharmony.build.foreground_mask import read_foregrounds
from ccharmony.errors import CcharmonyError
from ccharmony.images import headers, mask_files, pixels
from ccharmony.images.picture import read_picture
from ccharmony.images.raw import raw_size, read_raw
from ccharmony.images.write_picture import encode_picture

from . import fields
from .conftest import ball_mask, light, render
from .hostile import Target

_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><a tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'


def targets(root: Path) -> Iterator[Target]:
    """Pictures in every format, read in every way; a raw file; pictures with all their tags, read and written again."""
    root.mkdir()
    yield from _plain(root)
    yield from _tagged(root)


def _plain(root: Path) -> Iterator[Target]:
    image = render(light(1.0, 0.9))[:40, :60]
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix, options in (
        (".jpg", {}),
        (".png", {}),
        (".tif", {"compression": "tiff_lzw"}),
        (".webp", {}),
        (".bmp", {}),
    ):
        seeds = []
        for picture in (
            Image.fromarray(image),
            Image.fromarray(ball_mask()[:40, :60] > 0),
            Image.fromarray(image).convert("RGBA"),
        ):
            data = io.BytesIO()
            shown = picture.convert("RGB") if suffix in (".jpg", ".webp") else picture
            shown.save(
                data, Image.registered_extensions()[suffix], **options, **({} if suffix == ".bmp" else {"exif": exif})
            )
            seeds.append(data.getvalue())
        path = root / f"x{suffix}"
        yield Target(suffix[1:].upper(), path, (*seeds, _deep(image, suffix)), lambda path=path: _read_all_ways(path))
    yield Target("DNG", root / "x.dng", (dng(),), lambda: (raw_size(root / "x.dng"), read_raw(root / "x.dng")))


def _tagged(root: Path) -> Iterator[Target]:
    """Pictures with profile, EXIF, XMP and resolution, of gray and of color, in both byte orders."""
    image = Image.fromarray(render(light(1.0, 0.9))[:40, :60])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for suffix in (".jpg", ".png", ".tif", ".webp", ".avif", ".heic", ".jp2"):
        kind = "HEIF" if suffix == ".heic" else Image.registered_extensions()[suffix]
        seeds = []
        for order, picture in (("<", image), (">", image.convert("RGBA" if suffix in (".png", ".tif") else "RGB"))):
            tags = {"exif": _exif(order), "icc_profile": profile, "xmp": _XMP, "dpi": (300, 240)}
            data = io.BytesIO()
            if kind == "HEIF":
                pillow_heif.from_pillow(picture).save(data, **tags)
            else:
                picture.save(data, kind, **tags)
            seeds.append(data.getvalue())
        path = root / f"tagged{suffix}"
        yield Target(f"tags of {kind}", path, tuple(seeds), lambda path=path: _write_again(path), change=change_tags)


def _exif(order: str) -> Image.Exif:
    """What a camera writes, with directories below and a thumbnail's place."""
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0112], exif[0x011A], exif[0x8298] = "Make", 6, 300.0, "(c) someone"
    exif.get_ifd(0x8769).update({0x829A: (1, 250), 0x927C: b"MakersNote\0\1\2" * 5, 0x9003: "2026:01:02 03:04:05"})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.5)})
    return exif


def _write_again(path: Path) -> None:
    """Read a picture, change its colors, and write it in the formats that hold tags."""
    picture = read_picture(path)
    before = picture.levels()
    changed = picture.recolor(before, before // 2 + 9)
    changed.srgb()
    for suffix in (".png", ".tif", ".jpg", ".webp"):
        encode_picture(changed, suffix)


def change_tags(draw: random.Random, data: bytes) -> bytes:
    """Change one field of an EXIF directory or a color profile; of a PNG one of a chunk, its checksum right."""
    if data.startswith(b"\x89PNG"):
        return fields.change_chunk(draw, data, _change_block)
    return _change_block(draw, data)


def _change_block(draw: random.Random, data: bytes) -> bytes:
    """Change one field of what begins like a directory of tags or has a profile in it; one byte of anything else."""
    changed = bytearray(data)
    places = [*_entries(data), *_profile_fields(data)]
    if not places:
        if changed:
            changed[draw.randrange(len(changed))] = draw.choice((0, 1, 2, 9, 0x7F, 0x80, 0xFF))
        return bytes(changed)
    order, size, place = draw.choice(places)
    number = draw.choice((0, 1, 2, 6, 9, 13, 255, 0xFFFF, len(data), 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, place))
    struct.pack_into(order + {2: "H", 4: "I"}[size], changed, place, number & (256**size - 1))
    return bytes(changed)


def _entries(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield byte order, size and place of tag, type, count and value of every entry, also in directories below."""
    for mark, order in ((b"II*\0", "<"), (b"MM\0*", ">")):
        start = data.find(mark)
        waiting = [struct.unpack_from(order + "I", data, start + 4)[0]] if 0 <= start <= len(data) - 8 else []
        for offset in waiting:
            first = start + offset
            if offset == 0 or first + 2 > len(data):
                continue
            (count,) = struct.unpack_from(order + "H", data, first)
            yield order, 2, first
            for place in range(first + 2, min(first + 2 + 12 * count, len(data) - 11), 12):
                yield from ((order, 2, place), (order, 2, place + 2), (order, 4, place + 4), (order, 4, place + 8))
                if struct.unpack_from(order + "H", data, place)[0] in (0x8769, 0x8825) and len(waiting) < 9:
                    waiting.append(struct.unpack_from(order + "I", data, place + 8)[0])


def _profile_fields(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield the fields of the header of a color profile and of its table of tags."""
    start = data.find(b"acsp") - 36
    if start >= 0:
        yield from ((">", 4, place) for place in range(start, min(start + 300, len(data) - 4), 4))


def _deep(image: UInt8, suffix: str) -> bytes:
    """Return a picture of 16 bits where the format has them."""
    values = image.astype(np.uint16) * 257 if suffix in (".png", ".tif") else image
    return bytes(cv2.imencode(suffix, values)[1])


def _read_all_ways(path: Path) -> None:
    failed = None
    for read in (
        headers.image_size,
        headers.bit_depth,
        pixels.read_image,
        pixels.read_linear,
        pixels.read_mask,
        functools.partial(mask_files.read_compact_masks, each=True),
        lambda path: pixels.read_preview(path, 16),
        lambda path: read_foregrounds(path, (40, 60)),
    ):
        try:
            read(path)
        except CcharmonyError as error:
            failed = error
    if failed is not None:
        raise failed


def dng() -> bytes:
    """Return a raw file of 64 x 48 pixels: a TIFF whose tags say that its samples lie behind a Bayer pattern."""
    width, height = 64, 48
    samples = np.random.default_rng(0).integers(100, 4000, (height, width), np.uint16).tobytes()
    matrix = struct.pack("<18i", *(number for value in np.eye(3).ravel() for number in (int(10_000 * value), 10_000)))
    tags: list[tuple[int, int, int, bytes]] = [
        (254, 4, 1, struct.pack("<I", 0)),
        (256, 4, 1, struct.pack("<I", width)),
        (257, 4, 1, struct.pack("<I", height)),
        (258, 3, 1, struct.pack("<H", 16)),
        (259, 3, 1, struct.pack("<H", 1)),
        (262, 3, 1, struct.pack("<H", 32803)),
        (271, 2, 6, b"Maker\0"),
        (272, 2, 6, b"Model\0"),
        (273, 4, 1, b"data"),
        (277, 3, 1, struct.pack("<H", 1)),
        (278, 4, 1, struct.pack("<I", height)),
        (279, 4, 1, struct.pack("<I", len(samples))),
        (33421, 3, 2, struct.pack("<HH", 2, 2)),
        (33422, 1, 4, bytes([0, 1, 1, 2])),
        (50706, 1, 4, bytes([1, 4, 0, 0])),
        (50708, 2, 6, b"Model\0"),
        (50717, 4, 1, struct.pack("<I", 4095)),
        (50721, 10, 9, matrix),
        (50728, 5, 3, struct.pack("<6I", 1, 2, 1, 1, 2, 3)),
        (50778, 3, 1, struct.pack("<H", 21)),
    ]
    start = 8 + 2 + 12 * len(tags) + 4
    more, entries = b"", b""
    for tag, kind, count, value in tags:
        if len(value) > 4:
            entries += struct.pack("<HHII", tag, kind, count, start + len(more))
            more += value + b"\0" * (len(value) % 2)
        else:
            entries += struct.pack("<HHI4s", tag, kind, count, value)
    entries = entries.replace(b"data", struct.pack("<I", start + len(more)))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4) + more + samples
