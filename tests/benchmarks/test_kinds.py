"""The table of kinds: its halves, its baselines against scikit-image, its cells by hand."""

from pathlib import Path

import numpy as np
import pytest
from skimage import color as skcolor

from benchmarks import kinds, scene
from ccharmony.images import pixels
from harmonize.data.lights import read_lights
from harmonize.evaluation.ring import Ring, hide_ring

RANDOM = np.random.default_rng(0)
MASK = np.zeros((40, 40), np.float32)
MASK[10:30, 12:28] = 1


def lab_of(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mean and spread in Lab, (2, 3)."""
    colors = skcolor.rgb2lab(picture / 255)[inside]
    return np.stack([colors.mean(axis=0), colors.std(axis=0)])


@pytest.fixture
def composite() -> np.ndarray:
    """Muted noise, its foreground warmer and of less contrast."""
    noise = RANDOM.normal(0, 12, (40, 40, 3))
    return np.rint(
        np.where(MASK[..., None] > 0, noise / 2 + np.array([150, 120, 95]), noise + np.array([110, 115, 125]))
    ).astype(np.uint8)


def test_the_halves_share_no_photo_and_miss_none(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    lines = ["id,split"]
    for number in range(20):
        pixels.write_image(tmp_path / "images" / f"p{number}.png", np.zeros((4, 4, 3), np.uint8))
        pixels.write_mask(tmp_path / "masks" / f"p{number}.png", np.ones((4, 4), np.float32))
        lines.append(f"p{number},{'val' if number else 'train'}")
    (tmp_path / "index.csv").write_text("\n".join(lines))
    halves = {part: {paths.id for paths in kinds.choose(tmp_path, part)} for part in ("choose", "report", "all")}
    assert halves["all"] == {f"p{number}" for number in range(1, 20)}
    assert halves["choose"] | halves["report"] == halves["all"]
    assert not halves["choose"] & halves["report"]
    assert min(len(halves["choose"]), len(halves["report"])) >= 4


def test_every_row_has_a_name_of_its_own(tmp_path: Path) -> None:
    photos, lights = scene.write_photos(tmp_path, train=1, val=2)
    found = kinds.choose(photos, "all")
    names = [name for name, _ in kinds.make_rows(found, found, read_lights(lights), "rendered")]
    assert len(names) == len(set(names)) == 12


def test_reinhard_gives_the_background_s_mean_and_spread_in_lab(composite: np.ndarray) -> None:
    matched = kinds._match_mean(composite, MASK)
    np.testing.assert_allclose(lab_of(matched, MASK > 0), lab_of(composite, MASK == 0), atol=0.3)


def test_the_covariance_of_the_background_is_given_in_rgb(composite: np.ndarray) -> None:
    colors = kinds._match_covariance(composite, MASK)[MASK > 0]
    wanted = composite[MASK == 0].astype(np.float64)
    np.testing.assert_allclose(colors.mean(axis=0), wanted.mean(axis=0), atol=0.5)
    np.testing.assert_allclose(np.cov(colors.T), np.cov(wanted.T), rtol=0.02, atol=2)


def test_a_foreground_s_histogram_becomes_the_background_s(composite: np.ndarray) -> None:
    matched = kinds._match_histogram(composite, MASK)
    shares = (10, 50, 90)
    wanted = np.percentile(composite[MASK == 0], shares, axis=0)
    np.testing.assert_allclose(np.percentile(matched[MASK > 0], shares, axis=0), wanted, atol=1)
    np.testing.assert_array_equal(matched[MASK == 0], composite[MASK == 0])


def test_a_cell_holds_mean_share_and_how_many_got_worse() -> None:
    assert kinds._cell(np.array([100.0, 300.0]), np.array([50.0, 310.0])) == "180 (90%; 50% worse)"
    assert kinds._cell(np.array([0.0, 0.0]), np.array([50.0, 31.0])) == "40"


def test_a_seam_is_hidden_in_the_composite_alone(composite: np.ndarray) -> None:
    (hidden,) = kinds._hide([kinds.Pair(composite, MASK, composite)])
    np.testing.assert_array_equal(hidden.composite, hide_ring(composite, MASK, Ring(0, 2)))
    np.testing.assert_array_equal(hidden.real, composite)
