"""What ships weights: files, checksum and a card whose prose stays."""

import csv
from pathlib import Path
from types import SimpleNamespace

import click.testing
import pytest
import torch

from benchmarks import card, ship
from harmonize.models.pih.network import build
from harmonize.models.settings import PihSettings
from harmonize.weights import bundled, cards, checkpoint


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for bundled weights."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(bundled, "WEIGHTS", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was trained for no time at all."""
    settings = PihSettings(width=4, side=64)
    torch.manual_seed(0)
    notes = {"step": 3, "pictures": 1200, "seconds": 5400.0}
    (tmp_path / "run").mkdir()
    checkpoint.save_weights(tmp_path / "run" / "best.safetensors", build(settings), settings, metadata=notes)
    with (tmp_path / "run" / "scores.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["stage", "step", "row", "size", "mse", "fmse", "psnr", "fpsnr", "ssim", "fssim", "n"])
        table.writerow(["reconstruct", "9", "harmonized", "64", "1", "7", "1", "1", "1", "1", "4"])
        table.writerow(["harmonize", "0", "composite", "64", "100", "1000", "20", "15", "0.9", "0.8", "4"])
        table.writerow(["harmonize", "3", "harmonized", "64", "50", "512.34", "25", "18", "0.95", "0.88", "4"])
    return tmp_path / "run"


def go(run: Path | None, val: Path, root: Path, name: str = "small") -> None:
    words = ["--name", name, "--val", val, "--scores", root / "scores", "--root", root]
    words += [] if run is None else ["--run", run]
    done = click.testing.CliRunner().invoke(ship.main, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0


def test_shipped_weights_load_by_name_and_say_how_good_they_are(
    run: Path, shelf: Path, tiny: SimpleNamespace, tmp_path: Path
) -> None:
    assert not list(shelf.iterdir())
    val = tiny.write_pairs(tmp_path / "val")
    go(run, val, tmp_path)
    loaded = checkpoint.load("small")  # which refuses bundled weights without their checksum
    assert loaded.metadata["step"] == 3
    report = card.read(tmp_path / "scores" / "val").report["overall"]
    assert loaded.metadata["val_fmse"] == pytest.approx(report["harmonized"]["fmse"], abs=0.05)
    hidden = card.read(tmp_path / "scores" / "val_hidden").report["overall"]["harmonized"]["fmse"]
    assert loaded.metadata["hidden_fmse"] == pytest.approx(hidden, abs=0.05)
    assert loaded.metadata["scores"]["val"]["psnr"] == pytest.approx(report["harmonized"]["psnr"], abs=1e-4)
    assert cards.default_weights() == "small"
    with (tmp_path / "docs" / "small_val.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4


def test_a_card_keeps_what_a_person_wrote(run: Path, shelf: Path, tiny: SimpleNamespace, tmp_path: Path) -> None:
    val = tiny.write_pairs(tmp_path / "val")
    go(run, val, tmp_path)
    path = shelf / "small.md"
    text = path.read_text()
    assert "| 3 | 64 | 512.3 | 25.00 | 0.8800 |" in text
    assert "reconstruct" not in text
    assert "1,200 pictures, 1.5 hours" in text
    path.write_text(text.replace("# small", "# small: mine").replace("512.3", "0.0"))
    go(run, val, tmp_path)
    assert path.read_text() == text.replace("# small", "# small: mine")
    assert len((shelf / "SHA256SUMS").read_text().splitlines()) == 1


def test_bundled_weights_are_scored_again_without_their_run(
    run: Path, shelf: Path, tiny: SimpleNamespace, tmp_path: Path
) -> None:
    go(run, tiny.write_pairs(tmp_path / "val"), tmp_path)
    before, card_before = checkpoint.load("small"), (shelf / "small.md").read_text()
    go(None, tiny.write_pairs(tmp_path / "more", test=6), tmp_path)
    after, card_after = checkpoint.load("small"), (shelf / "small.md").read_text()
    assert after.metadata["val_fmse"] != before.metadata["val_fmse"]
    for name, values in before.net.state_dict().items():
        torch.testing.assert_close(after.net.state_dict()[name], values, rtol=0, atol=0)
    curve = card_before.partition("generated: curve -->")[2].partition("<!-- end of curve")[0]
    assert curve in card_after


def test_cards_of_other_weights_show_the_new_ones_too(
    run: Path, shelf: Path, tiny: SimpleNamespace, tmp_path: Path
) -> None:
    val = tiny.write_pairs(tmp_path / "val")
    go(run, val, tmp_path)
    before = (shelf / "small.md").read_text()
    assert before.count("| val |") == 2
    go(run, val, tmp_path, name="other")
    after = (shelf / "small.md").read_text()
    assert after.count("| val |") == 3
    assert "| val | other |" in after
    assert "| val | **small** |" in after
    rest = [line for line in after.splitlines() if " | other | " not in line]
    assert rest == before.splitlines()


def test_a_card_adds_up_the_runs_that_weights_went_through(run: Path, tmp_path: Path) -> None:
    loaded = checkpoint.load(run / "best.safetensors")
    notes = loaded.metadata | {"began_from": {"weights": "first.safetensors", "pictures": 800, "seconds": 1800}}
    path = tmp_path / "second.safetensors"
    checkpoint.save_weights(path, loaded.net, loaded.settings, metadata=notes)
    said = card._describe(path)
    assert said.endswith("step 3, 1,200 pictures, 1.5 hours; 2,000 pictures and 2.0 hours with the runs before.")


def test_strata_count_every_picture_once_and_those_that_got_worse() -> None:
    rows = [
        {"composite_fmse": str(before), "fmse": str(after)}
        for before, after in ((100, 50), (150, 350), (200, 100), (5000, 10))
    ]
    lines = card.by_error(card.Scored({}, rows)).splitlines()
    assert lines[2:] == [
        "| 0 to 200 | 2 | 125 | 200 | 50% |",
        "| 200 to 1,000 | 1 | 200 | 100 | 0% |",
        "| above 3,000 | 1 | 5000 | 10 | 0% |",
    ]
