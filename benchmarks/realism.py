"""Do harmonized composites look more like one photo? A classifier decides that had no part in training the networks.

    python -m benchmarks.realism --photos DIR --lights fits.h5 --weights A --weights B [--steps N] [--smoke]

Unpaired composites have no real picture, so that no error can be measured. The classifier, called judge, is trained on
the train photos alone to distinguish photos from photos whose foreground was relit; its area under the ROC curve on the
validation photos and lights says how far it can be trusted. It is then applied to unpaired composites of the validation
photos, before and after each network. Their seams look false to it in every version alike; what counts is the change of
its logit for the same composite from one network to another, with a bootstrap over composites.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import scene
from ccharmony.arrays import Float64
from harmonize.data import lights, photos
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.lights import Lights
from harmonize.data.lit_photos import LitPhotos
from harmonize.data.photos import PhotoMemory
from harmonize.data.unpaired import LEAST_PHOTOS, Streams
from harmonize.models.normalization import denormalize, normalize
from harmonize.models.pih.backbone import Backbone
from harmonize.training.data_paths import HELD_OUT
from harmonize.weights import bundled, checkpoint

SIDE = 128
SEED = 20
"""Of the judge's training and of the composites; other than that of any training run."""

RESAMPLES = 10_000

_BATCH = 32
_PATH = click.Path(path_type=Path)


class Judge(nn.Module):
    """Logit that a picture is one photo: positive for photos, negative for composites."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.backbone = Backbone(4, width)
        self.head = nn.Sequential(nn.Linear(self.backbone.summary_width, 128), nn.ReLU(), nn.Linear(128, 1))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Judge pictures (B, 3, S, S) in [0, 1] by their foregrounds (B, 1, S, S): logits (B,)."""
        maps = self.backbone(torch.cat([4 * image - 2, 2 * mask - 1], dim=1))
        logits: Tensor = self.head(self.backbone.summarize(maps, mask))
        return logits[:, 0]


@click.command()
@click.option("--photos", "root", type=_PATH, help="Photos with masks, as of `harmonize train`.")
@click.option("--lights", "fits", type=_PATH, help="fits.h5, as of `harmonize train`.")
@click.option("--weights", multiple=True, help="Names of bundled weights or files, each to be judged.")
@click.option("--steps", default=1500, show_default=True, help="Training steps of the judge.")
@click.option("--count", default=1000, show_default=True, help="Unpaired composites.")
@click.option("--threads", default=2, show_default=True)
@click.option("--smoke", is_flag=True, help="Rendered photos, a few steps: shows that it runs.")
def main(
    root: Path | None, fits: Path | None, weights: tuple[str, ...], steps: int, count: int, threads: int, smoke: bool
) -> None:
    """Print how often the judge is right, and what it says of each network."""
    torch.set_num_threads(threads)
    if smoke:
        with tempfile.TemporaryDirectory() as folder:
            root, fits = scene.write_photos(Path(folder), train=20, val=LEAST_PHOTOS)
            _measure(root, fits, weights or tuple(bundled.list_weights()), steps=4, count=8)
    elif root is None or fits is None or not weights:
        raise click.UsageError("wanted --photos, --lights and --weights, or --smoke")
    else:
        _measure(root, fits, weights, steps=steps, count=count)


def _measure(root: Path, fits: Path, weights: tuple[str, ...], *, steps: int, count: int) -> None:
    train_lights, held = lights.hold_out(lights.read_lights(fits), min(HELD_OUT, _half(fits)))
    memory, val_memory = (photos.read_memory(photos.find_photos(root, split), SIDE) for split in ("train", "val"))
    judge = train(LitPhotos(memory, train_lights, SEED), steps)
    pairs = HeldPairs(photos.find_photos(root, "val"), held)
    click.echo(f"judge: area under the ROC curve {trust(judge, pairs):.3f} on {len(pairs)} validation pairs")
    composites, masks = _compose(val_memory, train_lights, count)
    before = say(judge, composites, masks)
    click.echo(f"{count} unpaired composites, mean logit {before.mean():+.3f}")
    said = {name: say(judge, _harmonize(name, composites, masks), masks) for name in weights}
    for name, after in said.items():
        click.echo(f"  {name}: {_spell(after - before)} than the composites")
    for a, b in itertools.pairwise(weights):
        click.echo(f"  {b}: {_spell(said[b] - said[a])} than {a}")


def train(source: LitPhotos, steps: int) -> Judge:
    """Train a judge on as many photos as lit ones; Adam, the rate falls along a cosine."""
    torch.manual_seed(SEED)
    judge = Judge().train()
    optimizer = torch.optim.Adam(judge.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    random = np.random.default_rng(SEED)
    for step in range(steps):
        rows = random.choice(len(source), min(_BATCH // 2, len(source)), replace=False).tolist()
        batch = source.batch(step, rows, SIDE)
        truth = torch.cat([torch.ones(len(batch.real)), torch.zeros(len(batch.real))])
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = judge(torch.cat([batch.real, batch.composite]), torch.cat([batch.mask, batch.mask]))
        torch.autograd.backward(F.binary_cross_entropy_with_logits(logits.float(), truth))
        optimizer.step()
        schedule.step()
    return judge.eval()


def trust(judge: Judge, pairs: HeldPairs) -> float:
    """Return the area under the ROC curve: how often a photo is called more real than a composite, any of each."""
    batch = pairs.batch(0, range(len(pairs)), SIDE)
    real, composite = (say(judge, images, batch.mask) for images in (batch.real, batch.composite))
    return float((real[:, None] > composite).mean() + (real[:, None] == composite).mean() / 2)


@torch.inference_mode()
def say(judge: Judge, images: Tensor, masks: Tensor) -> Float64:
    """Return the logits of pictures (N, 3, S, S) in [0, 1]."""
    parts = [judge(images[rows], masks[rows]) for rows in _parts(len(images))]
    return torch.cat(parts).double().numpy()


def _compose(memory: PhotoMemory, donors: Lights, count: int) -> tuple[Tensor, Tensor]:
    streams = Streams(LitPhotos(memory, donors, SEED), memory, SEED)
    batch = streams.unpaired(0, range(count), SIDE)
    return batch.composite, batch.mask


@torch.inference_mode()
def _harmonize(name: str, composites: Tensor, masks: Tensor) -> Tensor:
    """Return the composites with what a network makes of their foregrounds, rounded to 8-bit levels."""
    net = checkpoint.load(name).net.eval()
    parts = []
    for rows in _parts(len(composites)):
        composite, mask = composites[rows], masks[rows]
        output = denormalize(net(normalize(composite), mask).float())
        parts.append((torch.lerp(composite, output, mask) * 255).round() / 255)
    return torch.cat(parts)


def _spell(differences: Float64) -> str:
    random = np.random.default_rng(SEED)
    means = [random.choice(differences, len(differences)).mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    share = (differences > 0).mean()
    return f"logit {differences.mean():+.3f} [{low:+.3f}, {high:+.3f}], {share:.1%} more real"


def _parts(count: int) -> list[slice]:
    return [slice(start, start + _BATCH) for start in range(0, count, _BATCH)]


def _half(fits: Path) -> int:
    return len(lights.read_lights(fits)) // 2


if __name__ == "__main__":
    main()
