"""The inputs of real users that once failed (../shared/cases): what each gives now, by the commands that a user types.

The test of the case ccharmony/NN_name.md begins with `test_ccharmony_NN`, and so in harmonize; the last test compares
the two lists. Files are compared with what Pillow, tifffile and NumPy read of them, never with what the project reads.
"""

import csv
import io
import json
import logging
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms
from skimage.color import deltaE_ciede2000, rgb2lab

import harmonize
from ccharmony import cli as ccharmony_cli
from ccharmony import console
from ccharmony.dataset.manifest import read_manifest
from ccharmony.images import headers, pixels, raw
from harmonize import cli as harmonize_cli
from harmonize.evaluation import metrics
from harmonize.inference import image as inference

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here")

OURS, THEIRS = CASES / "ccharmony", CASES / "harmonize"
REFERENCE, MASK = THEIRS / "00_reference_composite.png", THEIRS / "00_reference_mask.png"
WEIGHTS = ("--weights", "giftnet_w16")

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Run:
    """Run a command of either package in this process; gives exit code and all that it printed or logged."""

    def call(program: str, *words: object) -> tuple[int, str]:
        group = {"ccharmony": ccharmony_cli, "harmonize": harmonize_cli}[program].group
        caplog.clear()
        caplog.set_level(logging.INFO)
        with pytest.raises(SystemExit) as stop:
            console.run(group, [str(word) for word in words])
        printed = capsys.readouterr()
        return int(stop.value.code or 0), caplog.text + printed.err + printed.out

    return call


@pytest.fixture
def build(run: Run, tmp_path: Path) -> Callable[[str], tuple[int, str, Path]]:
    """Unpack a case and build it with default options; gives exit code, output and the dataset."""

    def call(case: str) -> tuple[int, str, Path]:
        data, out = tmp_path / "data", tmp_path / "out"
        with zipfile.ZipFile(OURS / f"{case}.zip") as archive:
            archive.extractall(data)
        code, said = run("ccharmony", "build", "--src", "folder", "--data", data, "--out", out, "--jobs", 1)
        return code, said, out

    return call


@pytest.fixture
def apply(run: Run, tmp_path: Path) -> Callable[..., tuple[int, str, Any]]:
    """Harmonize a composite; gives exit code, output and what Pillow reads of the result."""

    def call(composite: Path, mask: Path, *words: object, name: str = "out.png") -> tuple[int, str, Any]:
        out = tmp_path / name
        code, said = run("harmonize", "apply", composite, mask, "-o", out, *WEIGHTS, *words)
        return code, said, np.asarray(Image.open(out)) if out.is_file() else None

    return call


@pytest.fixture(scope="session")
def harmonized() -> np.ndarray:
    """The harmonized reference, by the API."""
    picture, mask = np.asarray(Image.open(REFERENCE)), np.asarray(Image.open(MASK))
    return harmonize.harmonize_image(picture, mask, harmonize.load_network("giftnet_w16"))


def levels(path: Path) -> np.ndarray:
    """Return the values of a picture as Pillow reads them."""
    return np.asarray(Image.open(path)).astype(int)


def pairs_by_foreground(dataset: Path) -> dict[str, int]:
    """Return how many pairs each foreground got."""
    names = [f"{pair.photo}_{pair.foreground}" for pair in read_manifest(dataset / "manifest.csv")]
    return {name: names.count(name) for name in sorted(set(names))}


def found(text: str) -> dict[str, Any]:
    """Return the one JSON object that `detect --json` printed."""
    (line,) = [line for line in text.splitlines() if line.startswith("{")]
    return dict(json.loads(line))


