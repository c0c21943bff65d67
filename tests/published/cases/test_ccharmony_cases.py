"""Photos, charts and masks of real users that once failed (../shared/cases/ccharmony), and what each gives now."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from ccharmony.images import headers, pixels, raw

from .case_files import CASES, OURS, Run, color_error, found, levels, pairs_by_foreground

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here")


def test_ccharmony_01_tiff16_is_its_8_bit_twin(run: Run) -> None:
    deep, twin = OURS / "01_tiff16.tif", OURS / "01_tiff16_truth.png"
    assert np.array_equal(pixels.read_image(deep), levels(twin))
    assert tifffile.imread(deep).dtype == np.uint16
    objects = [found(run("ccharmony", "detect", "--json", path)[1]) for path in (deep, twin)]
    assert objects[0]["corners"] == objects[1]["corners"]
    assert objects[0]["residual"] == pytest.approx(13.0, abs=0.1)


def test_ccharmony_06_icc_converts_as_littlecms_does() -> None:
    """The twin is another program's conversion: 1.62 off LittleCMS's, 3.97 off the values as they are."""
    adobe, twin = OURS / "06_adobe_rgb.jpg", levels(OURS / "06_same_as_srgb.jpg")
    assert color_error(levels(adobe), twin) == pytest.approx(3.97, abs=0.02)
    assert color_error(pixels.read_image(adobe), twin) == pytest.approx(1.62, abs=0.02)
    for path in (adobe, OURS / "06_display_p3.jpg"):
        with Image.open(path) as picture:
            profile = ImageCms.getOpenProfile(io.BytesIO(picture.info["icc_profile"]))
            converted = ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"))
        assert color_error(pixels.read_image(path), np.asarray(converted)) < 0.01


def test_ccharmony_07_tiff_orientation_gives_upright_sizes_and_pairs(build: Any) -> None:
    path = OURS / "07_tiff_orientation.tif"
    stored = tifffile.imread(path)
    assert headers.image_size(path) == (160, 240)
    assert np.array_equal(pixels.read_image(path), np.rot90(stored, 3))
    code, _, dataset = build("07_tiff_orientation")
    assert (code, pairs_by_foreground(dataset)) == (0, {"blocks_a": 1, "seeds_a": 1})


def test_ccharmony_18_photo_formats_all_give_pairs(build: Any) -> None:
    code, _, dataset = build("18_photo_formats")
    counts = pairs_by_foreground(dataset)
    assert (code, sorted(counts)) == (0, ["arcu1_a", "blocks_a", "pots_a", "seeds2_a", "seeds_a"])
    assert sum(counts.values()) == 18


def test_ccharmony_19_proraw_jpegxl_is_named(run: Run) -> None:
    code, said = run("ccharmony", "detect", OURS / "19_proraw_jpegxl.dng")
    assert code == 1
    assert "a DNG compressed with JPEG XL, which this LibRaw cannot decode" in said


def test_ccharmony_23_dng_default_scale_has_one_size() -> None:
    path = OURS / "23_dng_default_scale.dng"
    assert raw.raw_size(path) == (532, 800)
    assert raw.read_raw(path).shape == (532, 800, 3)


def test_ccharmony_04_two_charts_are_both_cut_away(build: Any, run: Run) -> None:
    code, said, dataset = build("04_two_charts")
    assert (code, pairs_by_foreground(dataset)) == (1, {"blocks_a": 2, "seeds_a": 1})
    assert said.count("mask lies in the part that the crop cuts away with the chart") == 2
    _, seen = run("ccharmony", "detect", dataset / "real_images")
    assert seen.count("no chart found") == len(list((dataset / "real_images").iterdir())) == 2


@pytest.mark.parametrize(("name", "residual"), [("bluecast", 25.1), ("generic24", 27.4), ("overpainted", 29.9)])
def test_ccharmony_05_refused_charts_are_found(run: Run, name: str, residual: float) -> None:
    said = found(run("ccharmony", "detect", "--json", OURS / f"05_refused_{name}.jpg")[1])
    assert said["reason"] == ""
    assert said["residual"] == pytest.approx(residual, abs=0.1)
    assert len(said["corners"]) == 4


def test_ccharmony_14_covered_patch_is_left_out(build: Any, run: Run) -> None:
    code, _, dataset = build("14_covered_patch")
    assert (code, pairs_by_foreground(dataset)) == (0, {"arcu1_a": 2, "blocks_a": 2, "seeds_a": 2})
    _, said = run("ccharmony", "detect", dataset.parent / "data" / "photos" / "blocks.png")
    assert "23 of 24 patches usable (moderate red: does not fit the others)" in said
    _, clean = run("ccharmony", "detect", OURS / "14_covered_patch_clean.png")
    assert "24 of 24 patches usable" in clean


def test_ccharmony_16_detect_folder_reads_heic(run: Run, tmp_path: Path) -> None:
    shutil.copy(OURS / "16_detect_folder.heic", tmp_path)
    code, said = run("ccharmony", "detect", tmp_path)
    assert code == 0
    assert "16_detect_folder.heic: chart at " in said
    assert "24 of 24 patches usable" in said


def test_ccharmony_20_spydercheckr24_is_named(run: Run) -> None:
    _, said = run("ccharmony", "detect", OURS / "20_spydercheckr24.jpg")
    assert "a SpyderCheckr 24, whose colors stand in another order, wanted a classic 24-patch chart" in said
    assert "chart at" not in said


def test_ccharmony_02_masks_not_png_are_used(build: Any) -> None:
    code, _, dataset = build("02_masks_not_png")
    assert (code, sorted(pairs_by_foreground(dataset))) == (0, ["arcu1_a", "blocks_a", "seeds2_a", "seeds_a"])


def test_ccharmony_03_small_build_uses_three_of_three(build: Any) -> None:
    code, said, dataset = build("03_small_build")
    assert (code, pairs_by_foreground(dataset)) == (0, {"arcu1_a": 2, "blocks_a": 2, "seeds_a": 1})
    assert "too few lights for a test set (1 in test and 2 in train" in said


def test_ccharmony_08_cvat_iscrowd_is_an_object_each(build: Any) -> None:
    code, said, dataset = build("08_cvat_iscrowd")
    assert (code, sorted(pairs_by_foreground(dataset))) == (0, ["arcu1_a", "blocks_a", "seeds_a"])
    assert "3 annotations with iscrowd 1 are taken for one object each" in said


def test_ccharmony_09_labelme_mask_oriented_are_areas(build: Any) -> None:
    """One file has a mask, one an oriented rectangle, whose area follows from its corners."""
    code, _, dataset = build("09_labelme_mask_oriented")
    assert (code, sorted(pairs_by_foreground(dataset))) == (0, ["arcu1_a", "blocks_a", "seeds_a"])
    for path in (dataset.parent / "data" / "masks").glob("*.json"):
        (shape,) = json.loads(path.read_text(encoding="utf-8"))["shapes"]
        if shape["shape_type"] == "oriented_rectangle":
            area = cv2.contourArea(np.float32(shape["points"]))
            mask = levels(dataset / "masks" / f"{path.stem}_a.png") > 0
            assert mask.sum() == pytest.approx(area, rel=0.02)


def test_ccharmony_10_labelme_group_two_labels_are_two_foregrounds(build: Any) -> None:
    code, _, dataset = build("10_labelme_group_two_labels")
    assert code == 0
    expected = [f"{photo}_{letter}" for photo in ("arcu1", "blocks", "seeds") for letter in "ab"]
    assert sorted(pairs_by_foreground(dataset)) == expected


def test_ccharmony_12_labelme_beside_photos_is_read(build: Any) -> None:
    code, _, dataset = build("12_labelme_beside_photos")
    assert (code, sorted(pairs_by_foreground(dataset))) == (0, ["arcu1_a", "blocks_a", "seeds2_a", "seeds_a"])


def test_ccharmony_15_masks_labels_palette_alpha_are_their_shapes(build: Any) -> None:
    """seeds_a has two labels, of which the crop cuts one away."""
    code, said, dataset = build("15_masks_labels_palette_alpha")
    assert (code, sorted(pairs_by_foreground(dataset))) == (
        1,
        ["arcu1_a", "blocks_a", "pots_a", "seeds2_a", "seeds_a2"],
    )
    assert "seeds_a1: mask lies in the part that the crop cuts away with the chart" in said
    masks = dataset.parent / "data" / "masks"
    for name, selected in {
        "arcu1_a": lambda values: values == 1,
        "blocks_a": lambda values: values == 255,
        "pots_a": lambda values: values[..., 3] == 255,
        "seeds2_a": lambda values: values[..., 3] == 255,
    }.items():
        assert np.array_equal(pixels.read_mask(masks / f"{name}.png") > 0.5, selected(levels(masks / f"{name}.png")))


def test_ccharmony_21_coco_exif_swapped_size_is_used(build: Any) -> None:
    code, said, dataset = build("21_coco_exif_swapped_size")
    assert (code, sorted(pairs_by_foreground(dataset))) == (0, ["arcu1_a", "blocks_a", "seeds_a"])
    assert "3 sizes are those before EXIF turns the photos; outlines are taken as upright" in said
