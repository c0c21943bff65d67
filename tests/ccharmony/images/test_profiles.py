"""Colors of an embedded profile become sRGB; the reference is Pillow's LittleCMS and the sRGB standard."""

import io
import struct
import zlib
from pathlib import Path

import colour
import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from ccharmony.errors import ImageError
from ccharmony.images import headers, pixels, profiles

ADOBE = bytes(imagecodecs.cms_profile("adobergb"))
SRGB = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
y, x = np.mgrid[:40, :60]
COLORS = np.stack([x * 4, y * 6, (x + y) * 2], axis=-1).astype(np.uint8)


def by_pillow() -> np.ndarray:
    source = ImageCms.ImageCmsProfile(io.BytesIO(ADOBE))
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    target = ImageCms.createProfile("sRGB")
    done = ImageCms.profileToProfile(Image.fromarray(COLORS), source, target, renderingIntent=1, flags=flags)
    return np.asarray(done)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_an_embedded_profile_is_converted_to_srgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(COLORS).save(path, icc_profile=ADOBE, lossless=True)
    found = pixels.read_image(path).astype(int)
    assert np.abs(found - by_pillow()).max() <= 1
    assert np.abs(found - COLORS).mean() > 2


@pytest.mark.parametrize("values", [COLORS, COLORS.astype(np.uint16) * 257], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("method", [2, 3])
def test_the_profile_in_the_color_box_of_a_jpeg_2000_is_converted_once(
    tmp_path: Path, values: np.ndarray, method: int
) -> None:
    data = bytes(imagecodecs.jpeg2k_encode(values, level=0, reversible=True))
    head, color = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    (of_head,), (of_color,) = struct.unpack_from(">I", data, head), struct.unpack_from(">I", data, color)
    box = struct.pack(">I4sBBB", 11 + len(ADOBE), b"colr", method, 0, 0) + ADOBE
    grown = struct.pack(">I", of_head - of_color + len(box))
    path = tmp_path / "a.jp2"
    path.write_bytes(data[:head] + grown + data[head + 4 : color] + box + data[color + of_color :])
    assert headers.look_at(path).profile == ADOBE
    assert np.abs(pixels.read_image(path).astype(int) - by_pillow()).max() <= 2


def test_sixteen_bits_are_converted_as_finely_as_eight() -> None:
    deep = profiles.to_srgb(COLORS.astype(np.uint16) * 257, ADOBE)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - by_pillow()).max() <= 1.5


def test_srgb_in_any_copy_leaves_the_array_itself() -> None:
    assert profiles.to_srgb(COLORS, SRGB) is COLORS
    assert profiles.to_srgb(COLORS, None) is COLORS


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (ADOBE[:300], "a damaged color profile"),
        (ADOBE[:16] + b"CMYK" + ADOBE[20:], "a color profile for CMYK on RGB pixels"),
        (ADOBE[:16] + b"GRAY" + ADOBE[20:], "a color profile for gray on RGB pixels"),
    ],
)
def test_a_profile_that_cannot_be_used_is_named(tmp_path: Path, profile: bytes, message: str) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(COLORS).save(path, icc_profile=profile)
    with pytest.raises(ImageError, match=rf"a\.png: {message}"):
        pixels.read_image(path)