def color_error(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean CIEDE2000 of two pictures of 8 bits."""
    return float(deltaE_ciede2000(rgb2lab(a / 255), rgb2lab(b / 255)).mean())


# ccharmony: pictures


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


# ccharmony: charts


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


# ccharmony: masks


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


# harmonize: pictures and masks


def test_harmonize_01_tiff16_gives_what_its_8_bit_twin_gives(
    apply: Any, harmonized: np.ndarray, tmp_path: Path
) -> None:
    code, _, _ = apply(THEIRS / "01_tiff16_composite.tif", MASK, name="out.tif")
    deep = tifffile.imread(tmp_path / "out.tif")
    assert (code, deep.dtype) == (0, np.uint16)
    assert np.abs(deep / 257 - harmonized).max() <= 0.51
    background = levels(MASK) == 0
    assert np.array_equal(deep[background], tifffile.imread(THEIRS / "01_tiff16_composite.tif")[background])


def test_harmonize_02_colored_edge_counts_by_its_gray(apply: Any) -> None:
    composite, mask = THEIRS / "02_colored_edge_composite.png", THEIRS / "02_colored_edge_mask.png"
    code, said, result = apply(composite, mask)
    assert code == 0
    assert "436 colored pixels of its edge count by their gray" in said
    background = levels(mask)[..., :3].max(axis=-1) == 0
    assert np.array_equal(result[background], levels(composite)[background])


def test_harmonize_03_edge_alpha_is_kept(apply: Any) -> None:
    composite = THEIRS / "03_edge_alpha_composite.png"
    code, _, result = apply(composite, THEIRS / "03_edge_alpha_mask.png")
    assert code == 0
    assert np.array_equal(result[..., 3], levels(composite)[..., 3])
    assert (result[0, :, 3] == 238).all()


@pytest.mark.parametrize(
    ("composite", "mask", "turn"),
    [
        ("04_exif3_composite.jpg", "04_exif3_mask.jpg", 2),
        ("04_exif6_composite.jpg", "04_exif6_mask.jpg", 3),
        ("04_exif3_rgba_composite.png", "00_reference_mask.png", 2),
    ],
)
def test_harmonize_04_mask_exif_is_turned(apply: Any, composite: str, mask: str, turn: int) -> None:
    """What changed lies in the upright mask; the background is the upright composite."""
    code, _, result = apply(THEIRS / composite, THEIRS / mask)
    upright = np.rot90(levels(THEIRS / composite), turn)
    assert (code, result.shape) == (0, upright.shape)
    background = cv2.dilate((levels(MASK) > 0).astype(np.uint8), np.ones((17, 17))) == 0
    changed = np.abs(result.astype(int) - upright)[..., :3].max(axis=-1) > 0
    assert changed[background].mean() == 0
    assert changed[levels(MASK) == 255].mean() > 0.9


@pytest.mark.parametrize("name", ["black", "white"])
def test_harmonize_05_mask_alpha_is_the_mask(apply: Any, harmonized: np.ndarray, name: str) -> None:
    code, said, result = apply(REFERENCE, THEIRS / f"05_mask_alpha_{name}.png")
    assert code == 0
    assert "the alpha channel is the mask" in said
    assert np.array_equal(result, harmonized)


def test_harmonize_07_icc_keeps_the_profile_and_the_background(apply: Any, tmp_path: Path) -> None:
    composite, mask = THEIRS / "07_adobergb_composite.jpg", THEIRS / "07_adobergb_mask.png"
    code, _, result = apply(composite, mask)
    assert code == 0
    with Image.open(composite) as before, Image.open(tmp_path / "out.png") as after:
        assert after.info["icc_profile"] == before.info["icc_profile"]
    background = levels(mask) == 0
    assert np.array_equal(result[background], levels(composite)[background])


def test_harmonize_09_names_are_matched(run: Run, tmp_path: Path) -> None:
    folder = THEIRS / "09_names"
    code, said = run("harmonize", "apply", folder / "composite", folder / "mask", "-o", tmp_path / "out", *WEIGHTS)
    assert code == 0
    assert "7 harmonized, 0 left out" in said
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert written == ["001.png", "002.png", "b_composite.png", "comp_3.png", "ok.png", "sub/d.png", "x.png"]


def test_harmonize_10_frames_of_a_still_object_hardly_change_color(run: Run, tmp_path: Path) -> None:
    """26 levels between the frames when each is harmonized by itself, 2.2 as a video."""
    folder, out = THEIRS / "10_frames", tmp_path / "out"
    words = ("--video", folder / "composite", folder / "mask", "-o", out)
    code, _ = run("harmonize", "apply", *words, *WEIGHTS)
    frames = sorted(out.glob("*.png"))
    assert (code, len(frames)) == (0, 16)
    colors = np.array([levels(path)[levels(folder / "mask" / path.name) == 255].mean(axis=0) for path in frames])
    assert np.ptp(colors, axis=0).max() < 4


def test_harmonize_15_mask_empty_full_get_a_word(apply: Any) -> None:
    code, said, result = apply(REFERENCE, THEIRS / "15_mask_empty.png", name="empty.png")
    assert code == 0
    assert "nothing is foreground, the result is the composite" in said
    assert np.array_equal(result, levels(REFERENCE))
    code, said, _ = apply(REFERENCE, THEIRS / "15_mask_full.png", name="full.png")
    assert code == 0
    assert "100 % is foreground; is it inverted?" in said


def test_harmonize_16_composite_kinds_are_kept(apply: Any) -> None:
    code, _, gray = apply(THEIRS / "16_gray_composite.png", MASK, name="gray.png")
    before = levels(THEIRS / "16_gray_composite.png")
    assert (code, gray.shape) == (0, before.shape)
    assert np.abs(gray - before)[levels(MASK) == 255].mean() > 1
    assert np.array_equal(gray[levels(MASK) == 0], before[levels(MASK) == 0])
    code, _, clear = apply(THEIRS / "16_rgba_transparent_top.png", MASK, name="clear.png")
    before = levels(THEIRS / "16_rgba_transparent_top.png")
    assert code == 0
    assert np.array_equal(clear[..., 3], before[..., 3])
    assert np.array_equal(clear[levels(MASK) == 0], before[levels(MASK) == 0])


def test_harmonize_22_out_folder_may_have_a_dot(run: Run, tmp_path: Path) -> None:
    code, _ = run("harmonize", "apply", REFERENCE, MASK, "-o", f"{tmp_path}/results.v2/", *WEIGHTS)
    assert code == 0
    assert (tmp_path / "results.v2" / REFERENCE.name).is_file()


# harmonize: lists and tables


def test_harmonize_12_root_without_hcoco_is_scored_without_it(run: Run, tmp_path: Path) -> None:
    root = THEIRS / "12_root_without_hcoco"
    code, said = run("harmonize", "evaluate", "--data", root, "--out", tmp_path / "a", *WEIGHTS)
    assert code == 1
    assert f"no sub-dataset HCOCO in {root}; composites left out: 1" in said
    assert len(json.loads((tmp_path / "a" / "report.json").read_text(encoding="utf-8"))["skipped"]) == 1
    code, said = run("harmonize", "evaluate", "--data", root / "HFlickr", "--out", tmp_path / "b", *WEIGHTS)
    assert code == 0
    assert re.search(r"HFlickr +\| composite +\| +3 ", said)


SMALL = ("--width", 4, "--size", 32, "--batch", 2, "--steps", 1)


def test_harmonize_13_no_train_list_takes_all(run: Run, tmp_path: Path) -> None:
    words = ("train", "--data", THEIRS / "13_no_train_list", "--out", tmp_path / "run")
    code, said = run("harmonize", *words, *SMALL)
    assert code == 0
    assert "no list *_train.txt, all 3 composites are taken" in said
    assert (tmp_path / "run" / "best.safetensors").is_file()
    code, said = run("harmonize", *words, "--force", "--steps", 1)
    assert code == 1
    assert "batch 16 is larger than the set: 2 samples, wanted --batch 2 or less" in said


@pytest.mark.parametrize("data", [".", "pairs.csv"])
def test_harmonize_14_triplets_same_name_are_read(run: Run, tmp_path: Path, data: str) -> None:
    folder = THEIRS / "14_triplets_same_name"
    code, _ = run("harmonize", "train", "--data", folder / data, "--out", tmp_path / "run", *SMALL)
    assert code == 0
    assert (tmp_path / "run" / "best.safetensors").is_file()


# harmonize: networks


def test_harmonize_17_shrink_apply_is_that_of_training() -> None:
    """What the network is shown at 64x64 is OpenCV's bilinear copy, as training's, not the mean of areas."""
    picture, mask = np.asarray(Image.open(REFERENCE)), np.asarray(Image.open(MASK))
    seen: list[np.ndarray] = []

    class Recorder(torch.nn.Module):
        def forward(self, image: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
            seen.append(image[0].permute(1, 2, 0).numpy().copy())
            return image

    inference.harmonize_image(picture, mask, Recorder(), size=64)
    wanted = cv2.resize(picture.astype(np.float32) / 255, (64, 64), interpolation=cv2.INTER_LINEAR)
    areas = cv2.resize(picture.astype(np.float32) / 255, (64, 64), interpolation=cv2.INTER_AREA)
    likeness = [np.corrcoef(copy.ravel(), seen[0].ravel())[0, 1] for copy in (wanted, areas)]
    assert likeness[1] < likeness[0]
    assert likeness[0] > 0.98  # each channel has a scale of its own


def test_harmonize_18_natural_photos_change_less_than_they_did(shared_data: Path) -> None:
    """fMSE of 11 unaltered photos against themselves: 392 with giftnet_w16, 138 with the default weights."""
    errors: dict[str | None, list[float]] = {"giftnet_w16": [], None: []}
    nets = {name: harmonize.load_network(name) for name in errors}
    for photo, mask in _unaltered(shared_data / "photos2"):
        for name, net in nets.items():
            errors[name].append(metrics.fmse(harmonize.harmonize_image(photo, mask, net), photo, mask))
    assert np.mean(errors["giftnet_w16"]) == pytest.approx(392, rel=0.05)
    assert np.mean(errors[None]) == pytest.approx(138, rel=0.1)


def test_harmonize_19_pih_small_bright_is_not_darkened_by_the_default(shared_data: Path) -> None:
    """A yellow disc of 1 % of the picture, as the reported flower; pih, no longer the default, takes its red."""
    reds: dict[str | None, list[float]] = {"pih": [], None: []}
    nets = {name: harmonize.load_network(name) for name in reds}
    for photo, _ in list(_unaltered(shared_data / "photos2"))[:4]:
        picture, mask = photo.copy(), np.zeros(photo.shape[:2], np.uint8)
        middle, radius = (photo.shape[1] // 2, photo.shape[0] // 2), round((0.01 * mask.size / np.pi) ** 0.5)
        cv2.circle(mask, middle, radius, 255, -1)
        picture[mask > 0] = (178, 175, 28)
        for name, net in nets.items():
            reds[name].append(float(harmonize.harmonize_image(picture, mask, net)[mask > 0][:, 0].mean()))
    assert min(reds[None]) > 130
    assert np.mean(reds["pih"]) == pytest.approx(105, abs=10)


def _unaltered(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file) if row["split"] == "val"][::25]
    for name in ids:
        photo = np.asarray(Image.open(folder / "images" / f"{name}.webp").convert("RGB"))
        yield photo, np.asarray(Image.open(folder / "masks" / f"{name}.png").convert("L"))


def test_harmonize_21_api_takes_what_users_have(harmonized: np.ndarray) -> None:
    picture, mask = np.asarray(Image.open(REFERENCE)), np.asarray(Image.open(MASK))
    net = harmonize.load_network("giftnet_w16")
    for kind in (mask[..., None], mask.astype(np.int64), mask.astype(np.uint16) * 257):
        assert np.array_equal(harmonize.harmonize_image(picture, kind, net), harmonized)


def test_harmonize_24_seam_dependence_is_less_with_the_default(shared_data: Path, run: Run, tmp_path: Path) -> None:
    """fMSE with the two pixels next to the foreground hidden, of every 12th photo of val."""
    lights, pairs = tmp_path / "fits.h5", tmp_path / "pairs"
    release = shared_data / "ccharmony_release"
    assert run("ccharmony", "fits", "--release", release, "--fit", "ridge", "--out", lights)[0] == 0
    photos = _few_photos(shared_data / "photos", tmp_path / "photos")
    assert run("harmonize", "make-pairs", "--photos", photos, "--lights", lights, "--out", pairs)[0] == 0
    hidden = {}
    for name in ("giftnet_w16", "giftnet_w16_kinds"):
        words = ("--data", pairs, "--split", "all", "--weights", name, "--ring", 2, "--out", tmp_path / name)
        assert run("harmonize", "evaluate", *words)[0] == 0
        report = json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))
        hidden[name] = report["overall"]["harmonized"]["fmse"]
        assert report["overall"]["composite"]["fmse"] == pytest.approx(1283, rel=0.02)
    assert hidden == pytest.approx({"giftnet_w16": 683, "giftnet_w16_kinds": 637}, rel=0.02)


def _few_photos(source: Path, folder: Path) -> Path:
    with (source / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"][::12]
    for part, suffix in (("images", "webp"), ("masks", "png")):
        (folder / part).mkdir(parents=True)
        for row in rows:
            shutil.copy(source / part / f"{row['id']}.{suffix}", folder / part)
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_each_case_has_its_test() -> None:
    """A case is a Markdown file; its test is called after its number."""
    wanted = {f"{folder.name}_{path.stem[:2]}" for folder in (OURS, THEIRS) for path in folder.glob("*.md")}
    tested = {match[1] for name in globals() if (match := re.match(r"test_((?:ccharmony|harmonize)_\d\d)_", name))}
    assert tested == wanted
    assert len(wanted) == 38
