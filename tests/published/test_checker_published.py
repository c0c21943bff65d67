"""Patches of the published release, and photos whose patches somebody else has read."""

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ccharmony.checker import corners
from ccharmony.checker.chart import RELEASE_TO_CHART
from ccharmony.checker.patches import (
    affine_residual,
    orientation_ratio,
    orientation_residuals,
    read_patches,
    read_quads,
)
from ccharmony.images import pixels


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, np.ndarray]:
    """Patches of the 350 photos, (24, 3) in [0, 1], by id."""
    with zipfile.ZipFile(shared_data / "ccharmony_release" / "patch_colors.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".csv")]
        tables = [np.loadtxt(io.BytesIO(archive.read(name)), delimiter=",") / 255 for name in names]
    return {Path(name).stem: table for name, table in zip(names, tables, strict=True)}


def test_all_published_patches_fit_best_the_way_they_are_given(published: dict[str, np.ndarray]) -> None:
    ratios = sorted((orientation_ratio(colors), name) for name, colors in published.items())
    assert len(ratios) == 350
    assert ratios[0][1] == "IMG_0614"
    assert ratios[0][0] > 1.5
    assert ratios[1][0] > 1.7


def test_published_patches_in_chart_order_are_told_apart(published: dict[str, np.ndarray]) -> None:
    for colors in published.values():
        residuals = orientation_residuals(colors[RELEASE_TO_CHART])
        assert min(residuals, key=residuals.__getitem__) == "up-down"


def test_three_published_photos_leave_a_residual_of_25_levels_or_more(published: dict[str, np.ndarray]) -> None:
    refused = {name for name, colors in published.items() if affine_residual(colors) >= 25}
    assert refused == {"IMG_0281", "IMG_0327", "IMG_0614"}


def test_quads_of_gehler_are_read_as_others_read_them(shared_data: Path) -> None:
    image = pixels.read_image(shared_data / "gehler" / "photos" / "8D5U5524.png")
    lines = (shared_data / "gehler" / "coordinates" / "8D5U5524_macbeth.txt").read_text().split("\n")
    points = np.array([line.split() for line in lines[:101]], dtype=float)
    scale = image.shape[1] / points[0, 0]
    patches = read_quads(image, scale * points[5:].reshape(24, 4, 2))
    with (shared_data / "gehler" / "8D5U5524_patches.csv").open(newline="") as file:
        theirs = np.array([json.loads(cell) for cell in list(csv.reader(file))[1]])
    assert patches.usable.all()
    assert patches.gray_ramp_falls
    np.testing.assert_allclose(255 * patches.colors[RELEASE_TO_CHART], theirs, atol=1.0)

    left_top, right_top, left_bottom, right_bottom = scale * points[1:5]
    # Gehler's four corners are those of the card, a gap to half a patch outside; refined, they give the same colors.
    card = np.array([left_top, right_top, right_bottom, left_bottom])
    refined = read_patches(image, corners.refine_corners(image, card))
    np.testing.assert_allclose(255 * refined.colors, 255 * patches.colors, atol=1.0)


def test_a_rendered_nus_photo_is_read_as_its_authors_read_it(shared_data: Path) -> None:
    folder = shared_data / "fixtures" / "rendered_nus"
    image = pixels.read_image(folder / "input" / "Canon1DsMkIII_0087_F_P.png")
    rows = np.genfromtxt(folder / "metadata" / "Canon1DsMkIII_0087_F_P_mask.txt", delimiter=",", skip_header=1)
    corner = np.genfromtxt(folder / "metadata" / "Canon1DsMkIII_0087_F_P_mask.txt", delimiter=",", max_rows=1)[:2]
    quads = rows.reshape(24, 2, 4).transpose(0, 2, 1) + corner  # release order, x and y relative to the chart's box
    patches = read_quads(image, quads[RELEASE_TO_CHART])
    theirs = np.genfromtxt(folder / "metadata" / "Canon1DsMkIII_0087_F_P_color.txt", delimiter=",")
    np.testing.assert_allclose(255 * patches.colors, 255 * theirs, atol=1.0)