def of_png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of `COLORS` with chunks behind its header."""
    stream = io.BytesIO()
    Image.fromarray(COLORS).save(stream, "PNG")
    data = stream.getvalue()
    extra = [struct.pack(">I", len(what)) + kind + what + zlib.crc32(kind + what).to_bytes(4) for kind, what in chunks]
    return data[:33] + b"".join(extra) + data[33:]


def gamma(number: int) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", number)


def primaries(*numbers: int) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *numbers)


def by_colour(space: str, cctf: str = "sRGB") -> np.ndarray:
    """`COLORS` in a color space of colour-science, converted to sRGB, shape (H, W, 3) in levels."""
    linear = colour.cctf_decoding(COLORS / 255, function=cctf)
    found = colour.RGB_to_RGB(linear, space, "sRGB", chromatic_adaptation_transform="Bradford")
    return 255 * colour.cctf_encoding(np.clip(found, 0, 1), function="sRGB")


SRGB_PLACES = primaries(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_PLACES = primaries(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "space", "name"),
    [
        ([(b"cICP", bytes([12, 13, 0, 1]))], "Display P3", "Display P3"),
        ([(b"cICP", bytes([12, 13, 0, 1])), (b"sRGB", b"\0")], "Display P3", "Display P3"),
        ([gamma(45455), P3_PLACES], "Display P3", "Display P3"),
        ([(b"cICP", bytes([9, 1, 0, 1]))], "ITU-R BT.2020", "BT.2020"),
    ],
)
def test_colors_that_a_png_places_in_chunks_are_converted(
    tmp_path: Path, chunks: list[tuple[bytes, bytes]], space: str, name: str
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(of_png(*chunks))
    assert np.abs(pixels.read_image(path) - by_colour(space)).max() <= 2
    assert profiles.name(headers.look_at(path).profile) == name


def test_the_gamma_that_a_png_states_is_undone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(of_png(gamma(100_000)))  # linear light
    assert np.abs(pixels.read_image(path) - 255 * colour.cctf_encoding(COLORS / 255, function="sRGB")).max() <= 1
    assert profiles.name(headers.look_at(path).profile) == "as tagged"


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"sRGB", b"\0"), gamma(45455), SRGB_PLACES],
        [gamma(45455)],
        [gamma(45455), SRGB_PLACES],
        [gamma(0)],
        [(b"sRGB", b"\0"), P3_PLACES],
        [(b"cICP", bytes([1, 13, 0, 1])), P3_PLACES],
        [(b"cICP", bytes([2, 2, 0, 1]))],
    ],
)
def test_a_png_that_says_srgb_in_any_way_stays_as_it_is(tmp_path: Path, chunks: list[tuple[bytes, bytes]]) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(of_png(*chunks))
    np.testing.assert_array_equal(pixels.read_image(path), COLORS)
    assert profiles.name(headers.look_at(path).profile) == ""


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        ((b"cICP", bytes([9, 16, 0, 1])), r"colors of high dynamic range \(PQ\)"),
        ((b"cICP", bytes([9, 18, 0, 1])), r"colors of high dynamic range \(HLG\)"),
        (primaries(*[0] * 8), "colors at .*, which are none"),
    ],
)
def test_colors_that_are_none_in_srgb_are_refused_by_name(
    tmp_path: Path, chunk: tuple[bytes, bytes], message: str
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(of_png(chunk))
    with pytest.raises(ImageError, match=rf"a\.png: {message}"):
        pixels.read_image(path)


def exif_of(space: int, index: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x8769] = {0xA001: space, 0xA005: {1: index, 2: b"0100"}}
    return exif


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
@pytest.mark.parametrize(
    ("space", "index", "name"), [(65535, "R03", "Adobe RGB"), (2, "", "Adobe RGB"), (1, "R98", ""), (65535, "R98", "")]
)
def test_adobe_rgb_that_exif_alone_names_is_converted(
    tmp_path: Path, suffix: str, space: int, index: str, name: str
) -> None:
    path, plain = tmp_path / f"a{suffix}", tmp_path / f"plain{suffix}"
    Image.fromarray(COLORS).save(path, exif=exif_of(space, index), quality=95)
    Image.fromarray(COLORS).save(plain, quality=95)
    wanted = profiles.to_srgb(pixels.read_image(plain), ADOBE) if name else pixels.read_image(plain)
    np.testing.assert_array_equal(pixels.read_image(path), wanted)
    assert profiles.name(headers.look_at(path).profile).startswith(name)


@pytest.mark.parametrize(("codes", "name"), [((12, 13), "Display P3"), ((1, 13), ""), ((2, 2), "")])
def test_the_color_box_of_heif_and_avif_is_read(tmp_path: Path, codes: tuple[int, int], name: str) -> None:
    heif, avif = tmp_path / "a.heic", tmp_path / "a.avif"
    fields = {"color_primaries": codes[0], "transfer_characteristics": codes[1], "matrix_coefficients": 6}
    pillow_heif.from_pillow(Image.fromarray(COLORS)).save(heif, quality=95, full_range_flag=1, **fields)
    Image.fromarray(COLORS).save(avif, quality=95)
    data = avif.read_bytes()
    place = data.index(b"colrnclx") + 8
    avif.write_bytes(data[:place] + struct.pack(">HH", *codes) + data[place + 4 :])
    wanted = by_colour("Display P3") if name else COLORS
    for path in (heif, avif):
        assert profiles.name(headers.look_at(path).profile) == name
        error = np.abs(pixels.read_image(path).astype(float) - wanted)
        assert error.mean() < 2  # lossy; unconverted Display P3 is 9.3 off


def test_heif_of_high_dynamic_range_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    fields = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9}
    pillow_heif.from_pillow(Image.fromarray(COLORS)).save(path, full_range_flag=1, **fields)
    with pytest.raises(ImageError, match=r"a\.heic: colors of high dynamic range \(PQ\)"):
        pixels.read_image(path)


def test_a_profile_is_known_by_its_name() -> None:
    assert profiles.name(ADOBE) == "Adobe RGB (compatible)"
    assert profiles.name(SRGB) == profiles.name(None) == profiles.name(ADOBE[:300]) == ""


def test_a_preview_shows_the_colors_that_are_meant(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg"):
        path, large = tmp_path / f"a{suffix}", np.tile(COLORS, (8, 8, 1))
        Image.fromarray(large).save(path, icc_profile=ADOBE, quality=95)
        shown = pixels.read_preview(path, 200).mean(axis=(0, 1))
        assert np.abs(shown - np.tile(by_pillow(), (8, 8, 1)).mean(axis=(0, 1))).max() < 2
