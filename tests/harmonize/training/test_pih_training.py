import csv
import math

import click.testing
import numpy as np
import pytest
import torch

from ccharmony.errors import SettingsError, SourceError
from harmonize.commands.train import command
from harmonize.data import unpaired
from harmonize.data.batches import BatchRequest, prepare
from harmonize.data.lit_photos import LitPhotos
from harmonize.data.photos import PhotoMemory
from harmonize.models.settings import PihSettings
from harmonize.training import train
from harmonize.training.data_paths import DataPaths
from harmonize.training.pace import Pace
from harmonize.training.run_folder import RunFolder
from harmonize.training.semi_supervised.critic import Critic, adversarial_loss, critic_loss
from harmonize.training.semi_supervised.jitter import jitter, shift
from harmonize.training.settings import DistillSettings, TrainSettings
from harmonize.training.stream_settings import DUAL, StreamSettings
from harmonize.weights import checkpoint

SETTINGS = TrainSettings(
    network=PihSettings(side=64, width=2),
    distill=DistillSettings(kind="none", sites=()),
    streams=StreamSettings(0.5, 0.08, 0.35, 0.2, 0.05, critic_width=2),
    size=32,
    batch=4,
    steps=6,
)


@pytest.fixture
def few_are_enough(monkeypatch):
    monkeypatch.setattr(unpaired, "LEAST_PHOTOS", 2)


def go(paths, folder, settings=SETTINGS, **more):
    pace = Pace(log_every=1, validate_every=3)
    return train.train(settings, paths, folder, pace=pace, device="cpu", tensorboard=False, **more)[0]


def read_log(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("few_are_enough")
def test_both_streams_train_and_a_killed_run_ends_as_one_that_was_not(paths, tmp_path, monkeypatch):
    assert go(paths, tmp_path / "whole").complete
    rows = read_log(tmp_path / "whole")
    streams = ["unpaired" if float(row["image"]) == 0 else "pairs" for row in rows]
    assert streams == ["unpaired" if SETTINGS.unpaired_at(step) else "pairs" for step in range(6)]
    assert {"unpaired", "pairs"} == set(streams)
    assert all(float(row["distill"]) > 0 for row in rows)  # the adversarial loss
    batch, calls = LitPhotos.batch, []

    def die_late(self, *arguments):
        calls.append(arguments)
        if len(calls) == streams.count("pairs"):
            raise SystemExit
        return batch(self, *arguments)

    monkeypatch.setattr(LitPhotos, "batch", die_late)
    with pytest.raises(SystemExit):
        go(paths, tmp_path / "killed")
    monkeypatch.undo()
    monkeypatch.setattr(unpaired, "LEAST_PHOTOS", 2)
    settings, state = RunFolder(tmp_path / "killed").read_state()
    assert go(paths, tmp_path / "killed", settings, resume=state).complete
    whole, killed = (checkpoint.load(tmp_path / name / "last.safetensors").net for name in ("whole", "killed"))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), killed.parameters(), strict=True))


def test_too_few_photos_for_unpaired_composites_is_an_error_that_says_so(paths, tmp_path):
    wanted = "unpaired stream: 12 photos with a foreground, wanted at least 100, or --set streams.unpaired=0"
    with pytest.raises(SourceError, match=wanted):
        go(paths, tmp_path)


def test_pairs_alone_cannot_feed_the_unpaired_stream(tiny, tmp_path):
    root = tiny.write_pairs(tmp_path / "tiny")
    with pytest.raises(SourceError, match=r"unpaired stream: no photos found, wanted --photos"):
        go(DataPaths(data=(root,)), tmp_path / "run")


def test_one_command_trains_supervised_only_and_curves_only(paths, tmp_path):
    words = f"--model pih --photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path / 'run'}"
    words += " --device cpu --size 32 --batch 4 --steps 2 --width 2 --set streams.unpaired=0 streams.adversarial=0"
    words += " --set streams.brightness=0 streams.contrast=0 streams.shift=0 network.shading=false data.held_lights=3"
    done = click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    best = checkpoint.load(tmp_path / "run" / "best.safetensors")
    assert best.settings == PihSettings(width=2, shading=False)
    assert best.metadata["training"]["streams"]["unpaired"] == 0


def test_the_command_starts_from_the_release_s_two_streams():
    assert DUAL.to_dict() == {
        "unpaired": 0.5,
        "adversarial": 0.08,
        "brightness": 0.35,
        "contrast": 0.2,
        "shift": 10 / 512,
        "critic_width": 32,
    }


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--gift D3", "network.gift: model pih has no such setting"),
        ("--row 3", "network.gift: model pih has no such setting"),
        ("--set network.guidance=self", "network.guidance: model pih has no such setting"),
        ("--distill E", "model pih: has no maps to compare"),
    ],
)
def test_what_belongs_to_giftnet_is_refused(paths, tmp_path, option, line):
    words = f"--model pih --photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path} {option}"
    done = click.testing.CliRunner().invoke(command, words.split())
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {line}")


def test_unpaired_steps_need_an_adversary():
    with pytest.raises(SettingsError, match="adversarial: 0 found, above 0 wanted"):
        StreamSettings(unpaired=0.5)


