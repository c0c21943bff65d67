"""A picture written again holds what its file held, for every format, depth, layout and profile.

The references are the readers of other libraries: Pillow for 8 bits and tags, imagecodecs and tifffile for 16 bits.
"""

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from ccharmony.errors import ImageError, OutputError
from ccharmony.images import write_picture
from ccharmony.images.picture import Picture, read_picture
from ccharmony.images.stored import to_8_bits, turn
from ccharmony.images.tags import Tags

y, x = np.mgrid[:40, :60]
DEEP = np.stack([x * 1001 + y, y * 1501 + 3 * x, (x + y) * 619 + 5], axis=-1).astype(np.uint16)
ALPHA = (65535 - DEEP[..., 0]).astype(np.uint16)
ADOBE = bytes(imagecodecs.cms_profile("adobergb"))
GRAY_PROFILE = bytes(imagecodecs.cms_profile("gray", gamma=1.8))
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6" dc:title="Wei\xc3\x9fe Vase"/></x:xmpmeta>'


def camera_exif(orientation: int = 6, order: str = "<") -> Image.Exif:
    """What a camera writes: names that are not ASCII, notes of its own, a place and a thumbnail."""
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0110] = "Make", "Model 7"
    exif[0x0112] = orientation
    exif[0x8298] = "(c) someone"
    exif.get_ifd(0x8769).update(
        {0x829A: (1, 250), 0x927C: b"MakersNote\x00\x01\x02" * 5, 0x9003: "2026:01:02 03:04:05"}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.5)})
    return exif


