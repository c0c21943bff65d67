"""What networks once did badly (../shared/cases/harmonize), and what each does now."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import harmonize
from harmonize.evaluation import metrics
from harmonize.inference import image as inference

from .case_files import CASES, MASK, REFERENCE, Run

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here")


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