def test_the_coin_depends_on_seed_and_step_alone_and_is_fair():
    tosses = [SETTINGS.unpaired_at(step) for step in range(2000)]
    assert tosses == [SETTINGS.unpaired_at(step) for step in range(2000)]
    assert 900 < sum(tosses) < 1100


def test_a_source_of_pairs_has_no_unpaired_composites():
    with pytest.raises(SettingsError, match="the source has pairs only"):
        prepare(PairsOnly(), BatchRequest(0, [0], 32, unpaired=True))


class PairsOnly:
    def __len__(self):
        return 1

    def batch(self, *arguments):
        raise AssertionError(arguments)


def test_unpaired_composites_are_the_same_for_the_same_epoch_and_index(tiny, monkeypatch):
    monkeypatch.setattr(unpaired, "LEAST_PHOTOS", 2)
    images = [tiny.draw_photo(seed) for seed in range(6)]
    masks = [tiny.draw_mask(seed).astype(np.uint8) * 255 for seed in range(6)]
    streams = unpaired.Streams(PairsOnly(), PhotoMemory(images, masks, list("abcdef")), seed=3)
    one, other = streams.unpaired(0, [4, 1], 32), streams.unpaired(0, [1, 4], 32)
    assert torch.equal(one.composite, other.composite.flip(0))
    assert not torch.equal(one.composite, streams.unpaired(1, [4, 1], 32).composite)
    assert one.composite.shape == one.real.shape == (2, 3, 32, 32)
    assert (one.mask.flatten(1).amax(1) > 0.5).all()


def test_a_foreground_fills_the_subject_s_box_from_below():
    photo, donor = np.full((40, 60, 3), 100, np.uint8), np.full((20, 20, 3), 200, np.uint8)
    subject, foreground = np.zeros((40, 60), np.uint8), np.zeros((20, 20), np.uint8)
    subject[10:30, 20:40] = 255
    photo[subject > 0] = 0
    foreground[4:8, 2:10] = 255  # twice as wide as high: becomes 20 wide and 10 high
    composite, mask = unpaired.paste(photo, subject, donor, foreground)
    assert mask[20:30, 20:40].min() == 255
    assert mask.sum() == 255 * 10 * 20
    assert (composite[mask > 0] == 200).all()
    # Painted over with what surrounds it; Telea's weights leave some levels even on a plain wall.
    assert np.abs(composite[mask == 0].astype(int) - 100).max() <= 6


def test_a_photo_without_a_subject_stays_as_it_is():
    photo, empty = np.full((8, 8, 3), 7, np.uint8), np.zeros((8, 8), np.uint8)
    composite, mask = unpaired.paste(photo, empty, photo, empty)
    assert (composite == 7).all()
    assert not mask.any()


def test_the_critic_s_losses_are_cross_entropies():
    mask = torch.zeros(1, 1, 2, 2)
    mask[..., 0] = 1
    undecided = torch.zeros(1, 1, 2, 2)
    assert critic_loss(undecided, undecided, mask).item() == pytest.approx(math.log(2))
    sure = 20 * (1 - 2 * mask)
    assert critic_loss(torch.full_like(mask, 20), sure, mask).item() == pytest.approx(0, abs=1e-6)
    assert adversarial_loss(sure).item() == pytest.approx(10, abs=1e-3)


def test_the_critic_judges_every_pixel_at_any_size_and_its_norm_is_bounded():
    torch.manual_seed(0)
    critic = Critic(4)
    for _ in range(30):
        logits = critic(torch.rand(1, 3, 33, 50))
    assert logits.shape == (1, 1, 33, 50)
    assert torch.linalg.matrix_norm(critic.first.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def pair(tiny):
    mask = torch.from_numpy(np.stack([tiny.draw_mask(seed) for seed in range(3)]))[:, None].float()
    photos = np.stack([tiny.draw_photo(seed) for seed in range(3)])
    real = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255
    return torch.lerp(real, real * 0.5, mask), mask, real


def test_jitter_changes_foregrounds_alone(tiny):
    torch.manual_seed(0)
    composite, mask, real = pair(tiny)
    changed, same_mask, same_real = jitter(composite, mask, real, StreamSettings(brightness=0.35, contrast=0.2))
    assert torch.equal(same_mask, mask)
    assert torch.equal(same_real, real)
    assert torch.equal(changed[mask.expand_as(changed) == 0], real[mask.expand_as(real) == 0])
    ratio = (changed * mask).sum((1, 2, 3)) / (composite * mask).sum((1, 2, 3))
    assert ((ratio > 0.6) & (ratio < 1.4)).all()
    assert ratio.std() > 0.01


def test_a_moved_foreground_moves_in_composite_and_answer_alike(tiny):
    torch.manual_seed(2)
    composite, mask, real = pair(tiny)
    moved, moved_mask, answer = shift(composite, mask, real, 0.1)
    assert moved_mask.sum().item() == pytest.approx(mask.sum().item(), rel=0.02)
    assert not torch.equal(moved_mask, mask)
    inside = moved_mask.expand_as(moved) > 0
    assert torch.allclose(moved[inside], answer[inside] * 0.5, atol=1e-6)
    assert torch.equal(moved[~inside], answer[~inside])