def samples(kind: str, depth: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Colors and alpha of a kind of pixels: gray, color, each with or without alpha."""
    scale = (lambda v: v) if depth == 16 else (lambda v: (v >> 8).astype(np.uint8))
    colors = scale(DEEP[..., 1] if "gray" in kind else DEEP)
    return np.ascontiguousarray(colors), scale(ALPHA) if "alpha" in kind else None


def read_by_others(path: Path) -> tuple[np.ndarray, bytes | None, Any, Any]:
    """Samples with alpha last, profile, EXIF and resolution as other libraries read them."""
    if path.suffix == ".tif":  # Pillow does not open every depth and layout, but reads every directory
        stream, exif = io.BytesIO(path.read_bytes()), Image.Exif()
        page = tifffile.TiffFile(stream).pages.first
        stream.seek(0)
        exif.load_from_fp(stream)
        profile = page.tags.get("InterColorProfile")
        return page.asarray(), profile and bytes(profile.value), exif, page.get_resolution("inch")
    with Image.open(path) as image:
        tags = image.info.get("icc_profile"), image.getexif(), image.info.get("dpi")
        eight = np.array(image)
    return (imagecodecs.png_decode(path.read_bytes()) if path.suffix == ".png" else eight), *tags


KINDS = ("color", "color, alpha", "gray", "gray, alpha")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_lossless_file_holds_samples_profile_exif_and_resolution(
    tmp_path: Path, suffix: str, depth: int, kind: str, order: str
) -> None:
    colors, alpha = samples(kind, depth)
    block = camera_exif(1, order).tobytes().removeprefix(b"Exif\0\0")
    profile = GRAY_PROFILE if "gray" in kind else ADOBE
    path = tmp_path / f"a{suffix}"
    write_picture.write_picture(path, Picture(colors, alpha, Tags(profile, block, XMP, (300, 240))))
    values, found_profile, exif, dpi = read_by_others(path)
    whole = colors if alpha is None else np.dstack([colors, alpha])
    assert values.dtype.itemsize == whole.dtype.itemsize
    np.testing.assert_array_equal(values, whole)
    assert found_profile == profile
    assert_exif_equal(exif, camera_exif(1))
    assert dpi == pytest.approx((300, 240), abs=0.01)
    again = read_picture(path)
    np.testing.assert_array_equal(again.colors, colors)
    np.testing.assert_array_equal(again.opacity(), 1 if alpha is None else (alpha / np.float32(2**depth - 1)))
    assert again.tags.profile == profile
    assert again.tags.xmp == XMP.replace(b'"6"', b'"1"')


def assert_exif_equal(found: Image.Exif, wanted: Image.Exif) -> None:
    for tag in (0x010F, 0x0110, 0x8298):
        assert found[tag] == wanted[tag]
    assert found.get(0x0112, 1) == 1
    assert found.get_ifd(0x8769) == wanted.get_ifd(0x8769)
    assert found.get_ifd(0x8825) == wanted.get_ifd(0x8825)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_a_turned_photo_of_any_format_comes_out_upright_with_its_tags(tmp_path: Path, kind: str, suffix: str) -> None:
    colors = samples("color", 8)[0]
    source, target = tmp_path / "source", tmp_path / f"target{suffix}"
    options: dict[str, Any] = {"exif": camera_exif(6).tobytes(), "icc_profile": ADOBE, "dpi": (300, 300)}
    Image.fromarray(colors).save(source, kind, quality=100, lossless=True, **options)
    write_picture.write_picture(target, read_picture(source), 100)
    values, profile, exif, dpi = read_by_others(target)
    assert np.abs(values.astype(int) - turn(colors, 6)).mean() < (6 if "JPEG" in kind or suffix == ".jpg" else 1e-9)
    assert profile == ADOBE
    assert_exif_equal(exif, camera_exif())
    if kind != "WEBP" and suffix != ".webp":  # which has no other place for it than EXIF
        assert dpi == pytest.approx((300, 300), abs=0.01)


def test_a_stale_thumbnail_is_erased_and_every_other_byte_of_exif_kept(tmp_path: Path) -> None:
    """Tag 0x013B has a name in UTF-8, which Pillow would write as question marks."""
    name = "Jürgen\0".encode()
    ifd0 = b"".join(
        [
            (2).to_bytes(2, "little"),
            b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00",
            b"\x3b\x01\x02\x00" + len(name).to_bytes(4, "little") + (38).to_bytes(4, "little"),
            (46).to_bytes(4, "little"),
        ]
    )
    thumbnail = b"\xff\xd8thumb\xff\xd9"
    ifd1 = b"".join(
        [
            (2).to_bytes(2, "little"),
            b"\x01\x02\x04\x00\x01\x00\x00\x00" + (76).to_bytes(4, "little"),
            b"\x02\x02\x04\x00\x01\x00\x00\x00" + len(thumbnail).to_bytes(4, "little"),
            bytes(4),
        ]
    )
    block = b"II*\0\x08\0\0\0" + ifd0 + name.ljust(8, b"\0") + ifd1 + thumbnail
    assert block.index(thumbnail) == 76
    Image.fromarray(samples("color", 8)[0]).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block)
    found = read_picture(tmp_path / "a.jpg").tags.exif
    assert found == block[:18] + b"\x01" + block[19:34] + bytes(4) + block[38:76]
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        write_picture.write_picture(tmp_path / f"b{suffix}", read_picture(tmp_path / "a.jpg"))
        data = (tmp_path / f"b{suffix}").read_bytes()
        assert name in data
        assert b"thumb" not in data


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    ("kind", "profile"), [("color", None), ("color", ADOBE), ("gray", None), ("gray", GRAY_PROFILE), ("gray", ADOBE)]
)
def test_what_does_not_change_in_srgb_stays_to_the_bit(kind: str, depth: int, profile: bytes | None) -> None:
    colors, _ = samples(kind, depth)
    picture = Picture(colors, None, Tags(profile))
    before = picture.levels()
    after = before.copy()
    after[:20] //= 2
    changed = picture.recolor(before, after)
    assert (changed.colors.dtype, changed.colors.shape) == (colors.dtype, colors.shape)
    np.testing.assert_array_equal(changed.colors[20:], colors[20:])
    assert changed.colors[:20].mean() < 0.8 * colors[:20].mean()


def test_a_change_carried_back_is_the_one_that_littlecms_makes() -> None:
    """Pillow's LittleCMS converts the changed sRGB colors to Adobe RGB; all lie within sRGB."""
    srgb = (60 + samples("color", 8)[0] // 3).astype(np.uint8)
    profile, standard = ImageCms.ImageCmsProfile(io.BytesIO(ADOBE)), ImageCms.createProfile("sRGB")

    def to_adobe(values: np.ndarray) -> np.ndarray:
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        done = ImageCms.profileToProfile(Image.fromarray(values), standard, profile, renderingIntent=1, flags=flags)
        return np.asarray(done)

    picture = Picture(to_adobe(srgb), None, Tags(ADOBE))
    assert np.abs(picture.srgb().astype(int) - srgb).max() <= 1
    before = picture.levels()
    after = (before * 0.8).astype(np.uint16)
    wanted = to_adobe(np.rint(after / 257).astype(np.uint8))
    assert np.abs(picture.recolor(before, after).colors.astype(int) - wanted).max() <= 1


def test_colors_that_srgb_cannot_hold_are_not_clipped_by_a_small_change() -> None:
    green = np.full((2, 2, 3), (0, 65535, 0), np.uint16)  # of Adobe RGB: outside sRGB in red
    picture = Picture(green, None, Tags(ADOBE))
    before = picture.levels()
    assert before[0, 0].tolist() == [0, 65535, 0]
    after = before.copy()
    after[..., 2] += 257  # a level of blue
    found = picture.recolor(before, after).colors[0, 0]
    assert found[0] == 0
    assert found[1] == 65535
    assert 0 < found[2] < 4000


def test_pixels_asked_for_are_finer_than_8_bits_and_the_others_are_not() -> None:
    picture = Picture(DEEP, None, Tags(ADOBE))
    where = x > 30
    fine, whole = picture.levels(where), picture.levels()
    np.testing.assert_array_equal(fine[where], whole[where])
    np.testing.assert_array_equal(fine[~where], picture.srgb()[~where] * np.uint16(257))


def test_gray_is_seen_as_three_equal_channels_and_takes_the_luma_of_a_change() -> None:
    picture = Picture(np.full((1, 1), 100, np.uint8))
    assert picture.srgb().tolist() == [[[100, 100, 100]]]
    before = picture.levels()
    after = (before + np.array([[[50, 10, 0]]]) * 257).astype(np.uint16)
    assert picture.recolor(before, after).colors.tolist() == [[121]]  # 0.299 * 50 + 0.587 * 10 = 20.8


def test_what_a_format_cannot_hold_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture = Picture(DEEP, ALPHA, Tags(None, b"II*\0" + bytes(70_000)))
    assert write_picture.losses(picture, ".png") == write_picture.losses(picture, ".TIF") == []
    assert write_picture.losses(picture, ".webp") == ["WebP has 8 bits, the picture 16"]
    write_picture.write_picture(tmp_path / "a.jpg", picture)
    assert caplog.messages == [
        f"{tmp_path}/a.jpg: JPEG has 8 bits, the picture 16; JPEG has no transparency, white lies below; "
        "70004 bytes of EXIF do not fit"
    ]


def test_transparent_pixels_of_a_jpeg_are_white() -> None:
    colors, alpha = np.full((16, 16, 3), 40, np.uint8), np.zeros((16, 16), np.uint8)
    data = write_picture.encode_picture(Picture(colors, alpha), ".jpg")
    assert np.asarray(Image.open(io.BytesIO(data))).min() >= 254


@pytest.mark.parametrize("quality", [80, 100])
def test_webp_keeps_alpha_and_at_quality_100_every_pixel(quality: int) -> None:
    colors, alpha = samples("color, alpha", 8)
    data = write_picture.encode_picture(Picture(colors, alpha), ".webp", quality)
    found = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(found[..., 3], alpha)
    assert np.array_equal(found[..., :3], colors) == (quality == 100)


def test_a_gray_picture_with_a_profile_becomes_srgb_in_webp_which_has_no_gray() -> None:
    picture = Picture(samples("gray", 8)[0], None, Tags(GRAY_PROFILE))
    image = Image.open(io.BytesIO(write_picture.encode_picture(picture, ".webp", 100)))
    assert "icc_profile" not in image.info
    np.testing.assert_array_equal(np.asarray(image), picture.srgb())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("damage", [b"II*\0\xff\xff\xff\x7f", b"XX*\0\x08\0\0\0", b"II*\0\x08\0\0\0\x05\0"])
def test_damaged_exif_is_left_out_with_a_word(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(samples("color", 8)[0]).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + damage, icc_profile=ADOBE)
    tags = read_picture(tmp_path / "a.jpg").tags
    assert (tags.exif, tags.profile) == (b"", ADOBE)
    assert "a.jpg: EXIF is left out: damaged" in caplog.text


@pytest.mark.parametrize("profile", [ADOBE[:300], GRAY_PROFILE])
def test_a_profile_that_cannot_be_used_is_one_line(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(samples("color", 8)[0]).save(tmp_path / "a.png", icc_profile=profile)
    with pytest.raises(ImageError, match=r"a\.png: a .*color profile.*wanted one for its pixels"):
        read_picture(tmp_path / "a.png")


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.gif: \.gif: not a format to write"):
        write_picture.write_picture(tmp_path / "a.gif", Picture(DEEP))


def test_a_bigtiff_loses_its_exif_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DEEP, photometric="rgb", bigtiff=True, description="a vase")
    assert read_picture(tmp_path / "a.tif").tags.exif == b""
    assert "a.tif: EXIF is left out: a BigTIFF" in caplog.text


def test_gray_in_a_profile_for_rgb_becomes_three_equal_channels_in_png(tmp_path: Path) -> None:
    """The standard has no such PNG, and readers would ignore the profile."""
    gray = samples("gray", 8)[0]
    Image.fromarray(gray).save(tmp_path / "a.jpg", icc_profile=ADOBE, quality=100)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.colors.ndim == 2
    assert write_picture.losses(picture, ".png") == [
        "PNG has no gray in a profile for RGB, three equal channels are written"
    ]
    write_picture.write_picture(tmp_path / "a.png", picture)
    values, profile, *_ = read_by_others(tmp_path / "a.png")
    assert profile == ADOBE
    for channel in range(3):
        np.testing.assert_array_equal(values[..., channel], picture.colors)


@pytest.mark.parametrize("kind", ["color", "gray"])
def test_a_jpeg_has_the_pixels_that_pillow_writes_and_tags_that_it_reads(tmp_path: Path, kind: str) -> None:
    """A profile of several segments, of 65,000 bytes each, and a resolution that is no whole number."""
    colors, _ = samples(kind, 8)
    profile = (ADOBE if kind == "color" else GRAY_PROFILE) + bytes(150_000)
    exif = camera_exif(1).tobytes().removeprefix(b"Exif\0\0")
    write_picture.write_picture(tmp_path / "a.jpg", Picture(colors, None, Tags(profile, exif, XMP, (299.6, 72.2))), 90)
    Image.fromarray(colors).save(tmp_path / "b.jpg", quality=90)
    with Image.open(tmp_path / "a.jpg") as found, Image.open(tmp_path / "b.jpg") as wanted:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
        assert found.info["dpi"] == (300, 72)
        assert found.info["xmp"] == XMP
        assert found.info["icc_profile"] == profile
        assert found.getexif()[0x8298] == "(c) someone"


def test_16_bits_are_rounded_to_the_nearest_of_8() -> None:
    levels = np.arange(65536, dtype=np.uint16)
    wanted = np.rint(levels / np.float64(257)).astype(np.uint8)  # no level lies half-way, since 257 is odd
    np.testing.assert_array_equal(to_8_bits(levels), wanted)
    np.testing.assert_array_equal(to_8_bits(levels.reshape(256, 64, 4)[..., :3]), wanted.reshape(256, 64, 4)[..., :3])
    assert to_8_bits(levels[:0].reshape(0, 3)).shape == (0, 3)
