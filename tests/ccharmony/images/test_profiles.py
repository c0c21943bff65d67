"""Colors of an embedded profile become sRGB; the reference is Pillow's LittleCMS and the sRGB standard."""

import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from ccharmony.errors import ImageError
from ccharmony.images import pixels, profiles

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
