"""Files of every kind go in and come out with what they had; networks whose answer is known make the change."""

import itertools
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from ccharmony.errors import ImageError, SettingsError
from ccharmony.images import mask_files, mask_rules, pixels
from ccharmony.images.picture import Picture, read_picture
from ccharmony.images.tags import Tags
from ccharmony.images.write_picture import write_picture
from harmonize.inference.composite import read_composite, read_pasted
from harmonize.inference.harmonizer import Harmonizer, harmonize_file, side_by_side
from harmonize.inference.picture import harmonize_picture

y, x = np.mgrid[:48, :64]
DEEP = np.stack([9000 + x * 501, 12000 + y * 701, 15000 + (x + y) * 319], axis=-1).astype(np.uint16)
ALPHA = np.where(y < 6, 0, 65535).astype(np.uint16)
MASK = np.hypot(x - 30, y - 28) < 12
ADOBE = bytes(imagecodecs.cms_profile("adobergb"))
GRAY_PROFILE = bytes(imagecodecs.cms_profile("gray", gamma=1.8))
EXIF = b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x05\0\0\0\x1a\0\0\0\0\0\0\0Make\0\0"
GAIN = (0.8, 0.9, 0.6)


class Seen(torch.nn.Module):
    """Darkens the channels, and keeps the mean of what it saw outside the mask, in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.backgrounds: list[np.ndarray] = []

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        std, mean = torch.tensor([0.229, 0.224, 0.225]), torch.tensor([0.485, 0.456, 0.406])
        plain = image.permute(0, 2, 3, 1) * std + mean
        self.backgrounds.append(plain[0][mask[0, 0] == 0].numpy())
        return ((plain * torch.tensor(GAIN) - mean) / std).permute(0, 3, 1, 2)


def samples(kind: str, depth: int) -> tuple[np.ndarray, np.ndarray | None]:
    scale = (lambda v: v) if depth == 16 else (lambda v: (v >> 8).astype(np.uint8))
    return scale(DEEP[..., 1] if "gray" in kind else DEEP), scale(ALPHA) if "alpha" in kind else None


def raw(path: Path) -> np.ndarray:
    """Samples by a library that the writer does not use, or not so."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    return imagecodecs.png_decode(path.read_bytes()) if path.suffix == ".png" else np.asarray(Image.open(path))


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    pixels.write_mask(tmp_path / "mask.png", MASK)
    return tmp_path / "mask.png"


KINDS = list(itertools.product([".png", ".tif"], [8, 16], ["color", "color, alpha", "gray", "gray, alpha"], [0, 1]))


@pytest.mark.parametrize(("suffix", "depth", "kind", "profiled"), KINDS)
def test_the_background_has_the_values_of_its_file(
    tmp_path: Path, mask: Path, suffix: str, depth: int, kind: str, profiled: int
) -> None:
    colors, alpha = samples(kind, depth)
    profile = (GRAY_PROFILE if "gray" in kind else ADOBE) if profiled else None
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_picture(source, Picture(colors, alpha, Tags(profile, EXIF, b"", (300, 300))))
    harmonize_file(source, mask, target, Seen(), size=32)
    before, after = raw(source), raw(target)
    assert (after.dtype.itemsize, after.shape) == (before.dtype.itemsize, before.shape)
    np.testing.assert_array_equal(after[~MASK], before[~MASK])
    np.testing.assert_array_equal(read_picture(target).opacity(), read_picture(source).opacity())
    inside = after[MASK].astype(float)
    inside, own = (inside, before[MASK]) if inside.ndim == 1 else (inside[:, :1], before[MASK][:, :1])
    assert 0.6 < (inside / own).mean() < 0.92
    assert vars(read_picture(target).tags) == vars(read_picture(source).tags)
    assert read_picture(target).tags.profile == profile


