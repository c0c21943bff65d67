"""Background next to the foreground hidden before a network sees it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from ccharmony.errors import SettingsError
from ccharmony.images import pixels
from harmonize.evaluation import protocols, report
from harmonize.evaluation.evaluate import evaluate
from harmonize.evaluation.ring import Ring, hide_ring, read_ring
from harmonize.evaluation.scoring import Rules

MASK = np.zeros((60, 70), np.float32)
MASK[20:40, 25:45] = 1
FAR = ndimage.distance_transform_cdt(MASK == 0, "chessboard")


@pytest.mark.parametrize(("ring", "least", "most"), [(Ring(0, 2), 1, 2), (Ring(7, 13), 8, 13)])
def test_a_ring_is_inpainted_and_the_rest_stays(ring: Ring, least: int, most: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 70, 3), np.uint8)
    hidden = hide_ring(picture, MASK, ring)
    band = (least <= FAR) & (most >= FAR)
    np.testing.assert_array_equal(hidden[~band], picture[~band])
    assert (hidden[band] != picture[band]).any(axis=1).mean() > 0.9


def test_a_ring_next_to_the_foreground_is_filled_from_outside_alone() -> None:
    picture = np.full((60, 70, 3), 90, np.uint8)
    picture[FAR <= 2] = 250
    np.testing.assert_allclose(hide_ring(picture, MASK, Ring(0, 2))[MASK == 0], 90, atol=2)


@pytest.mark.parametrize("text", ["0", "3:3", "5:2", "-1:2", "x", "1:2:3", "65", ""])
def test_a_ring_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="ring"):
        read_ring(text)
    assert read_ring("7:13") == Ring(7, 13)
    assert read_ring("2") == Ring(0, 2)


class CopiesTheSeam(nn.Module):
    """Gives the foreground the mean color of the background right next to it: all that it knows is the seam."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(()))  # says on which device it is

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hard = (mask > 0).float()
        ring = nn.functional.max_pool2d(hard, 3, 1, 1) - hard
        mean = (image * ring).sum((2, 3), keepdim=True) / ring.sum((2, 3), keepdim=True)
        return torch.where(hard > 0, mean, image)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Gray objects with a bright seam of their real color; the background is dark."""
    root = tmp_path / "seams"
    for name in ("composite_images", "masks", "real_images"):
        (root / name).mkdir(parents=True)
    mask = cv2.resize(MASK, (256, 256), interpolation=cv2.INTER_NEAREST)
    far = ndimage.distance_transform_cdt(mask == 0, "chessboard")
    real = np.full((256, 256, 3), 40, np.uint8)
    real[far <= 1] = 200
    composite = real.copy()
    composite[far == 0] = 120
    pixels.write_image(root / "composite_images" / "p_a_1.png", composite)
    pixels.write_image(root / "real_images" / "p.png", real)
    pixels.write_mask(root / "masks" / "p_a.png", mask)
    (root / "seams_test.txt").write_text("p_a_1.png\n")
    return root


def test_a_network_that_lives_on_the_seam_fails_without_it(pairs: Path, tmp_path: Path) -> None:
    found = {}
    for text in ("", "2", "7:13"):
        rules = Rules(protocols.find("issam"), ring=read_ring(text) if text else None)
        found[text] = evaluate(
            pairs, CopiesTheSeam(), rules, out=tmp_path / f"out{text.replace(':', '_')}", device="cpu"
        )
    fmse = {text: result["overall"]["harmonized"]["fmse"] for text, result in found.items()}
    assert fmse[""] == pytest.approx(0, abs=1)
    assert fmse["7:13"] == pytest.approx(0, abs=1)
    assert fmse["2"] == pytest.approx(160**2, rel=0.01)
    assert found["2"]["ring"] == [0, 2]
    assert (found[""]["overall"]["worse"], found["2"]["overall"]["worse"]) == (0, 1)
    assert "at 256x256; 2 px next to the foreground hidden; network" in report.to_markdown(found["2"])
    rows = (tmp_path / "out2" / "images.csv").read_text().splitlines()
    assert rows[1].startswith('"issam, 2 px next to the foreground hidden",')  # not to be compared with plain issam


def test_pictures_of_another_method_cannot_be_scored_so(pairs: Path) -> None:
    rules = Rules(protocols.find("issam"), ring=Ring(0, 2))
    with pytest.raises(SettingsError, match="wanted a network to hide a ring from"):
        evaluate(pairs, pairs / "real_images", rules, device="cpu")


def test_pictures_are_counted_by_their_composites_error() -> None:
    names = [report.bin_of(value, report.ERRORS) for value in (0, 199.9, 200, 999, 1000, 5e5)]
    assert names == ["0-200", "0-200", "200-1000", "200-1000", "1000-3000", "3000-"]
