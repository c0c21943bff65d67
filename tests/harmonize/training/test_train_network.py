"""Training from Python, through the exported door."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

import harmonize
from ccharmony import SettingsError, WeightsError
from harmonize.weights.checkpoint import load

SETTINGS = harmonize.TrainSettings(
    network=harmonize.NetworkSettings(model="issam", gift=(), width=4),
    distill=harmonize.DistillSettings(kind="none", sites=()),
    size=32,
    batch=4,
    steps=3,
    ema=0.0,
)


def test_a_network_is_trained_loaded_and_applied(tmp_path: Path, tiny: SimpleNamespace) -> None:
    data = tiny.write_pairs(tmp_path / "data")
    outcome = harmonize.train_network(SETTINGS, str(tmp_path / "run"), data=str(data), device="cpu")
    assert (outcome.complete, outcome.stage, outcome.step) == (True, "harmonize", 3)
    net = harmonize.load_network(tmp_path / "run" / "best.safetensors", "cpu")
    picture = harmonize.harmonize_image(tiny.draw_photo(0), tiny.draw_mask(0), net)
    outside = ~tiny.draw_mask(0)
    assert (picture[outside] == tiny.draw_photo(0)[outside]).all()
    assert (picture[~outside] != tiny.draw_photo(0)[~outside]).any()


def test_photos_and_lights_are_a_source_too(tmp_path: Path, tiny: SimpleNamespace) -> None:
    outcome = harmonize.train_network(
        dataclasses.replace(SETTINGS, steps=1),
        tmp_path / "run",
        photos=tiny.write_photos(tmp_path / "photos", train=12),
        lights=tiny.write_lights(tmp_path / "fits.h5", 80),
        device="cpu",
    )
    assert outcome.step == 1


def test_a_run_is_resumed_with_more_steps_and_never_overwritten(tmp_path: Path, tiny: SimpleNamespace) -> None:
    data, out = tiny.write_pairs(tmp_path / "data"), tmp_path / "run"
    with pytest.raises(WeightsError, match=r"state\.pt"):
        harmonize.train_network(SETTINGS, out, data=data, resume=True, device="cpu")
    harmonize.train_network(SETTINGS, out, data=[data], device="cpu")
    with pytest.raises(SettingsError, match="holds a run already, wanted --resume, another folder, or --force"):
        harmonize.train_network(SETTINGS, out, data=data, device="cpu")
    with pytest.raises(SettingsError, match="seed cannot change midway"):
        harmonize.train_network(dataclasses.replace(SETTINGS, seed=1), out, data=data, resume=True, device="cpu")
    longer = dataclasses.replace(SETTINGS, steps=5)
    assert harmonize.train_network(longer, out, data=data, resume=True, device="cpu").step == 5


def test_a_run_that_is_resumed_knows_its_data_and_what_chooses_its_checkpoint(
    tmp_path: Path, tiny: SimpleNamespace
) -> None:
    out = tmp_path / "run"
    harmonize.train_network(SETTINGS, out, data=tiny.write_pairs(tmp_path / "data"), val_share=0, device="cpu")
    longer = dataclasses.replace(SETTINGS, steps=4)
    assert harmonize.train_network(longer, out, resume=True, device="cpu").step == 4
    assert load(out / "best.safetensors").metadata["val_share"] == 0


def test_training_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no data"):
        harmonize.train_network(SETTINGS, tmp_path / "run", device="cpu")
