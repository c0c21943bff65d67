"""`ccharmony fits`: the lights of a release, made here by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ccharmony import cli
from ccharmony.checker.chart import STANDARD
from ccharmony.color import polynomial
from ccharmony.dataset import fits
from ccharmony.errors import SourceError
from ccharmony.images import pixels

PATCHES = {
    "IMG_0300": 255 * (0.05 + 0.8 * STANDARD**1.2),
    "Canon1DsMkIII_0005": 255 * (0.04 + 0.7 * STANDARD**0.9 * np.array([1, 0.8, 0.6])),
}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Two photos; the first one's forward matrix is an affine fit, found with numpy alone."""
    root = tmp_path / "release"
    for folder in ("patch_colors", "polynomial_matching_coefficients", "foreground_masks"):
        (root / folder).mkdir(parents=True)
    (root / "train_list.txt").write_text("IMG_0300_a\n")
    (root / "test_list.txt").write_text("Canon1DsMkIII_0005_a\n")
    for name, patches in PATCHES.items():
        np.savetxt(root / f"patch_colors/{name}.csv", patches, delimiter=",", fmt="%.17g")
        standard = 255 * STANDARD
        there = _fitted(patches, standard, [0, 1, 2, 10] if name.startswith("IMG") else list(range(11)))
        place = root / "polynomial_matching_coefficients"
        np.save(place / f"{name}.npy", there)
        np.save(place / f"{name}_reverse.npy", _fitted(standard, patches, list(range(11))))
        pixels.write_mask(root / f"foreground_masks/{name}_a.png", np.ones((4, 4), bool))
    return root


def _fitted(source: np.ndarray, target: np.ndarray, columns: list[int]) -> np.ndarray:
    r, g, b = source.T
    terms = np.stack([r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b, np.ones(24)], axis=1)
    matrix = np.zeros((3, 11))
    matrix[:, columns] = np.linalg.lstsq(terms[:, columns], target)[0].T
    return matrix


def run(release: Path, out: Path, *more: str) -> fits.Fits:
    done = CliRunner().invoke(cli.group, ["fits", "--release", str(release), "--out", str(out), *more])
    if done.exception:
        raise done.exception
    assert done.stdout.endswith("2 photos (1 train, 1 test), 0 problems\n")
    return fits.read_fits(out)


def test_published_matrices_are_taken_as_they_are(release: Path, tmp_path: Path) -> None:
    found = run(release, tmp_path / "fits.h5")
    record = found["IMG_0300"]
    stored = np.load(release / "polynomial_matching_coefficients/IMG_0300.npy")
    assert polynomial.to_levels(record.to_standard) == pytest.approx(stored, rel=1e-12, abs=1e-12)
    assert (record.kind, record.source, record.camera, record.split) == ("affine", "gehler", "Canon5D", "train")
    assert record.residuals["refit"] > 0.5
    assert found["Canon1DsMkIII_0005"].kind == "published"


def test_another_kind_is_fitted_to_the_published_patches(release: Path, tmp_path: Path) -> None:
    found = run(release, tmp_path / "fits.h5", "--fit", "ridge")
    assert {record.kind for record in found.records} == {"ridge"}
    assert found["IMG_0300"].patches == pytest.approx(PATCHES["IMG_0300"] / 255)


def test_the_same_release_gives_the_same_bytes(release: Path, tmp_path: Path) -> None:
    for name in ("one.h5", "two.h5"):
        run(release, tmp_path / name)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_a_broken_patch_file_is_a_problem_of_its_photo(release: Path, tmp_path: Path) -> None:
    (release / "patch_colors/IMG_0300.csv").write_text("1,2\n")
    done = CliRunner().invoke(cli.group, ["fits", "--release", str(release), "--out", str(tmp_path / "fits.h5")])
    assert done.exit_code == 1
    assert "IMG_0300" in done.stderr
    assert fits.read_fits(tmp_path / "fits.h5").ids == ("Canon1DsMkIII_0005",)


def test_a_folder_that_is_no_release_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no train_list\.txt below it, wanted a clone of the ccHarmony repository"):
        run(tmp_path, tmp_path / "fits.h5")
