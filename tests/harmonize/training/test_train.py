import csv
import json
import math
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click.testing
import numpy as np
import pytest
import torch

from ccharmony.errors import OutputError, SettingsError, SourceError, TrainingError, WeightsError
from ccharmony.images import pixels
from harmonize.commands.train import command
from harmonize.data.batches import Batch
from harmonize.data.lit_photos import LitPhotos
from harmonize.devices import find_device
from harmonize.evaluation import protocols
from harmonize.models import giftnet
from harmonize.models.normalization import denormalize, normalize
from harmonize.models.settings import ISSAM, NetworkSettings
from harmonize.training import reconstruction, state, train, validation
from harmonize.training.data import open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.distributed import World
from harmonize.training.objective import Objective
from harmonize.training.pace import Pace
from harmonize.training.run_folder import RunFolder
from harmonize.training.settings import DistillSettings, TrainSettings
from harmonize.training.stage import Stage
from harmonize.training.state import Average
from harmonize.weights import checkpoint

ALONE = World(0, 1, torch.device("cpu"))
NO_DISTILLATION = DistillSettings(kind="none", sites=())


@pytest.fixture(scope="module")
def paths(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> DataPaths:
    root = tmp_path_factory.mktemp("data")
    photos, lights = tiny.write_photos(root / "photos"), tiny.write_lights(root / "fits.h5")
    return DataPaths(photos=(photos,), lights=lights, held_lights=3)


def small(**changes: Any) -> TrainSettings:
    plain: dict[str, Any] = {
        "network": NetworkSettings(width=4, mlp_width=8),
        "size": 32,
        "batch": 4,
        "steps": 3,
        "reconstruct_steps": 2,
        "ema": 0.5,
    }
    return TrainSettings(**(plain | changes))


def go(settings: TrainSettings, paths: DataPaths, folder: Path, **more: Any) -> train.Outcome:
    return train.train(settings, paths, folder, device="cpu", tensorboard=False, **more)[0]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_command_trains_both_stages(paths: DataPaths, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = f"--photos {paths.photos[0]} --lights {paths.lights} --set data.held_lights=3"
    words += f" --out {out} --device cpu --width 4 --size 32"
    words += (
        " --batch 4 --steps 4 --gift D3 E --distill E D2 --set pace.log_every=1 distill.gamma=0.1 reconstruct_steps=2"
    )
    words += " --set distill.region=background --set relit=0.5"
    done = click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert done.exit_code == 0
    assert [(row["stage"], row["step"]) for row in rows(out / "log.csv")] == [
        ("reconstruct", "1"),
        ("reconstruct", "2"),
        *(("harmonize", str(step)) for step in range(1, 5)),
    ]
    kinds = [(row["stage"], row["row"]) for row in rows(out / "scores.csv")]
    assert kinds == [("reconstruct", "harmonized"), ("harmonize", "composite"), *[("harmonize", "harmonized")] * 2]
    best = checkpoint.load(out / "best.safetensors")
    assert best.settings == NetworkSettings(width=4, gift=("D3", "E"))
    assert best.metadata["training"]["distill"] == {
        "kind": "relation",
        "sites": ["E", "D2"],
        "gamma": 0.1,
        "weight": 0.001,
        "region": "background",
    }
    assert best.metadata["training"]["relit"] == 0.5
    assert best.metadata["photos"] == ["photos"]
    assert checkpoint.load(out / "reconstruct.safetensors").settings == NetworkSettings(model="issam", gift=(), width=4)
    assert pixels.read_image(out / "strips" / "harmonize_0000004.png").shape == (4 * 32, 4 * 32, 3)
    assert list(out.glob("events.out.tfevents*"))
    assert [path.name for path in out.glob(".*")] == [".made_by.json"]  # no temporary file is left


def test_stored_pairs_train_too_and_the_loss_falls(tiny: SimpleNamespace, tmp_path: Path) -> None:
    root = tiny.write_pairs(tmp_path / "tiny", train=8)
    settings = small(loss="foreground", steps=30, distill=NO_DISTILLATION, rate=3e-3)
    outcome = go(settings, DataPaths(data=(root,)), tmp_path / "run", pace=Pace(log_every=10, validate_every=30))
    losses = [float(row["loss"]) for row in rows(tmp_path / "run" / "log.csv")]
    assert outcome.complete
    assert losses[2] < 0.7 * losses[0]
    composite, harmonized = (float(row["fmse"]) for row in rows(tmp_path / "run" / "scores.csv"))
    assert composite > 100
    assert outcome.best == pytest.approx(harmonized)


def test_a_set_without_test_list_trains_unvalidated_where_that_would_choose_and_says_so(
    tiny: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tiny.write_pairs(tmp_path / "tiny", train=8)
    (root / "tiny_test.txt").write_text("")
    paths = DataPaths(data=(root,), val_share=0)
    with caplog.at_level("INFO"):
        assert go(small(distill=NO_DISTILLATION), paths, tmp_path / "run").complete
    assert not (tmp_path / "run" / "scores.csv").exists()
    assert [text for text in caplog.messages if text.startswith(f"{root}: not validated on (")]
    with pytest.raises(SourceError, match="no complete pair of split 'test'"):
        go(small(), replace(paths, strict=True), tmp_path / "strict")


def test_a_run_ends_with_what_became_of_its_pictures(
    paths: DataPaths, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        go(small(distill=NO_DISTILLATION), paths, tmp_path)
    assert caplog.messages[-1].endswith("of 12 pictures left unchanged")


def test_photos_and_stored_pairs_train_together(paths: DataPaths, tiny: SimpleNamespace, tmp_path: Path) -> None:
    both = DataPaths((tiny.write_pairs(tmp_path / "tiny", train=8),), paths.photos, paths.lights, held_lights=3)
    data = open_data(both, small(), torch.device("cpu"))
    assert (len(data.train), len(data.check or ())) == (19, 5)  # one of the 8 stored photos, and 4 of the others
    names = data.train.batch(0, [0, 18], 32).names
    assert names[0].startswith("tiny/")
    assert names[1].startswith("f_")


def test_photos_of_several_folders_train_together(paths: DataPaths, tiny: SimpleNamespace, tmp_path: Path) -> None:
    more = tiny.write_photos(tmp_path / "more", train=5, val=0)
    both = replace(paths, photos=(*paths.photos, more))
    data = open_data(both, small(), torch.device("cpu"))
    assert (len(data.train), len(data.check or ())) == (17, 4)  # no photo of the second is of the split val
    with pytest.raises(SourceError, match=rf"^{re.escape(str(more))}: no photo of the split 'val'$"):
        open_data(replace(paths, photos=(more,)), small(), torch.device("cpu"))


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": -1e-3},
        {"rate": math.nan},
        {"rate": 0.0},
        {"batch": 0},
        {"batch": 2.5},
        {"size": 100},
        {"size": -32},
        {"epochs": math.inf},
        {"epochs": -1.0},
        {"steps": -1},
        {"ema": 1.0},
        {"clip": -1.0},
        {"betas": (0.9,)},
        {"betas": (0.9, 1.0)},
        {"milestones": (1.5,)},
        {"decay": "steep"},
        {"loss": "l3"},
        {"precision": "fp8"},
        {"grow": ((0.7, 64), (0.2, 96))},
        {"grow": ((0.7, 50),)},
        {"seed": -1},
        {"min_share": 0.0},
    ],
)
def test_a_number_out_of_its_range_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="found"):
        TrainSettings(**changes)


def test_settings_come_back_from_json() -> None:
    settings = small(grow=((0.5, 64),), distill=DistillSettings(kind="feature"), betas=(0.5, 0.9))
    assert TrainSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    with pytest.raises(SettingsError, match="unknown momentum"):
        TrainSettings.from_dict({"momentum": 0.9})


@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        ({}, {0: 1e-3, 87: 1e-3, 88: 1e-4, 96: 1e-5}),
        ({"decay": "linear", "decay_from": 0.5}, {0: 1e-3, 49: 1e-3, 50: 1e-3, 75: 5e-4, 99: 2e-5}),
        ({"decay": "cosine"}, {0: 1e-3, 50: 5e-4, 75: 1.4645e-4}),
        ({"decay": "none", "warmup": 3}, {0: 2.5e-4, 1: 5e-4, 3: 1e-3, 99: 1e-3}),
    ],
)
def test_the_rate_falls_as_asked(changes: dict[str, Any], rates: dict[int, float]) -> None:
    settings = TrainSettings(**changes)
    assert {step: settings.rate_at(step, 100) for step in rates} == pytest.approx(rates, rel=1e-3)


