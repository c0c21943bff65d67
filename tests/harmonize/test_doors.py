"""The exported functions that take a path take text and any path-like object."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import harmonize
from harmonize.weights import bundled


class PathLike:
    """A path-like object that is not a Path."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)

    def __fspath__(self) -> str:
        return self.path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A copy of bundled weights: a file like any other."""
    return Path(shutil.copy(bundled.find("pih"), tmp_path / "mine.safetensors"))


def test_weights_are_loaded_by_text_and_path_like(weights: Path, tiny: SimpleNamespace) -> None:
    photo, mask = tiny.draw_photo(0), tiny.draw_mask(0)
    expected = harmonize.harmonize_image(photo, mask, harmonize.load_network("pih", "cpu"))
    for form in (str(weights), weights, PathLike(weights)):
        assert isinstance(harmonize.load_network(form, "cpu"), harmonize.Pih)
        np.testing.assert_array_equal(harmonize.harmonize_image(photo, mask, form, device="cpu"), expected)


def test_a_file_of_weights_that_was_written_again_is_loaded_again(weights: Path) -> None:
    assert isinstance(harmonize.load_network(weights, "cpu"), harmonize.Pih)
    shutil.copy(bundled.find("giftnet_w16"), weights)
    assert isinstance(harmonize.load_network(weights, "cpu"), harmonize.GiftNet)


def test_datasets_are_trained_on_scored_and_compared_by_path_like(tmp_path: Path, tiny: SimpleNamespace) -> None:
    data, run = PathLike(tiny.write_pairs(tmp_path / "data", test=6)), PathLike(tmp_path / "run")
    settings = harmonize.TrainSettings(
        network=harmonize.NetworkSettings(model="issam", gift=(), width=4),
        distill=harmonize.DistillSettings(kind="none", sites=()),
        size=32, batch=4, steps=1,
    )  # fmt: skip
    harmonize.train_network(settings, run, data=data, begin_from=None, device="cpu")
    reports = [
        harmonize.evaluate(data, PathLike(f"{run.path}/last.safetensors"), out=PathLike(tmp_path / name), device="cpu")
        for name in ("one", "other")
    ]
    assert reports[0]["overall"] == reports[1]["overall"]
    found = harmonize.compare(PathLike(tmp_path / "one" / "images.csv"), str(tmp_path / "other" / "images.csv"))
    assert (found.pictures, found.photos) == (6, 6)
