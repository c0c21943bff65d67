"""The demo: what its photos show, that they are the same bytes each time, and that its truth is one."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import colour
import numpy as np
import pytest
from colour.characterisation import training_data_sds_to_RGB

from benchmarks.demo_truth import distances, truths
from ccharmony.checker import crop
from ccharmony.checker.chart import CHART_TO_RELEASE, STANDARD, patch_quads
from ccharmony.checker.patches import orientation_ratio, read_patches
from ccharmony.color import difference
from ccharmony.errors import OutputError, SettingsError
from ccharmony.images import pixels
from ccharmony.sources.demo import render, spectra
from ccharmony.sources.demo.five_scenes import SCENES
from ccharmony.sources.demo.scene import Scene, project
from ccharmony.sources.demo.textures import PATCHES
from ccharmony.sources.demo.trace import Traced, chart_light, trace


def small(scene: Scene, height: int = 72, *lights: str) -> Scene:
    """The scene in a small picture, under some of its lights."""
    view = dataclasses.replace(scene.view, size=(height, height * 3 // 2))
    return dataclasses.replace(
        scene, view=view, lights={light: scene.lights[light] for light in lights or scene.lights}
    )


KITCHEN, NURSERY, GARDEN, TEXTILES, STUDY = SCENES
FEW = (small(NURSERY, 160, "A", "FL11"), small(KITCHEN, 160, "D65", "FL2"))
TINY = small(KITCHEN, 24, "D65")


@functools.cache
def traced(number: int) -> tuple[Scene, Traced]:
    """One of the scenes at 108 by 72 pixels, traced."""
    scene = small(SCENES[number])
    return scene, trace(scene, slice(0, 72))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data with ü")
    render.find_demo(folder, FEW)
    return folder


# ---------------------------------------------------------------- what is found


def test_thirty_photos_of_five_scenes_with_two_foregrounds_each() -> None:
    assert [len(scene.lights) for scene in SCENES] == [6] * 5
    assert {scene.foregrounds for scene in SCENES} == {("a", "b")}
    assert len({render.photo_id(scene, light) for scene in SCENES for light in scene.lights}) == 30


def test_both_splits_hold_more_photos_than_a_foreground_needs_donors() -> None:
    photos = {"train": 0, "test": 0}
    for scene in SCENES:
        photos[scene.split] += len(scene.lights)
    assert photos == {"train": 18, "test": 12}  # ten donors and the photo itself


def test_a_photo_says_all_that_a_build_needs(data: Path) -> None:
    found = render.find_demo(data, FEW)
    assert [photo.id for photo in found.photos] == ["kitchen_D65", "kitchen_FL2", "nursery_A", "nursery_FL11"]
    assert found.summary == ["demo: 4 photos of 2 scenes"]
    assert not found.problems
    for photo in found.photos:
        assert (photo.source, photo.group, photo.split) == ("demo", photo.id.split("_")[0], "train")
        image = pixels.read_image(photo.path)
        assert image.shape == (160, 240, 3)
        for letter in "ab":
            mask = pixels.read_mask(photo.masks[letter], shape=image.shape[:2])
            assert set(np.unique(mask)) == {0.0, 1.0}
            assert 0.02 < mask.mean() < 0.2


@pytest.mark.parametrize("number", range(5))
def test_the_foregrounds_survive_the_crop(number: int) -> None:
    scene, seen = traced(number)
    x0, y0, x1, y1 = crop.largest_without(scene.chart_box, scene.view.size)
    for letter, coverage in seen.coverage.items():
        assert coverage[y0:y1, x0:x1].sum() > 0.98 * coverage.sum(), letter


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_whole_chart_is_in_view_and_its_corners_lie_on_its_board(scene: Scene) -> None:
    height, width = scene.view.size
    x0, y0, x1, y1 = scene.chart_box
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    (left, top), (right, bottom) = scene.chart_corners.min(axis=0), scene.chart_corners.max(axis=0)
    assert x0 < left < right < x1
    assert y0 < top < bottom < y1
    assert right - left > 100  # pixels; detection wants sixty


def test_all_patches_are_usable_and_read_as_the_chart_they_are(data: Path) -> None:
    for photo in render.find_demo(data, FEW).photos:
        assert photo.chart is not None
        assert photo.chart.corners is not None
        patches = read_patches(pixels.read_image(photo.path), photo.chart.corners)
        assert patches.usable.all(), photo.id
        assert patches.spread.max() < 1.5
        assert orientation_ratio(patches.colors) > 1.7


def test_the_photos_keep_the_cast_of_their_light(data: Path) -> None:
    whites = {}
    for photo in render.find_demo(data, FEW).photos:
        assert photo.chart is not None
        assert photo.chart.corners is not None
        whites[photo.id] = 255 * read_patches(pixels.read_image(photo.path), photo.chart.corners).colors[0]
    assert np.ptp(whites["kitchen_D65"]) < 8
    red, green, blue = whites["nursery_A"]
    assert red > green + 40 > blue + 80
    assert whites["kitchen_FL2"][2] < whites["kitchen_FL2"][1] - 30


# ---------------------------------------------------------------- files


def test_a_demo_that_is_there_is_left_alone(data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}
    render.find_demo(data, FEW)
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()} == before


def test_what_is_missing_or_damaged_is_rendered_again_to_the_byte(data: Path) -> None:
    before = {path: path.read_bytes() for path in (data / "demo").rglob("*.png")}
    (data / "demo" / "photos" / "kitchen_FL2.png").unlink()
    (data / "demo" / "masks" / "kitchen_D65_a.png").write_bytes(b"half a ma")
    (data / "demo" / "photos" / ".kitchen_FL2.png.01ab23cd.part").write_bytes(b"of a writer that was killed")
    untouched = data / "demo" / "photos" / "nursery_A.png"
    written = untouched.stat().st_mtime_ns
    render.find_demo(data, FEW)
    assert {path: path.read_bytes() for path in (data / "demo").rglob("*.png")} == before
    assert not list((data / "demo").rglob("*.part"))
    assert untouched.stat().st_mtime_ns == written


@pytest.mark.parametrize("index", ["{", '{"recipe": 1, "other": 2}'])
def test_an_unreadable_index_is_written_again(tmp_path: Path, index: str) -> None:
    render.find_demo(tmp_path, [TINY])
    path = tmp_path / "demo" / "index.json"
    before = path.read_bytes()
    path.write_text(index)
    render.find_demo(tmp_path, [TINY])
    assert path.read_bytes() == before


def test_another_recipe_renders_everything_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render.find_demo(tmp_path, [TINY])
    photo = tmp_path / "demo" / "photos" / "kitchen_D65.png"
    written = photo.stat().st_mtime_ns
    monkeypatch.setattr(render, "_recipe", lambda: "another")
    render.find_demo(tmp_path, [TINY])
    assert photo.stat().st_mtime_ns > written


RENDERED = {
    1: {
        "garden_D50": [
            [123.5, 89.8, 65.5],
            [131.9, 74.9, 59.2],
            [129.7, 79.7, 62.5],
            [113.2, 97.9, 56.5],
            [94.7, 91.5, 63.4],
            [100.8, 97.2, 52.1],
        ],
        "kitchen_A": [
            [167.5, 125.8, 73.8],
            [183.1, 134.5, 69.4],
            [174.3, 130.1, 71.8],
            [151.1, 84.0, 39.1],
            [144.5, 75.3, 30.8],
            [153.5, 83.6, 35.5],
        ],
        "nursery_A": [
            [184.5, 114.0, 39.6],
            [191.4, 114.5, 39.1],
            [185.2, 113.4, 39.3],
            [127.5, 93.5, 52.8],
            [132.1, 101.1, 52.4],
            [138.3, 96.7, 50.5],
        ],
        "study_A": [
            [136.2, 92.1, 48.7],
            [140.2, 100.1, 48.3],
            [131.2, 85.4, 45.0],
            [136.3, 74.6, 27.3],
            [129.9, 69.4, 20.5],
            [147.2, 73.8, 25.6],
        ],
        "textiles_D50": [
            [98.7, 91.1, 61.3],
            [107.2, 107.3, 75.9],
            [110.2, 115.4, 83.5],
            [116.4, 78.0, 53.8],
            [126.7, 94.0, 70.5],
            [128.3, 93.1, 69.0],
        ],
    }
}
"""Version of the pictures -> photo -> mean color of 2 by 3 parts of it, 72 by 48 pixels, in levels."""


def test_pictures_are_those_of_their_version(tmp_path: Path) -> None:
    """Where this fails and the change is wanted: raise `render.RECIPE` and write the new numbers beside the old."""
    scenes = [small(scene, 48, next(iter(scene.lights))) for scene in SCENES]
    for photo in render.find_demo(tmp_path, scenes).photos:
        means = pixels.read_image(photo.path).reshape(2, 24, 3, 24, 3).mean(axis=(1, 3))
        # Means of 576 pixels: a level more or less in some of them, as on another processor, does not count.
        np.testing.assert_allclose(means.reshape(6, 3), RENDERED[render.RECIPE][photo.id], atol=0.2, err_msg=photo.id)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="demo: not a folder"):
        render.find_demo(tmp_path, FEW)


# ---------------------------------------------------------------- light, material, camera


def test_counts_agree_with_colours_own_camera_model() -> None:
    shape = colour.SpectralShape(380, 780, 5)
    sensitivities = colour.MSDS_CAMERA_SENSITIVITIES["Nikon 5100 (NPL)"].copy().align(shape)
    illuminant = colour.SDS_ILLUMINANTS["FL2"].copy().align(shape)
    patches = colour.colorimetry.sds_and_msds_to_msds(list(colour.SDS_COLOURCHECKERS["BabelColor Average"].values()))
    expected, _ = training_data_sds_to_RGB(patches.align(shape), sensitivities, illuminant)  # white balanced
    seen = spectra.counts((*PATCHES, "gloss"), "FL2", "Nikon")
    balanced = seen[:-1] / seen[-1]
    np.testing.assert_allclose(balanced / balanced[18, 1], expected / expected[18, 1], atol=3e-3)


def test_white_counts_one_in_green_under_every_light() -> None:
    for scene in SCENES:
        for light in scene.lights:
            assert spectra.counts(("gloss",), light, scene.camera)[0, 1] == pytest.approx(1.0)


@pytest.mark.parametrize(("camera", "limit"), [("Nikon", 3.0), ("Sigma", 9.0)])
def test_cameras_render_the_chart_under_daylight_about_as_it_looks(camera: str, limit: float) -> None:
    constants = spectra.rendering(camera)
    balanced = spectra.counts((*PATCHES, "gloss"), "D65", camera) * constants.gains
    linear = balanced / balanced[-1] @ np.array(constants.camera_matrix).T
    rendered = colour.cctf_encoding(np.clip(linear[:24], 0, 1))[CHART_TO_RELEASE]
    assert difference.delta_e(rendered, STANDARD).mean() < limit
    assert np.ptp(rendered[:6], axis=1).max() < 0.05  # the grays are gray


def test_every_material_of_every_scene_exists() -> None:
    for scene in SCENES:
        assert np.isfinite(spectra.counts(scene.materials, "D50", scene.camera)).all()


@pytest.mark.parametrize(
    ("materials", "light", "camera", "what"),
    [
        (("unobtainium",), "A", "Nikon", "material"),
        (("rose",), "moonshine", "Nikon", "light"),
        (("rose",), "A", "obscura", "camera"),
    ],
)
def test_unknown_names_are_refused(materials: tuple[str, ...], light: str, camera: str, what: str) -> None:
    with pytest.raises(SettingsError, match=f"{what} '.*' does not exist"):
        spectra.counts(materials, light, camera)


def test_a_point_is_projected_to_the_pixel_that_sees_it() -> None:
    scene, seen_by_camera = traced(4)
    shares = seen_by_camera.shares
    x, y = np.rint(project(scene.view, [scene.things[16].pose.position])[0]).astype(int)  # the middle of the globe
    seen = {scene.materials[number] for number in np.flatnonzero(shares[y, x] > 0.05)}
    assert seen & {"ocean", "apple", "hay"}


# ---------------------------------------------------------------- tracing and truth


def test_rows_do_not_depend_on_what_is_traced_with_them() -> None:
    scene, whole = traced(2)
    parts = [trace(scene, slice(top, top + 24)) for top in range(0, 72, 24)]
    np.testing.assert_array_equal(np.concatenate([part.shares for part in parts]), whole.shares)
    np.testing.assert_array_equal(np.concatenate([part.coverage["b"] for part in parts]), whole.coverage["b"])


@pytest.mark.parametrize("number", range(5))
def test_the_light_on_the_chart_is_what_the_picture_shows(number: int) -> None:
    scene, seen = traced(number)
    x, y = np.rint(patch_quads(scene.chart_corners).mean(axis=1)[14]).astype(int)  # red
    light = seen.shares[y - 1 : y + 2, x - 1 : x + 2, scene.materials.index("patch 15")].max()
    assert light == pytest.approx(chart_light(scene), rel=0.02)


def test_the_truth_in_a_light_of_the_same_scene_is_the_photo_itself(data: Path) -> None:
    """The photo under the other light was rendered as a whole; the truth by way of the foreground's shares alone."""
    (truth,) = truths(FEW[:1])
    gain = render.read_gains(data)["nursery_FL11"]
    photo = pixels.read_image(data / "demo" / "photos" / "nursery_FL11.png").reshape(-1, 3)
    for letter in "ab":
        relit = truth.relit(letter, FEW[0], "FL11", gain).astype(int)
        assert np.abs(relit - photo[truth.index[letter]]).max() <= 1