def test_a_gain_of_16_bits_with_a_profile_is_what_littlecms_makes_of_it(tmp_path: Path, mask: Path) -> None:
    """The change in sRGB: own colors to sRGB, times the gain, and back; by imagecodecs with floats."""
    write_picture(tmp_path / "a.tif", Picture(DEEP, None, Tags(ADOBE)))
    harmonize_file(tmp_path / "a.tif", mask, tmp_path / "b.tif", Seen(), size=32)
    flags, srgb = imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION, imagecodecs.cms_profile("srgb")
    how = {"colorspace": "rgb", "outcolorspace": "rgb", "intent": 1, "flags": flags}
    plain = imagecodecs.cms_transform(DEEP.astype(np.float32) / 65535, ADOBE, srgb, **how)
    wanted = imagecodecs.cms_transform((plain * np.float32(GAIN)), srgb, ADOBE, **how) * 65535
    inside = MASK & (plain.min(axis=2) > 0.02)
    error = np.abs(tifffile.imread(tmp_path / "b.tif")[inside] - wanted[inside]) / 257
    assert error.mean() < 0.3
    assert error.max() < 2


def test_transparent_pixels_are_seen_in_the_mean_color_of_the_background_not_in_black() -> None:
    colors = np.full((64, 64, 3), (180, 120, 60), np.uint8)
    alpha = np.full((64, 64), 255, np.uint8)
    colors[:30], alpha[:30] = 0, 0
    net = Seen()
    mask = np.zeros((64, 64), bool)
    mask[40:50, 20:40] = True
    mask[:5, :5] = True  # of what cannot be seen nothing is foreground
    result = harmonize_picture(Picture(colors, alpha), mask, net, size="full")
    np.testing.assert_allclose(net.backgrounds[0], np.full((64 * 64 - 200, 3), (180, 120, 60)) / 255, atol=1e-6)
    np.testing.assert_array_equal(result.colors[:30], 0)
    np.testing.assert_array_equal(result.alpha, alpha)
    assert result.colors[45, 30].tolist() == [144, 108, 36]


def test_a_half_transparent_background_counts_half() -> None:
    colors = np.full((32, 32, 3), 200, np.uint8)
    colors[:8] = 50
    alpha = np.full((32, 32), 255, np.uint8)
    alpha[:8] = 51
    mask = np.zeros((32, 32), bool)
    mask[16:] = True
    net = Seen()
    harmonize_picture(Picture(colors, alpha), mask, net, size="full")
    # The mean is 175: 8 rows of 50 with weight 0.2, 8 of 200. The upper rows are a fifth of the way from it to 50.
    assert sorted(set(np.rint(net.backgrounds[0][:, 0] * 255).tolist())) == [150, 200]


def test_a_foreground_without_any_visible_background_is_remarked_on(tmp_path: Path) -> None:
    colors, _ = samples("color", 8)
    write_picture(tmp_path / "a.png", Picture(colors, np.where(MASK, 255, 0).astype(np.uint8)))
    pixels.write_mask(tmp_path / "m.png", MASK)
    composite = read_composite(tmp_path / "a.png", tmp_path / "m.png")
    assert composite.remark() == "nothing of the background is visible, so that there is no light to take from it"


def test_invert_takes_the_black_of_a_mask_for_the_foreground(tmp_path: Path) -> None:
    colors, _ = samples("color", 8)
    write_picture(tmp_path / "a.png", Picture(colors))
    pixels.write_mask(tmp_path / "m.png", ~MASK)
    harmonize_file(tmp_path / "a.png", tmp_path / "m.png", tmp_path / "b.png", Seen(), size=32, invert=True)
    changed = (raw(tmp_path / "b.png") != colors).any(axis=2)
    np.testing.assert_array_equal(changed, MASK)


def write_labels(path: Path) -> np.ndarray:
    labels = np.zeros((48, 64), np.uint8)
    labels[10:20, 10:20], labels[10:20, 20:30], labels[30:40, 40:50] = 1, 2, 3
    Image.fromarray(labels).save(path)
    return labels


def test_each_label_is_harmonized_by_itself_and_the_others_are_background_as_they_are(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "m.png")
    colors = np.full((48, 64, 3), 100, np.uint8)
    colors[labels > 0] = 250
    write_picture(tmp_path / "a.png", Picture(colors))
    net = Seen()
    harmonize_file(tmp_path / "a.png", tmp_path / "m.png", tmp_path / "b.png", net, size="full", each=True)
    assert [len(seen) for seen in net.backgrounds] == [48 * 64 - 100] * 3
    assert [np.isclose(seen, 250 / 255).all(axis=1).sum() for seen in net.backgrounds] == [200] * 3
    result = raw(tmp_path / "b.png")
    assert result[labels > 0].tolist() == [[200, 225, 150]] * 300
    np.testing.assert_array_equal(result[labels == 0], 100)


