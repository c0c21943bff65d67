"""Patch colors from the small files of NUS and Gehler, written here as the collections write them."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from ccharmony import catalog
from ccharmony.checker.chart import STANDARD
from ccharmony.errors import SourceError
from ccharmony.sources.counts.find import find_counts
from ccharmony.sources.counts.gehler import find_gehler_counts
from ccharmony.sources.counts.nus import find_nus_counts
from ccharmony.sources.counts.render import render_patches

CANON = catalog.read_source("gehler").cameras[1]
CHART_ORDER = np.r_[18:24, 12:18, 6:12, 0:6]
"""Rows of the chart as printed, dark skin first, of patches in release order."""


def counts_of(standard: np.ndarray, camera: catalog.Camera, gain: float = 2.0) -> np.ndarray:
    """Counts of patches that the rendering turns into these colors: its steps backwards, in float64."""
    light = np.where(standard <= 0.04045, standard / 12.92, ((standard + 0.055) / 1.055) ** 2.4) / gain
    raw = light @ np.linalg.inv(np.array(camera.camera_matrix)).T / np.array(camera.daylight_balance)
    return np.asarray(camera.black + raw * (camera.saturation - camera.black))


def write_table(folder: Path, counts: np.ndarray, name: str = "colourchecker_gamma1_bit12.mat") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(folder / name, {"real_rgb": counts}, do_compression=True)
    return folder


@pytest.fixture
def table() -> np.ndarray:
    """Counts of the standard colors for every Gehler photo, shape (568, 24, 3), in the order of the chart."""
    cameras = catalog.read_source("gehler").cameras
    return np.concatenate(
        [np.tile(counts_of(STANDARD, camera)[CHART_ORDER], (camera.photos, 1, 1)) for camera in cameras]
    )


def test_counts_of_the_standard_colors_become_the_standard_colors() -> None:
    linear = (counts_of(STANDARD, CANON) - CANON.black) / (CANON.saturation - CANON.black)
    rendered = render_patches(linear, CANON)
    inside = np.delete(np.arange(24), [9, 11, 16, 17])  # a channel near 0 is drawn away from it
    np.testing.assert_allclose(rendered[inside], STANDARD[inside], atol=1.01 / 255)


def test_a_patch_that_clips_or_is_not_measured_is_nan() -> None:
    linear = np.full((24, 3), 0.1)
    linear[3], linear[4, 1], linear[5] = np.nan, 0.99, 0.6  # 0.6 is beyond white after the gain
    unknown = np.isnan(render_patches(linear, CANON)).any(axis=1)
    assert np.flatnonzero(unknown).tolist() == [3, 4, 5]


def test_gehlers_table_names_all_photos_in_their_order(tmp_path: Path, table: np.ndarray) -> None:
    table[0, 23] = np.nan  # the black patch of the first photo: the last of the chart, the sixth of the release
    found = find_gehler_counts(write_table(tmp_path, table))
    names = [photo.id for photo in found.photos]
    assert len(names) == 568
    assert names == sorted(names)
    assert (names[0], names[85], names[86], names[567]) == ("8D5U5524", "8D5U5620", "IMG_0281", "IMG_0903")
    assert {photo.camera for photo in found.photos[86:]} == {"Canon5D"}
    patches = found.photos[0].patches
    assert patches is not None
    assert np.flatnonzero(np.isnan(patches).any(axis=1)).tolist() == [5]
    np.testing.assert_allclose(patches[:5], STANDARD[:5], atol=1.01 / 255)
    assert found.summary == ["gehler: patch colors of 568 of 568 photos"]
    assert not found.problems


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[:560], "real_rgb of shape (560, 24, 3), wanted counts of shape (568, 24, 3)"),
        (lambda table: table / 4096, "wanted counts of 12 bits, 0 to 4095"),
        (lambda table: 16 * table, "wanted counts of 12 bits, 0 to 4095"),
        (lambda table: np.full_like(table, np.nan), "real_rgb has no number"),
    ],
)
def test_a_table_of_another_form_is_a_problem(tmp_path: Path, table: np.ndarray, change, message: str) -> None:  # type: ignore[no-untyped-def]
    found = find_gehler_counts(write_table(tmp_path, change(table)))
    assert not found.photos
    assert len(found.problems) == 1
    assert message in found.problems[0]


def test_illuminants_and_coordinates_alone_are_named(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "gehler", np.ones((568, 3)), "ground_truth.mat")
    (folder / "IMG_0281_macbeth.txt").write_text("1 2\n")
    with pytest.raises(SourceError) as caught:
        find_counts(tmp_path)
    assert "ground_truth.mat has 568 illuminants alone, a fit needs patch colors" in str(caught.value)
    assert "1 *_macbeth.txt have coordinates alone, a fit needs patch colors" in str(caught.value)


def write_nus(folder: Path, camera: catalog.Camera, names: list[str]) -> None:
    (folder / "CHECKER").mkdir(parents=True)
    for name in names:
        rows = "\n".join(",".join(f"{value:.1f}" for value in row) for row in counts_of(STANDARD, camera))
        (folder / "CHECKER" / f"{name}_color.txt").write_text(rows + "\n")


def test_nus_texts_are_read_with_the_levels_of_the_camera(tmp_path: Path) -> None:
    camera = catalog.read_source("nus").cameras[0]
    write_nus(tmp_path, camera, ["Canon1DsMkIII_0001", "canon1dsmkiii_0007"])
    (tmp_path / "CHECKER" / "Canon1DsMkIII_0009_mask.txt").write_text("1,2,30,40\n")
    (tmp_path / "CHECKER" / "Canon1DsMkIII_0008_color.txt").write_text("1,2,3\n")
    (tmp_path / "CHECKER" / "notes_color.txt").write_text("of no photo")
    found = find_nus_counts(tmp_path)
    assert [photo.id for photo in found.photos] == ["Canon1DsMkIII_0001", "Canon1DsMkIII_0007"]
    patches = found.photos[1].patches
    assert patches is not None
    np.testing.assert_allclose(patches[:6], STANDARD[:6], atol=1.5 / 255)
    assert found.summary == [
        "nus: patch colors of 2 of 1853 photos",
        "nus: 1 photos have an illuminant or a box alone, a fit needs <id>_color.txt",
    ]
    assert len(found.problems) == 1
    assert "Canon1DsMkIII_0008_color.txt: 1 rows, a checker has 24 patches" in found.problems[0]


def test_the_levels_of_the_matlab_file_win(tmp_path: Path) -> None:
    camera = catalog.read_source("nus").cameras[0]
    write_nus(tmp_path, camera, ["Canon1DsMkIII_0001"])
    names = np.empty((1, 1), object)
    names[0, 0] = "Canon1DsMkIII_0001"
    levels = {"darkness_level": 0.0, "saturation_level": 15279.0}
    truth = {"all_image_names": names, "CC_coords": np.array([[1.0, 5, 1, 5]]), **levels}
    scipy.io.savemat(tmp_path / "Canon1DsMkIII_gt.mat", truth)
    patches = find_nus_counts(tmp_path).photos[0].patches
    assert patches is not None
    assert patches[3].min() > STANDARD[3].max() + 0.05  # a black level of 0 leaves 1,024 counts of light too many


def test_both_collections_are_joined(tmp_path: Path, table: np.ndarray) -> None:
    write_table(tmp_path / "Gehler", table)
    write_nus(tmp_path / "nus", catalog.read_source("nus").cameras[0], ["Canon1DsMkIII_0001"])
    found = find_counts(tmp_path)
    assert len(found.photos) == 569
    assert {photo.source for photo in found.photos} == {"nus", "gehler"}


def test_a_folder_of_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no folder nus or gehler"):
        find_counts(tmp_path)
