"""Files that mean harm, at every door of harmonize."""

from tests.ccharmony import fuzz


def test_damaged_files_raise_only_errors_of_ours() -> None:
    verdict = fuzz.run(150, package="harmonize")
    assert verdict.problems == []
    kinds = {"weights", "checkpoint", "state.pt", "settings.json", "params", "images.csv", "sent cut", "video of masks"}
    assert kinds <= set(verdict.refused)
    assert not [name for name, is_reached in verdict.readers.items() if not is_reached]
