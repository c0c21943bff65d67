"""Files that mean harm, at every door of harmonize."""

from tests.ccharmony import fuzz


def test_damaged_files_raise_only_errors_of_ours() -> None:
    verdict = fuzz.run(120, package="harmonize")
    assert verdict.problems == []
    assert {"weights", "checkpoint", "state.pt", "settings.json", "params", "images.csv"} <= set(verdict.refused)
    wanted = (
        "weights.checkpoint.load",
        "training.state.read_state",
        "evaluation.compare.read_table",
        "data.lights.read_lights",
    )
    assert all(verdict.readers[f"harmonize.{name}"] for name in wanted)