def test_epochs_become_steps() -> None:
    settings = TrainSettings(epochs=1.5, reconstruct_steps=7)
    assert (settings.length("harmonize", 10), settings.length("reconstruct", 10)) == (15, 7)


def test_pictures_grow_at_their_share_of_the_steps(paths: DataPaths, tmp_path: Path) -> None:
    go(small(grow=((0.5, 64),), steps=4, distill=NO_DISTILLATION), paths, tmp_path, pace=Pace(log_every=1))
    assert [row["size"] for row in rows(tmp_path / "log.csv")] == ["32", "32", "64", "64"]
    assert {row["size"] for row in rows(tmp_path / "scores.csv")} == {"64"}


def test_the_objective_is_the_papers_loss_plus_distillation() -> None:
    torch.manual_seed(0)
    settings = small()
    network, teacher = giftnet.build(settings.network), reconstruction.freeze(reconstruction.build(settings.network))
    objective = Objective(network, teacher, settings, "harmonize").train()
    composite, real, mask = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    total, image, distilled = objective(composite, mask, real)
    network.train()
    output = network(normalize(composite), mask)
    assert image.item() == pytest.approx((output - normalize(real)).abs().mean().item(), rel=1e-4)
    assert total.item() == pytest.approx(image.item() + distilled.item())
    assert distilled.item() > 0
    assert not teacher.training
    total.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_reconstruction_never_sees_the_composite() -> None:
    settings = small()
    network = reconstruction.build(settings.network).eval()
    objective = Objective(network, None, settings, "reconstruct").eval()
    real, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    one, other = (objective(torch.rand(1, 3, 32, 32), mask, real) for _ in range(2))
    assert torch.equal(one, other)