def test_parts_of_a_mask_that_touch_no_other_are_foregrounds_too(tmp_path: Path) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[5:15, 5:15] = mask[30:44, 40:60] = 255
    mask[4, 5:15] = mask[44, 40:60] = 90  # soft edges
    mask[40, 2] = 255  # a speck
    Image.fromarray(mask).save(tmp_path / "m.png")
    first, second = map(mask_rules.shares, mask_files.read_compact_masks(tmp_path / "m.png", each=True))
    np.testing.assert_allclose(first + second, mask / 255, atol=1e-6)
    assert (np.count_nonzero(first), np.count_nonzero(second)) == (111, 300)
    assert first[40, 2] == 1  # nearer to the first, as far as a speck has a place
    Image.fromarray(np.where(mask == 255, 255, 0).astype(np.uint8)[:20]).save(tmp_path / "one.png")
    assert len(mask_files.read_compact_masks(tmp_path / "one.png", each=True)) == 1


def test_invert_and_each_together_are_refused() -> None:
    with pytest.raises(SettingsError, match="a mask of several foregrounds has no inverse"):
        Harmonizer(invert=True, each=True)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_cutout_takes_depth_and_profile_of_its_background(tmp_path: Path, depth: int) -> None:
    cut, alpha = np.full((10, 12, 3), 128, np.uint8), np.full((10, 12), 255, np.uint8)
    alpha[:2] = 0
    write_picture(tmp_path / "cut.png", Picture(cut, alpha))
    ground = samples("color", depth)[0]
    write_picture(tmp_path / "ground.tif", Picture(ground, None, Tags(ADOBE, EXIF)))
    composite = read_pasted(tmp_path / "cut.png", tmp_path / "ground.tif", (20, 10))
    colors, mask = composite.picture.colors, composite.mask
    assert colors.dtype == ground.dtype
    assert vars(composite.picture.tags) == vars(Tags(ADOBE, EXIF))
    assert mask.sum() == 96
    np.testing.assert_array_equal(colors[mask == 0], ground[mask == 0])
    assert composite.picture.srgb()[mask == 1] == pytest.approx(128, abs=1)


def test_a_cutout_covers_a_transparent_background(tmp_path: Path) -> None:
    write_picture(tmp_path / "cut.png", Picture(np.full((8, 8, 3), 9, np.uint8), np.full((8, 8), 255, np.uint8)))
    write_picture(tmp_path / "bg.png", Picture(np.full((32, 32, 3), 99, np.uint8), np.zeros((32, 32), np.uint8)))
    picture = read_pasted(tmp_path / "cut.png", tmp_path / "bg.png", (0, 0)).picture
    assert picture.opacity()[:8, :8].min() == 1
    assert picture.opacity()[8:].max() == 0


def test_a_cutout_without_alpha_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(DEEP))
    with pytest.raises(ImageError, match=r"a\.png: no alpha channel, a cut-out needs one"):
        read_pasted(tmp_path / "a.png", tmp_path / "a.png")


def test_pictures_side_by_side_have_a_white_line_between_them() -> None:
    for kind in ("gray, alpha", "color"):
        picture = Picture(*samples(kind, 16))
        both = side_by_side(picture, picture)
        assert both.shape == (48, 129)
        assert (both.colors[:, 64] == 65535).all()


def test_strength_0_is_the_file_itself(tmp_path: Path, mask: Path) -> None:
    write_picture(tmp_path / "a.tif", Picture(*samples("color, alpha", 16), Tags(ADOBE)))
    harmonize_file(tmp_path / "a.tif", mask, tmp_path / "b.tif", strength=0)
    np.testing.assert_array_equal(raw(tmp_path / "b.tif"), raw(tmp_path / "a.tif"))
