"""Real photos together with foregrounds drawn on them."""

import json
from pathlib import Path

import pytest

from ccharmony.images import pixels
from ccharmony.sources.masks.drawings import fill

POLYGONS = Path(__file__).with_name("polygons.json")


@pytest.fixture(scope="session")
def drawn_data(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for ``--src nus gehler``: links to the six real photos, and a mask of one foreground each."""
    root = tmp_path_factory.mktemp("data")
    for source in ("nus", "gehler"):
        (root / source).mkdir()
        for part in sorted((shared_data / source).iterdir()):
            (root / source / part.name).symlink_to(part)
        (root / source / "masks").mkdir()
    for photo, drawing in json.loads(POLYGONS.read_text(encoding="utf-8")).items():
        width, height = drawing["size"]
        mask = fill(tuple(map(tuple, drawing["a"])), (height, width))
        pixels.write_mask(root / drawing["source"] / "masks" / f"{photo}_a.png", mask)
    return root