def test_normalized_pictures_come_back() -> None:
    picture = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(denormalize(normalize(picture)), picture)
    assert normalize(torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]).abs().max() < 1e-6


def test_the_average_of_weights_follows_its_formula() -> None:
    network = giftnet.build(small().network)
    average = Average(network, 0.9)
    wanted = network.decoder.to_rgb.weight.detach().double().numpy().copy()
    for step in range(1, 5):
        with torch.no_grad():
            network.decoder.to_rgb.weight.add_(0.1 * step)
        average.follow(network, step)
        decay = min(0.9, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * network.decoder.to_rgb.weight.detach().double().numpy()
    np.testing.assert_allclose(average.network.decoder.to_rgb.weight.numpy(), wanted, rtol=1e-5)


def test_validation_is_the_mean_of_the_protocol_over_all_pairs(tiny: SimpleNamespace, tmp_path: Path) -> None:
    root = tiny.write_pairs(tmp_path / "tiny")
    check = open_data(DataPaths(data=(root,), val_share=0), small(), torch.device("cpu")).check
    assert check is not None
    batch = check.batch(0, range(4), 32)
    pictures = [(part * 255).permute(0, 2, 3, 1).numpy() for part in (batch.composite, batch.real)]
    scores = [
        protocols.score(protocols.find("issam"), composite, real, mask)
        for composite, real, mask in zip(*pictures, batch.mask[:, 0].numpy(), strict=True)
    ]
    found = validation.score_composites(check, 32, ALONE)
    assert found["fmse"] == pytest.approx(np.mean([score.fmse for score in scores]))
    assert found["psnr"] == pytest.approx(np.mean([score.psnr for score in scores]))
    assert found["n"] == 4


def test_finetuning_begins_from_the_weights(paths: DataPaths, tmp_path: Path) -> None:
    settings = small(distill=NO_DISTILLATION)
    go(settings, paths, tmp_path / "first")
    shifted = small(distill=NO_DISTILLATION, rate=1e-12, ema=0.0, steps=1, seed=5)
    go(shifted, paths, tmp_path / "second", begin_from=tmp_path / "first" / "last.safetensors")
    first, second = (checkpoint.load(tmp_path / name / "last.safetensors").net for name in ("first", "second"))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def test_finetuned_weights_say_what_all_runs_before_had_cost(paths: DataPaths, tmp_path: Path) -> None:
    settings = small(distill=NO_DISTILLATION, steps=3)
    before = None
    for name in ("first", "second", "third"):
        go(settings, paths, tmp_path / name, begin_from=before)
        before = tmp_path / name / "last.safetensors"
    pictures = 3 * settings.batch
    found = [checkpoint.load(tmp_path / name / "last.safetensors").metadata for name in ("first", "third")]
    assert "began_from" not in found[0]
    assert found[1]["pictures"] == pictures
    assert found[1]["began_from"]["weights"] == "last.safetensors"
    assert found[1]["began_from"]["pictures"] == 2 * pictures
    saved, state = RunFolder(tmp_path / "third").read_state()
    longer = replace(saved, steps=4)
    go(longer, paths, tmp_path / "third", resume=state, begin_from=tmp_path / "first" / "last.safetensors")
    again = checkpoint.load(tmp_path / "third" / "last.safetensors").metadata
    assert again["step"] == 4
    assert again["began_from"] == found[1]["began_from"]


def test_weights_of_another_network_are_refused(paths: DataPaths, tmp_path: Path) -> None:
    checkpoint.save_weights(tmp_path / "w.safetensors", giftnet.build(ISSAM), ISSAM)
    with pytest.raises(WeightsError, match=r"w\.safetensors: another network, model issam found, giftnet wanted; "):
        go(small(), paths, tmp_path / "run", begin_from=tmp_path / "w.safetensors")


def test_a_trained_reconstruction_branch_skips_its_stage(paths: DataPaths, tmp_path: Path) -> None:
    go(small(), paths, tmp_path / "first")
    go(small(), paths, tmp_path / "second", teacher_from=tmp_path / "first" / "reconstruct.safetensors")
    assert {row["stage"] for row in rows(tmp_path / "second" / "log.csv")} == {"harmonize"}
    assert (tmp_path / "second" / "reconstruct.safetensors").exists()
    last = [checkpoint.load(tmp_path / name / "last.safetensors").net for name in ("first", "second")]
    assert all(torch.equal(a, b) for a, b in zip(*(net.parameters() for net in last), strict=True))


def test_a_warm_start_takes_the_unet_of_the_reconstruction_branch(paths: DataPaths, tmp_path: Path) -> None:
    go(small(warm_start=True, distill=NO_DISTILLATION, rate=1e-12, ema=0.0), paths, tmp_path)
    net, branch = (checkpoint.load(tmp_path / f"{name}.safetensors").net for name in ("last", "reconstruct"))
    weights = net.state_dict()
    for name, value in branch.named_parameters():
        torch.testing.assert_close(weights[name], value, atol=1e-9, rtol=0)


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"clip": 0.1}, {"channels_last": False}])
def test_other_ways_to_train_run(paths: DataPaths, tmp_path: Path, changes: dict[str, Any]) -> None:
    outcome = go(small(**changes), paths, tmp_path)
    assert outcome.complete
    assert outcome.best < 1e4


