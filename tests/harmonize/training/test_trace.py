"""What weights say of the training that they took, where a run begins from them."""

from pathlib import Path
from typing import Any

import pytest

from ccharmony.errors import WeightsError
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.training import run_folder
from harmonize.weights import checkpoint


@pytest.mark.parametrize(
    "notes", [{"pictures": "x"}, {"seconds": [1]}, {"began_from": 3}, {"began_from": {"seconds": {}}}]
)
def test_notes_of_a_training_that_are_no_numbers_are_refused(notes: dict[str, Any], tmp_path: Path) -> None:
    path, settings = tmp_path / "w.safetensors", NetworkSettings(width=2, mlp_width=4)
    checkpoint.save_weights(path, giftnet.build(settings), settings, metadata=notes)
    with pytest.raises(WeightsError, match="its notes of the training that it took are damaged"):
        run_folder.trace(tmp_path, path)
