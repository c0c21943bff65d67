import shutil
import tomllib

import numpy as np
import pytest

from ccharmony import catalog
from ccharmony.errors import SourceError
from ccharmony.images.camera import Rendering


@pytest.mark.parametrize("name", ["nus", "gehler", "ccharmony", "folder", "photos", "demo"])
def test_every_source_has_a_file_that_can_be_read(name):
    source = catalog.read_source(name)
    assert source.name == name
    assert source.title
    assert source.terms


def test_nus_has_nine_cameras_and_1853_photos():
    cameras = catalog.read_source("nus").cameras
    assert len(cameras) == 9
    assert sum(camera.photos for camera in cameras) == 1853
    assert sum(camera.photos for camera in cameras if camera.name != "NikonD40") == 1736


def test_gehler_has_two_cameras_and_568_photos():
    assert [(camera.name, camera.photos, camera.black) for camera in catalog.read_source("gehler").cameras] == [
        ("Canon1Ds", 86, 0),
        ("Canon5D", 482, 129),
    ]


def test_the_published_counts_add_up():
    published = tomllib.loads((catalog.FOLDER / "ccharmony.toml").read_text(encoding="utf-8"))["published"]
    assert (published["photos"], published["foregrounds"], published["pairs"]) == (350, 426, 4260)
    assert (published["train_pairs"], published["test_pairs"]) == (3080, 1180)
    assert published["foregrounds"] * published["composites"] == published["pairs"]
    cameras = [camera for name in ("nus", "gehler") for camera in catalog.read_source(name).cameras]
    assert sum(camera.published for camera in cameras) == published["photos"]


@pytest.mark.parametrize("name", ["nus", "gehler"])
def test_every_camera_can_be_rendered(name):
    for camera in catalog.read_source(name).cameras:
        Rendering(camera.black, camera.saturation, camera.daylight_balance, camera.camera_matrix)
        assert np.sum(camera.camera_matrix, axis=1) == pytest.approx([1, 1, 1], abs=1e-4)


@pytest.mark.parametrize(
    ("source", "name", "photo"),
    [
        ("nus", "canon1dsmkiii_0005", "Canon1DsMkIII_0005"),
        ("nus", "SonyA57_0260", "SonyA57_0260"),
        ("gehler", "img_0290", "IMG_0290"),
        ("gehler", "8d5u5524", "8D5U5524"),
    ],
)
def test_a_file_name_is_recognized_in_any_case(source, name, photo):
    known = catalog.read_source(source).identify(name)
    assert known is not None
    assert known[0] == photo


@pytest.mark.parametrize("name", ["Canon1DsMkIII_0005_a", "Canon1DsMkIII_5", "IMG_0290", "README"])
def test_other_names_are_not_nus_photos(name):
    assert catalog.read_source("nus").identify(name) is None


def test_an_unknown_source_is_refused():
    with pytest.raises(SourceError, match=r"nowhere\.toml: cannot be read"):
        catalog.read_source("nowhere")


def test_a_missing_entry_is_named(tmp_path, monkeypatch):
    shutil.copy(catalog.FOLDER / "demo.toml", tmp_path / "cut.toml")
    text = (tmp_path / "cut.toml").read_text(encoding="utf-8")
    (tmp_path / "cut.toml").write_text(text.replace("terms", "conditions"), encoding="utf-8")
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    with pytest.raises(SourceError, match=r"cut\.toml: 'terms'"):
        catalog.read_source("cut")