def test_the_truth_in_another_scene_is_as_bright_as_its_chart(data: Path) -> None:
    """A patch of the chart, taken for a foreground, must become the patch in the other photo."""
    (truth,) = truths(FEW[:1])
    donor, light = FEW[1], "FL2"
    white = np.zeros((1, len(FEW[0].materials)), np.float32)
    white[0, FEW[0].materials.index("patch 20")] = chart_light(FEW[0])
    as_chart = dataclasses.replace(truth, shares={"a": white})
    relit = as_chart.relit("a", donor, light, render.read_gains(data)["kitchen_FL2"])[0]
    photo = pixels.read_image(data / "demo" / "photos" / "kitchen_FL2.png")
    patches = read_patches(photo, donor.chart_corners)
    np.testing.assert_allclose(relit, 255 * patches.colors[1], atol=2.5)


def test_the_transfer_comes_near_the_truth_for_every_fit_kind(data: Path) -> None:
    found = distances(data, scenes=FEW)
    assert len(found) == 4 * 2 * 3  # photos, foregrounds, donors
    untouched = np.mean([distance.unchanged for distance in found])
    for kind in ("published", "affine", "ridge"):
        carried = np.array([distance.carried[kind] for distance in found])
        assert carried.mean() < untouched / 3
        assert carried.max() < 9.0
    assert {distance.same_scene for distance in found} == {True, False}
