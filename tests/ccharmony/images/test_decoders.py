"""One table over every format, depth and layout: what is read is what another library wrote, or reads, or a refusal."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from ccharmony.errors import CcharmonyError, ImageError
from ccharmony.images import headers, pixels
from ccharmony.images.picture import read_picture
from ccharmony.images.stored import read_stored, turn

H, W = 37, 53  # odd, and no multiple of a tile or strip


def deep_color() -> np.ndarray:
    """16 bits, (H, W, 3): smooth, so that lossy formats keep it, with values in the lower byte too."""
    y, x = np.mgrid[:H, :W]
    return np.stack([x * 1201 + y, y * 1733 + 3 * x, (x + y) * 719 + 5], axis=-1).astype(np.uint16)


DEEP = deep_color()
COLOR = (DEEP >> 8).astype(np.uint8)
GRAY, DEEP_GRAY = COLOR[..., 1].copy(), DEEP[..., 1].copy()
ALPHA = (255 - COLOR[..., 0]).astype(np.uint8)
BILEVEL = GRAY > 100


def tiff(values: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    options.setdefault("photometric", "rgb" if values.ndim == 3 else "minisblack")
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def changed(data: bytes, tag: int, *, count: int | None = None, value: int = 0) -> bytes:
    """Return a little-endian TIFF with another count, or else value, in the entry of a tag."""
    entries = int.from_bytes(data[4:8], "little") + 2
    places = range(entries, entries + 12 * int.from_bytes(data[entries - 2 : entries], "little"), 12)
    place = next(place for place in places if int.from_bytes(data[place : place + 2], "little") == tag)
    at, new = (place + 8, value) if count is None else (place + 4, count)
    return data[:at] + new.to_bytes(4, "little") + data[at + 4 :]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def by_pillow(values: np.ndarray, kind: str, **options: Any) -> bytes:
    return saved(Image.fromarray(values), kind, **options)


def by_opencv(values: np.ndarray, suffix: str, flags: tuple[int, ...] = ()) -> bytes:
    swapped = values if values.ndim == 2 else values[..., [2, 1, 0, 3][: values.shape[2]]]
    return bytes(cv2.imencode(suffix, np.ascontiguousarray(swapped), list(flags))[1])


def jp2(values: np.ndarray, **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(values, level=0, reversible=True, **options))


def moving(kind: str) -> bytes:
    """Return an animation of two frames."""
    return by_pillow(COLOR, kind, save_all=True, append_images=[Image.fromarray(255 - COLOR)])


def with_alpha(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([colors, alpha])


def planes(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(values, 2, 0))


PALETTE = Image.fromarray(COLOR).quantize(64)
LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 8},
    "one strip": {"rowsperstrip": H},
    "tiles": {"tile": (16, 16)},
    "big-endian": {"byteorder": ">"},
    "LZW": {"compression": "lzw", "rowsperstrip": 8},
    "LZW, predictor, big-endian": {"compression": "lzw", "predictor": 2, "byteorder": ">"},
    "zlib": {"compression": "zlib"},
    "zlib, predictor, tiles": {"compression": "zlib", "predictor": 2, "tile": (16, 32)},
    "Adobe deflate": {"compression": "adobe_deflate", "predictor": 2},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
    "BigTIFF": {"bigtiff": True},
    "BigTIFF, big-endian, tiles": {"bigtiff": True, "byteorder": ">", "tile": (32, 16)},
}

Case = tuple[str, Callable[[], bytes], np.ndarray, float]
"""Name, file, what is read of it, largest difference allowed (0 unless the format is lossy)."""

TIFFS: list[Case] = [
    (f"TIFF {name} {values.dtype} {values.ndim}D {plan}", lambda v=v, o=o: tiff(v, **o), values, 0)
    for name, layout in LAYOUTS.items()
    for values in (COLOR, DEEP, GRAY, DEEP_GRAY)
    for plan in (("chunky", "planar") if values.ndim == 3 else ("chunky",))
    for v, o in [(planes(values), {**layout, "planarconfig": "separate"}) if plan == "planar" else (values, layout)]
]

CASES: list[Case] = [
    *TIFFS,
    ("TIFF by Pillow", lambda: by_pillow(COLOR, "TIFF"), COLOR, 0),
    ("TIFF by Pillow, LZW", lambda: by_pillow(COLOR, "TIFF", compression="tiff_lzw"), COLOR, 0),
    ("TIFF by Pillow, JPEG inside", lambda: by_pillow(COLOR, "TIFF", compression="jpeg", quality=98), COLOR, 12),
    ("TIFF by Pillow, palette", lambda: saved(PALETTE, "TIFF"), np.asarray(PALETTE.convert("RGB")), 0),
    ("TIFF by Pillow, one bit", lambda: by_pillow(BILEVEL, "TIFF"), BILEVEL * np.uint8(255), 0),
    ("TIFF by Pillow, fax", lambda: by_pillow(BILEVEL, "TIFF", compression="group4"), BILEVEL * np.uint8(255), 0),
    ("TIFF by OpenCV, 16 bits", lambda: by_opencv(DEEP, ".tif"), DEEP, 0),
    ("TIFF, white is zero", lambda: tiff(GRAY, photometric="miniswhite"), 255 - GRAY, 0),
    ("TIFF, white is zero, 16 bits", lambda: tiff(DEEP_GRAY, photometric="miniswhite"), 65535 - DEEP_GRAY, 0),
    ("PNG", lambda: by_pillow(COLOR, "PNG"), COLOR, 0),
    ("PNG, gray", lambda: by_pillow(GRAY, "PNG"), GRAY, 0),
    ("PNG, one bit", lambda: by_pillow(BILEVEL, "PNG"), BILEVEL * np.uint8(255), 0),
    ("PNG, palette", lambda: saved(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB")), 0),
    ("PNG, 16 bits", lambda: imagecodecs.png_encode(DEEP), DEEP, 0),
    ("PNG, gray, 16 bits", lambda: imagecodecs.png_encode(DEEP_GRAY), DEEP_GRAY, 0),
    ("JPEG", lambda: by_pillow(COLOR, "JPEG", quality=98, subsampling=0), COLOR, 6),
    ("JPEG, progressive", lambda: by_pillow(COLOR, "JPEG", quality=98, subsampling=0, progressive=True), COLOR, 6),
    ("JPEG, gray", lambda: by_pillow(GRAY, "JPEG", quality=98), GRAY, 6),
    ("WebP, lossless", lambda: by_pillow(COLOR, "WEBP", lossless=True), COLOR, 0),
    ("BMP", lambda: by_pillow(COLOR, "BMP"), COLOR, 0),
    ("BMP, gray", lambda: by_pillow(GRAY, "BMP"), GRAY, 0),
    ("BMP, palette", lambda: saved(PALETTE, "BMP"), np.asarray(PALETTE.convert("RGB")), 0),
    ("JPEG 2000", lambda: by_pillow(COLOR, "JPEG2000", irreversible=False), COLOR, 0),
    ("JPEG 2000, gray", lambda: by_pillow(GRAY, "JPEG2000", irreversible=False), GRAY, 0),
    ("JPEG 2000, 16 bits", lambda: jp2(DEEP), DEEP, 0),
    ("JPEG 2000, 16 bits, codestream", lambda: jp2(DEEP, codecformat="j2k"), DEEP, 0),
    ("JPEG 2000, 12 bits", lambda: jp2(DEEP >> 4, bitspersample=12), DEEP, 16),
    ("JPEG 2000, gray, 16 bits", lambda: jp2(DEEP_GRAY), DEEP_GRAY, 0),
    ("AVIF", lambda: by_pillow(COLOR, "AVIF", quality=98, subsampling="4:4:4"), COLOR, 12),
    ("HEIC", lambda: by_heif(COLOR), COLOR, 12),
]


def by_heif(values: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(values)).save(stream, quality=98, chroma=444, **options)
    return stream.getvalue()


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.any"  # the content tells the format
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("file", "values", "tolerance"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_samples_are_those_that_were_written(
    tmp_path: Path, file: Callable[[], bytes], values: np.ndarray, tolerance: float
) -> None:
    path = written(tmp_path, file())
    stored = read_stored(path)
    assert (stored.colors.dtype, stored.colors.shape, stored.alpha) == (values.dtype, values.shape, None)
    assert np.abs(stored.colors.astype(int) - values).max() <= tolerance
    assert headers.image_size(path) == values.shape[:2]
    assert headers.bit_depth(path) in (1, 8 * values.itemsize)
    eight = values if values.dtype == np.uint8 else np.rint(values / 257).astype(np.uint8)
    if values.ndim == 3:  # every reader gives the same picture
        assert np.abs(pixels.read_image(path).astype(int) - eight).max() <= tolerance
        assert np.abs(pixels.read_preview(path, 1000).astype(int) - eight).max() <= tolerance
        assert np.abs(pixels.read_linear(path).astype(int) - values).max() <= tolerance
    else:
        with pytest.raises(ImageError, match="a photo needs three color channels"):
            pixels.read_image(path)
        assert np.abs(pixels.read_mask(path) - values / np.iinfo(values.dtype).max).max() <= (tolerance + 0.01) / 255


ALPHAS: list[tuple[str, Callable[[], bytes], np.ndarray, np.ndarray]] = [
    ("PNG", lambda: by_pillow(with_alpha(COLOR, ALPHA), "PNG"), COLOR, ALPHA),
    ("PNG, gray", lambda: saved(Image.merge("LA", [*map(Image.fromarray, (GRAY, ALPHA))]), "PNG"), GRAY, ALPHA),
    ("PNG, 16 bits", lambda: imagecodecs.png_encode(with_alpha(DEEP, DEEP_GRAY)), DEEP, DEEP_GRAY),
    ("WebP", lambda: by_pillow(with_alpha(COLOR, ALPHA), "WEBP", lossless=True, exact=True), COLOR, ALPHA),
    ("TIFF", lambda: tiff(with_alpha(COLOR, ALPHA), extrasamples=["unassalpha"]), COLOR, ALPHA),
    ("TIFF by Pillow", lambda: by_pillow(with_alpha(COLOR, ALPHA), "TIFF"), COLOR, ALPHA),
    ("TIFF, 16 bits", lambda: tiff(with_alpha(DEEP, DEEP_GRAY), extrasamples=["unassalpha"]), DEEP, DEEP_GRAY),
    (
        "TIFF, planar",
        lambda: tiff(planes(with_alpha(COLOR, ALPHA)), extrasamples=["unassalpha"], planarconfig="separate"),
        COLOR,
        ALPHA,
    ),
    ("JPEG 2000, 16 bits", lambda: jp2(with_alpha(DEEP, DEEP_GRAY)), DEEP, DEEP_GRAY),
    ("JPEG 2000", lambda: by_pillow(with_alpha(COLOR, ALPHA), "JPEG2000", irreversible=False), COLOR, ALPHA),
]


@pytest.mark.parametrize(("file", "colors", "alpha"), [case[1:] for case in ALPHAS], ids=[case[0] for case in ALPHAS])
def test_alpha_and_the_colors_below_it_are_those_that_were_written(
    tmp_path: Path, file: Callable[[], bytes], colors: np.ndarray, alpha: np.ndarray
) -> None:
    path = written(tmp_path, file())
    stored = read_stored(path)
    np.testing.assert_array_equal(stored.colors, colors)
    np.testing.assert_array_equal(stored.alpha, alpha)
    with pytest.raises(ImageError, match=r"transparent|gray with alpha"):
        pixels.read_image(path)


def test_colors_of_a_tiff_that_were_multiplied_by_alpha_are_divided_again(tmp_path: Path) -> None:
    alpha = np.full((2, 2), 128, np.uint8)
    alpha[0, 0] = 0
    multiplied = np.dstack([np.full((2, 2, 3), (65, 32, 128), np.uint8), alpha])
    stored = read_stored(written(tmp_path, tiff(multiplied, extrasamples=["assocalpha"])))
    assert stored.colors[1, 1].tolist() == [129, 64, 255]
    assert stored.colors[0, 0].tolist() == [0, 0, 0]


def test_a_channel_of_a_tiff_that_is_not_called_alpha_is_no_opacity(tmp_path: Path) -> None:
    saved_selection = tiff(with_alpha(COLOR, ALPHA), extrasamples=["unspecified"])
    np.testing.assert_array_equal(pixels.read_image(written(tmp_path, saved_selection)), COLOR)


CMYK = Image.fromarray(COLOR).convert("CMYK")
REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("JPEG, CMYK", lambda: saved(CMYK, "JPEG"), "CMYK, a photo needs three color channels"),
    ("TIFF, CMYK", lambda: saved(CMYK, "TIFF"), "CMYK, a photo needs three color channels"),
    ("TIFF, Lab", lambda: tiff(COLOR, photometric="cielab"), "CIELAB, a photo needs three color channels"),
    ("TIFF, mosaic", lambda: tiff(DEEP_GRAY, photometric="cfa"), "the mosaic of a raw file"),
    ("TIFF, YCbCr", lambda: tiff(COLOR, photometric="ycbcr"), "YCbCr"),
    ("TIFF, float", lambda: tiff(DEEP.astype(np.float32) / 65535), "32-bit float samples"),
    ("TIFF, half float", lambda: tiff(DEEP.astype(np.float16)), "16-bit float samples"),
    (
        "TIFF, float, predictor 3",
        lambda: tiff(DEEP.astype(np.float32), compression="zlib", predictor=3),
        "32-bit float samples",
    ),
    ("TIFF, signed", lambda: tiff(COLOR.astype(np.int16)), "16-bit signed samples"),
    ("TIFF, 32 bits", lambda: tiff(DEEP.astype(np.uint32)), "32-bit whole-number samples"),
    ("TIFF, three photos", lambda: tiff(np.stack([COLOR] * 3), planarconfig="contig"), "a TIFF of 3 pages of one size"),
    *(
        (f"{kind}, moving", partial(moving, kind), f"a {kind} of several frames, a picture is one frame")
        for kind in ("GIF", "PNG", "WEBP", "AVIF")
    ),
    ("TIFF, PNG inside", lambda: tiff(COLOR, compression="png"), "a TIFF compressed with PNG, wanted deflate"),
    ("TIFF, truncated", lambda: tiff(COLOR, rowsperstrip=4, compression="zlib")[:-200], "truncated TIFF"),
    (
        "TIFF, no rows",
        lambda: changed(tiff(COLOR), 257, value=0),
        "a TIFF of 53x0 pixels, wanted a picture",
    ),
    (
        "TIFF, fewer counts than strips",
        lambda: changed(tiff(COLOR, rowsperstrip=4), 279, count=5),
        r"damaged TIFF \(10 strips or tiles, byte counts of 5\)",
    ),
    ("TIFF, no data", lambda: tiff(COLOR)[:60], "not a picture|truncated"),
]


@pytest.mark.parametrize(("file", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_photo_is_refused_in_one_line_that_names_it(
    tmp_path: Path, file: Callable[[], bytes], message: str
) -> None:
    path = written(tmp_path, file())
    for read in (pixels.read_image, pixels.read_mask, pixels.read_linear, read_picture):
        with pytest.raises(CcharmonyError, match=message) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).count(str(path)) == 1
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("container", [False, True])
def test_jpeg_xl_is_named(tmp_path: Path, container: bool) -> None:
    data = bytes(imagecodecs.jpegxl_encode(COLOR, usecontainer=container))
    with pytest.raises(CcharmonyError, match="JPEG XL, which is not read; wanted JPEG, PNG"):
        pixels.read_image(written(tmp_path, data))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_of_one_frame_is_a_picture(tmp_path: Path, kind: str) -> None:
    assert read_picture(written(tmp_path, by_pillow(COLOR, kind, save_all=True))).shape == (H, W)


@pytest.mark.parametrize("kind", ["MPO", "HEIF"])
def test_of_pictures_beside_the_main_one_the_main_one_is_read(tmp_path: Path, kind: str) -> None:
    pillow_heif.register_heif_opener()
    found = pixels.read_image(written(tmp_path, moving(kind))).astype(int)
    assert np.abs(found - COLOR).mean() < 5


def test_of_several_pages_the_photo_is_read_and_not_its_thumbnail_nor_its_infrared_page(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(COLOR[::4, ::4], photometric="rgb")
        writer.write(COLOR, photometric="rgb")
        writer.write(255 - COLOR, photometric="rgb", subfiletype=1)
        writer.write(GRAY, photometric="minisblack")
    np.testing.assert_array_equal(pixels.read_image(written(tmp_path, stream.getvalue())), COLOR)


def test_the_photo_is_read_from_a_sub_ifd_below_a_thumbnail_with_the_orientation_of_the_file(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        turned = [(274, 3, 1, 6, True)]
        writer.write(COLOR[::4, ::4], photometric="rgb", subfiletype=1, subifds=2, extratags=turned)
        writer.write(COLOR, photometric="rgb")
        writer.write(COLOR[::2, ::2], photometric="rgb", subfiletype=1)
    path = written(tmp_path, stream.getvalue())
    np.testing.assert_array_equal(pixels.read_image(path), np.rot90(COLOR, 3))
    assert headers.image_size(path) == (COLOR.shape[1], COLOR.shape[0])


@pytest.mark.parametrize("tag", range(1, 9))
def test_turning_agrees_with_pillow(tag: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = tag
    image = Image.open(io.BytesIO(by_pillow(COLOR, "PNG", exif=exif)))
    from PIL import ImageOps

    np.testing.assert_array_equal(turn(COLOR, tag), np.asarray(ImageOps.exif_transpose(image)))
    np.testing.assert_array_equal(turn(DEEP, tag) >> 8, turn(COLOR, tag))


def tagged(kind: str, tag: int, colors: np.ndarray) -> bytes:
    """Return a file with an orientation tag, as each format has it."""
    exif = Image.Exif()
    exif[0x0112] = tag
    if kind == "TIFF":
        return tiff(colors, extratags=[(274, 3, 1, tag, True)])
    if kind == "TIFF, 16 bits":
        return tiff(colors.astype(np.uint16) * 257, extratags=[(274, 3, 1, tag, True)])
    if kind == "WebP, Exif prefix":
        return by_pillow(colors, "WEBP", lossless=True, exif=b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"))
    if kind == "PNG, RGBA":
        return by_pillow(with_alpha(colors, np.full(colors.shape[:2], 255, np.uint8)), "PNG", exif=exif)
    if kind == "PNG, behind the pixels":
        plain = by_pillow(colors, "PNG")
        whole = by_pillow(colors, "PNG", exif=exif)
        start = whole.index(b"eXIf") - 4
        chunk = whole[start : start + 12 + int.from_bytes(whole[start : start + 4], "big")]
        return plain[:-12] + chunk + plain[-12:]
    if kind == "HEIC":
        pillow_heif.register_heif_opener()
        return by_pillow(colors, "HEIF", exif=exif.tobytes(), quality=98)
    options = {"WebP": {"lossless": True}, "JPEG": {"quality": 98}, "AVIF": {"quality": 98}}.get(kind, {})
    return by_pillow(colors, kind, exif=exif, **options)


@pytest.mark.parametrize("tag", [3, 6, 7])
@pytest.mark.parametrize(
    "kind",
    [
        *("JPEG", "PNG", "PNG, RGBA", "PNG, behind the pixels", "WebP", "WebP, Exif prefix"),
        *("TIFF", "TIFF, 16 bits", "AVIF", "HEIC"),
    ],
)
def test_every_format_is_turned_once_and_its_header_agrees(tmp_path: Path, kind: str, tag: int) -> None:
    path = written(tmp_path, tagged(kind, tag, COLOR))
    upright = turn(COLOR, tag)
    found = pixels.read_image(path)
    assert np.abs(found.astype(int) - upright).mean() < (3 if kind in ("JPEG", "AVIF", "HEIC") else 1e-9)
    assert headers.image_size(path) == upright.shape[:2]
    assert pixels.read_preview(path, 10).shape[0] / pixels.read_preview(path, 10).shape[1] == pytest.approx(
        upright.shape[0] / upright.shape[1], rel=0.1
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WebP"])
def test_a_mask_and_a_cutout_are_turned_by_their_own_tag(tmp_path: Path, kind: str) -> None:
    gray = np.repeat(np.where(GRAY > 100, 255, 0).astype(np.uint8)[..., None], 3, axis=2)
    mask = pixels.read_mask(written(tmp_path, tagged(kind, 6, gray)))
    assert np.abs(mask - turn(gray, 6)[..., 0] / 255).mean() < 0.05


def test_a_cutout_is_turned_by_its_own_tag(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = written(tmp_path, by_pillow(with_alpha(COLOR, ALPHA), "PNG", exif=exif))
    cutout = read_picture(path)
    np.testing.assert_array_equal(cutout.colors, turn(COLOR, 6))
    np.testing.assert_array_equal(cutout.alpha, turn(ALPHA, 6))


@pytest.mark.parametrize(
    ("tag", "reason"),
    [(259, "a TIFF compressed with 7777 cannot be decoded"), (262, "7777, a photo needs three color channels")],
)
def test_a_tiff_with_a_number_that_nobody_knows_is_refused_by_it(tmp_path: Path, tag: int, reason: str) -> None:
    data = bytearray(tiff(COLOR))
    count = int.from_bytes(data[8:10], "little")
    [place] = [at for at in range(10, 10 + 12 * count, 12) if int.from_bytes(data[at : at + 2], "little") == tag]
    data[place + 8 : place + 10] = (7777).to_bytes(2, "little")
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(ImageError, match=reason):
        pixels.read_image(tmp_path / "x.tif")