def test_half_precision_of_fp16_needs_a_gpu(paths: DataPaths, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="precision fp16: needs a GPU"):
        go(small(precision="fp16"), paths, tmp_path)


def test_a_batch_larger_than_the_set_is_refused(paths: DataPaths, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="batch 64 is larger than the set: 12 samples"):
        go(small(batch=64), paths, tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="device cuda: no CUDA here"):
        find_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "meta"])
def test_a_device_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"device {name}"):
        find_device(name)


@pytest.mark.parametrize("given", [{}, {"photos": Path("photos")}, {"lights": Path("fits.h5")}])
def test_a_run_without_data_is_refused(given: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="wanted"):
        DataPaths(**given)


def poison(monkeypatch: pytest.MonkeyPatch, step: int, harm: Any) -> None:
    """Let `harm` change the batch of a harmonize step, or raise."""
    whole, count = LitPhotos.batch, 0

    def batch(self: LitPhotos, epoch: int, indices: Sequence[int], size: int) -> Batch:
        nonlocal count
        count += 1
        made = whole(self, epoch, indices, size)
        return harm(made) if count == step else made  # type: ignore[no-any-return]

    monkeypatch.setattr(LitPhotos, "batch", batch)


def test_a_loss_that_is_no_number_leaves_the_last_good_state(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small(distill=NO_DISTILLATION, steps=6)
    poison(monkeypatch, 5, lambda batch: Batch(batch.composite * math.nan, batch.mask, batch.real, batch.names))
    with pytest.raises(
        TrainingError, match=r"the loss is not a number at step 5: .*state\.pt holds the last good step"
    ):
        go(settings, paths, tmp_path, pace=Pace(validate_every=3))
    kept = state.read_state(tmp_path / "state.pt")
    assert kept.step == 3
    assert all(bool(value.isfinite().all()) for value in kept.network.values())
    monkeypatch.undo()
    assert go(settings, paths, tmp_path, resume=kept).complete


def test_memory_that_runs_out_is_one_clear_line(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(Objective, "forward", fail)
    with pytest.raises(TrainingError, match="out of memory at step 0: batch 4 of 32x32, wanted a smaller --batch"):
        go(small(), paths, tmp_path)
    assert state.read_state(tmp_path / "state.pt").step == 0


def test_a_bug_is_not_taken_for_a_lack_of_memory(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Objective, "forward", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        go(small(), paths, tmp_path)


def test_a_full_disk_keeps_the_last_whole_state(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small(distill=NO_DISTILLATION, steps=6)
    whole = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if "state.pt" in self.name and (tmp_path / "strips").exists():
            raise OSError(28, "No space left on device")
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OutputError, match=r"state\.pt: cannot be written \(No space left on device\)"):
        go(settings, paths, tmp_path, pace=Pace(validate_every=3))
    assert state.read_state(tmp_path / "state.pt").step == 0
    assert [path.name for path in tmp_path.glob(".*")] == [".made_by.json"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_after_the_step_with_a_state(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def send(batch: Batch) -> Batch:
        os.kill(os.getpid(), number)
        return batch

    poison(monkeypatch, 2, send)
    before = signal.getsignal(number)
    settings = small(distill=NO_DISTILLATION)
    outcome, stop = train.train(settings, paths, tmp_path, device="cpu", tensorboard=False)
    assert (outcome.complete, outcome.step) == (False, 2)
    assert stop.reason == f"stopped by {number.name}"
    assert state.read_state(tmp_path / "state.pt").step == 2
    assert signal.getsignal(number) is before


def test_minutes_that_are_spent_end_the_run_cleanly(paths: DataPaths, tmp_path: Path) -> None:
    words = f"--photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path} --device cpu --width 4"
    words += " --set data.held_lights=3 --size 32 --batch 4 --distill none --minutes 0 --no-tensorboard"
    done = click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert done.exit_code == 0
    assert state.read_state(tmp_path / "state.pt").step == 1


def test_a_folder_that_holds_a_run_is_not_overwritten(paths: DataPaths, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"something")
    words = f"--photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path}"
    with pytest.raises(SettingsError, match="holds a run already, wanted --resume"):
        click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert (tmp_path / "state.pt").read_bytes() == b"something"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--distill none E", "--distill none E: wanted none, or relation or feature with sites E, D2, D3"),
        ("--distill relation feature E", "--distill relation feature E: wanted none, or relation"),
        ("--distill D1", "distill.sites: 'D1' found, a list, each one of E, D2, D3 wanted"),
        ("--gift D4", "network.gift: 'D4' found, a list, each one of D1, D2, D3, E wanted"),
    ],
)
def test_words_that_name_no_loss_or_site_are_refused(paths: DataPaths, tmp_path: Path, words: str, line: str) -> None:
    given = f"--photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path / 'run'} {words}"
    done = click.testing.CliRunner().invoke(command, given.split())
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {line}")


def test_rows_of_table_3_can_be_named(paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[TrainSettings] = []

    def keep(settings: TrainSettings, *_: Any, **__: Any) -> None:
        found.append(settings)
        raise SettingsError("enough")

    monkeypatch.setattr(train, "train", keep)
    for words in ("--row 1", "--row 6 --width 16", "--row 8", "--model issam"):
        given = f"--photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path / 'run'} {words}"
        click.testing.CliRunner().invoke(command, given.split())
    assert [settings.network.gift for settings in found] == [(), ("D3",), ("D2", "D3", "E"), ()]
    assert [settings.network.guidance for settings in found] == ["global", "none", "global", "global"]
    assert [settings.distill.kind for settings in found] == ["none", "none", "relation", "relation"]
    assert found[1].network.width == 16


def test_a_stage_knows_the_rate_and_size_of_its_step(paths: DataPaths) -> None:
    settings = small(steps=10, decay="linear", grow=((0.8, 64),))
    source = open_data(paths, settings, torch.device("cpu")).train
    stage = Stage("harmonize", giftnet.build(settings.network), None, settings, source, ALONE)
    stage.step = 8
    assert (stage.size, stage.rate) == (64, pytest.approx(2e-4))
