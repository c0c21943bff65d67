"""Studies of drawn photos, and made-up scores of finished runs."""

import numpy as np
import pytest
import torch

from benchmarks import scene
from benchmarks.table3.study import open_study
from harmonize.evaluation import report
from harmonize.evaluation.metrics import Scores
from harmonize.evaluation.scoring import ScoredPair
from harmonize.training.data_paths import DataPaths

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def budget():
    """A budget of seconds."""
    return {"width": 4, "steps": 6, "reconstruct_steps": 2, "size": 32, "batch": 2, "held_lights": 4}


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """Six photos to learn from, three to validate on, and twelve lights."""
    photos, lights = scene.write_photos(tmp_path_factory.mktemp("drawn"), train=6, val=3)
    return DataPaths(photos=(photos,), lights=lights)


@pytest.fixture
def study(places, budget, tmp_path):
    """A study in which nothing is trained yet."""
    return open_study(tmp_path / "study", budget, places)


@pytest.fixture
def finish():
    """A function that gives a run the table of a finished one, from its fMSE pair by pair, each of three photos."""
    return write_scores


def write_scores(study, name, fmse, composite=2000.0):
    folder = study.folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    with report.open_images(folder / "images.csv", "issam") as table:
        for number, value in enumerate(np.asarray(fmse).tolist() * 3):
            before, after = (Scores(v / 10, v, 40 - v / 100, 30.0, 0.9, 0.8) for v in (composite, value))
            table.write(ScoredPair("val", f"p{number}_a_1", 0.2, before, after))
