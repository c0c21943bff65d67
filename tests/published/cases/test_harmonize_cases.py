"""Pictures, masks and lists of real users that once failed (../shared/cases/harmonize), and what each gives now."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from .case_files import CASES, MASK, REFERENCE, THEIRS, WEIGHTS, Run, levels

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here")


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
