"""Photos and lights that a training of a second learns from."""

from types import SimpleNamespace

import pytest

from harmonize.training.data_paths import DataPaths


@pytest.fixture(scope="module")
def paths(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> DataPaths:
    root = tmp_path_factory.mktemp("data")
    photos, lights = tiny.write_photos(root / "photos"), tiny.write_lights(root / "fits.h5")
    return DataPaths(photos=(photos,), lights=lights, held_lights=3)
