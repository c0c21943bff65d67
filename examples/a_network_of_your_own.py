"""Register a network of your own, then train, load, apply and evaluate it as the bundled ones.

    python a_network_of_your_own.py [DATASET] [RUN]

The network is small: from the mean colors of foreground and background it predicts a gain and an offset for each
channel of the foreground. DATASET is in iHarmony4's layout; where it does not exist, 40 small pairs are drawn.

A package can bring a network without such a script: its entry point ``mean_colors = "the_package.the_module"`` in the
group ``harmonize.networks`` lets `harmonize train --model mean_colors` import the module and find the network.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

import ccharmony
import harmonize


@dataclass(frozen=True)
class MeanColorsSettings(harmonize.Settings):
    """What a checkpoint holds to build the network again."""

    model: Literal["mean_colors"] = "mean_colors"
    width: int = 32
    """Units of the hidden layer."""


class MeanColors(harmonize.Network):
    """A gain and an offset for each channel of the foreground, from two mean colors."""

    def __init__(self, settings: MeanColorsSettings) -> None:
        super().__init__()
        last = nn.Linear(settings.width, 6)
        nn.init.zeros_(last.weight)  # the network starts as the identity
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(6, settings.width), nn.GELU(), last)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return the harmonized image (B, 3, H, W) for a normalized one and its mask (B, 1, H, W)."""
        means = [(image * part).sum((2, 3)) / part.sum((2, 3)).clamp_min(1) for part in (mask, 1 - mask)]
        gain, offset = self.layers(torch.cat(means, dim=1))[..., None, None].chunk(2, dim=1)  # (B, 3, 1, 1) each
        harmonized: Tensor = image + mask * (gain * image + offset)
        return harmonized


harmonize.register_network("mean_colors", settings=MeanColorsSettings, build=MeanColors)


def main(dataset: Path, run: Path) -> None:
    """Train the network, load it from its file, score it, and harmonize one picture with it."""
    if not dataset.exists():
        write_pairs(dataset, 40)
    settings = harmonize.TrainSettings(
        network=MeanColorsSettings(width=16),
        distill=harmonize.DistillSettings(kind="none"),  # no maps, so nothing to distill
        size=32,
        batch=6,
        steps=150,
        rate=0.02,
        ema=0.9,
    )
    harmonize.train_network(settings, run, data=dataset, device="cpu")
    net = harmonize.load_network(run / "best.safetensors", device="cpu")
    found = harmonize.evaluate(dataset, net, out=run / "evaluation")["overall"]
    print(f"fMSE: composites {found['composite']['fmse']:.1f}, harmonized {found['harmonized']['fmse']:.1f}")
    pair = ccharmony.find_pairs(dataset, "test")[0][0]
    composite, mask = ccharmony.read_image(pair.composite), ccharmony.read_mask(pair.mask)
    ccharmony.write_image(run / "harmonized.png", harmonize.harmonize_image(composite, mask, net))


def write_pairs(root: Path, count: int) -> None:
    """Write gray scenes with a ball, in iHarmony4's layout; in the composite the ball has another light."""
    random = np.random.default_rng(0)
    for name in ("composite_images", "masks", "real_images"):
        (root / name).mkdir(parents=True)
    lists = {"train": "", "test": ""}
    y, x = np.mgrid[:64, :96]
    for number in range(count):
        ball = np.hypot(x - random.integers(25, 70), y - random.integers(20, 44)) < 18
        gray = 0.5 + 0.2 * np.sin(x / 9 + number) * np.sin(y / 7)
        real, relit = (np.rint(255 * gray[..., None] * random.uniform(0.6, 1, 3)).astype(np.uint8) for _ in range(2))
        ccharmony.write_image(root / "real_images" / f"p{number}.png", real)
        ccharmony.write_image(root / "masks" / f"p{number}_1.png", np.uint8(255) * np.dstack([ball] * 3))
        composite = f"p{number}_1_1.png"
        ccharmony.write_image(root / "composite_images" / composite, np.where(ball[..., None], relit, real))
        lists["test" if number % 4 == 0 else "train"] += f"{composite}\n"
    for split, lines in lists.items():
        (root / f"{root.name}_{split}.txt").write_text(lines)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(*given, *[Path("pairs"), Path("run")][len(given) :])
