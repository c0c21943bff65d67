"""Fits and transfer against the published patches and matrices, read here by other means than the package's."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ccharmony.build import light
from ccharmony.checker.chart import STANDARD
from ccharmony.color import polynomial, residuals, transfer

EIGHT_AFFINE = {
    "IMG_0305", "IMG_0456", "IMG_0549", "IMG_0553",
    "OlympusEPL6_0035", "OlympusEPL6_0123", "PanasonicGX1_0049", "SamsungNX2000_0184",
}  # fmt: skip
TWO_UNEXPLAINED = {"8D5U5599", "IMG_0290"}


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Photo -> patches (24, 3), T_a and T'_a (3, 11), all on 8-bit levels."""
    folder = shared_data / "ccharmony_release"
    with (
        zipfile.ZipFile(folder / "patch_colors.zip") as colors,
        zipfile.ZipFile(folder / "polynomial_matching_coefficients.zip") as matrices,
    ):
        found = {}
        for name in colors.namelist():
            if name.endswith(".csv"):
                photo = Path(name).stem
                rows = csv.reader(io.StringIO(colors.read(name).decode()))
                place = f"polynomial_matching_coefficients/{photo}"
                found[photo] = (
                    np.array([[float(cell) for cell in row] for row in rows if row]),
                    np.load(io.BytesIO(matrices.read(f"{place}.npy"))),
                    np.load(io.BytesIO(matrices.read(f"{place}_reverse.npy"))),
                )
    assert len(found) == 350
    return found


Published = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


def largest_difference(first: np.ndarray, second: np.ndarray, colors: np.ndarray) -> float:
    """In levels, of two matrices on 8-bit levels."""
    return float(np.abs(polynomial.apply_polynomial(first, colors) - polynomial.apply_polynomial(second, colors)).max())


def test_340_of_350_forward_matrices_are_refitted(published: Published) -> None:
    close = 0
    for patches, forward, _ in published.values():
        refit = polynomial.to_levels(polynomial.fit_polynomial(patches / 255, STANDARD, "published"))
        close += largest_difference(refit, forward, patches) < 1e-6
    assert close == 340


def test_all_350_reverse_matrices_are_refitted(published: Published) -> None:
    standard = 255 * STANDARD
    for photo, (patches, _, reverse) in published.items():
        refit = polynomial.to_levels(polynomial.fit_polynomial(STANDARD, patches / 255, "published"))
        assert largest_difference(refit, reverse, standard) < 1e-6, photo


def test_eight_of_the_others_are_affine_and_two_unexplained(published: Published) -> None:
    kinds = {
        photo: light.recognize(patches / 255, STANDARD, polynomial.from_levels(forward)) or "unexplained"
        for photo, (patches, forward, _) in published.items()
    }
    assert Counter(kinds.values()) == {"published": 340, "affine": 8, "unexplained": 2}
    assert {photo for photo, kind in kinds.items() if kind == "affine"} == EIGHT_AFFINE
    assert {photo for photo, kind in kinds.items() if kind == "unexplained"} == TWO_UNEXPLAINED


def test_leave_one_out_prefers_ridge(published: Published) -> None:
    """Medians over all patches of all photos, as measured outside this project."""
    medians = {
        kind: np.median([residuals.left_out(p / 255, STANDARD, kind) for p, _, _ in published.values()])
        for kind in polynomial.KINDS
    }
    assert medians["published"] == pytest.approx(3.74, abs=0.01)
    assert medians["affine"] == pytest.approx(3.90, abs=0.01)
    assert medians["ridge"] == pytest.approx(3.34, abs=0.01)


@pytest.mark.parametrize("photo", ["IMG_0614", "8D5U5538", "Canon1DsMkIII_0005"])
def test_published_transfer_is_the_plain_method_bit_for_bit(published: Published, photo: str) -> None:
    forward, reverse = published[photo][1], published["IMG_0444"][2]
    image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    mask = np.ones((200, 300), np.float32)
    foreground = transfer.standardize(image, mask, polynomial.from_levels(forward), "published")
    relit = transfer.relight_foreground(foreground, polynomial.from_levels(reverse))
    np.testing.assert_array_equal(transfer.paste(image, foreground, relit), plain(plain(image, forward), reverse))


def plain(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The published way: eleven terms of every pixel in double precision, clipped and truncated."""
    r, g, b = np.moveaxis(image.astype(np.float64), -1, 0)
    terms = np.stack([r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b, np.ones_like(r)], axis=-1)
    return np.clip(terms @ matrix.T, 0, 255).astype(np.uint8)
