# %% [markdown]
"""Train a network cell by cell; editors open the cells of this file (``# %%``) as a notebook.

    python train_in_a_notebook.py [DATASET] [RUN]

DATASET is in iHarmony4's layout. Where it does not exist, 40 small pairs are drawn. The settings are tiny, so that a
run takes seconds; the comments say what the paper has.
"""

# %% Paths
import sys
from pathlib import Path

import numpy as np

import ccharmony
import harmonize

given = [] if "ipykernel" in sys.modules else [Path(argument) for argument in sys.argv[1:]]  # a kernel has its own
dataset, run = [*given, *[Path("pairs"), Path("run")][len(given) :]]


# %% Pairs: a scene with a ball; in the composite the ball has another light
def write_pairs(root: Path, count: int) -> None:
    """Write pairs in iHarmony4's layout; every fourth is for testing."""
    random = np.random.default_rng(0)
    for name in ("composite_images", "masks", "real_images"):
        (root / name).mkdir(parents=True)
    lists = {"train": "", "test": ""}
    y, x = np.mgrid[:64, :96]
    for number in range(count):
        waves = np.stack([np.sin(x / 9 + number), np.sin(y / 7 + number), np.sin((x + y) / 11)], axis=-1)
        ball = np.hypot(x - random.integers(25, 70), y - random.integers(20, 44)) < 18
        real = np.rint(255 * (0.5 + 0.2 * waves) * random.uniform(0.7, 1, 3)).astype(np.uint8)
        relit = np.rint(real * random.uniform(0.6, 1, 3)).astype(np.uint8)
        ccharmony.write_image(root / "real_images" / f"p{number}.png", real)
        ccharmony.write_image(root / "masks" / f"p{number}_1.png", np.uint8(255) * np.dstack([ball] * 3))
        composite = f"p{number}_1_1.png"
        ccharmony.write_image(root / "composite_images" / composite, np.where(ball[..., None], relit, real))
        lists["test" if number % 4 == 0 else "train"] += f"{composite}\n"
    for split, lines in lists.items():
        (root / f"{root.name}_{split}.txt").write_text(lines)


if not dataset.exists():
    write_pairs(dataset, 40)

# %% A look at one sample, as PyTorch's DataLoader would get it
pairs = harmonize.StoredPairs(ccharmony.find_pairs(dataset, "train")[0], seed=0)
pairs.size = 32
print(f"{len(pairs)} pairs to train on; composite {tuple(pairs[0]['composite'].shape)}")

# %% Settings
settings = harmonize.TrainSettings(
    network=harmonize.NetworkSettings(width=4),  # the paper: 32
    distill=harmonize.DistillSettings(kind="none"),  # the paper: relation, which trains a reconstruction branch first
    size=32,  # the paper: 256
    batch=6,  # the paper: 16
    steps=30,  # the paper: 120 epochs
    rate=0.005,  # the paper: 0.001
    ema=0.9,  # the running average of the weights; 0.999 is for long runs
)

# %% Training; the same cell with resume=True resumes a run that was stopped
outcome = harmonize.train_network(settings, run, data=dataset, device="cpu")
print(f"complete: {outcome.complete}")

# %% Scores on the test pairs, beside those of the composites
found = harmonize.evaluate(dataset, run / "best.safetensors", device="cpu", out=run / "evaluation")["overall"]
print(f"fMSE: composites {found['composite']['fmse']:.1f}, harmonized {found['harmonized']['fmse']:.1f}")
