"""From the best weights of a run to bundled ones: half precision, scores, checksum, strip, the tables of the card.

    python -m benchmarks.ship [--run RUN] --name NAME --val DIR [--others DIR] [--triplets DIR] [--demo DIR]
        --scores DIR

Without --run, weights that are bundled already are scored again. Val, and pairs of photos of other sources, are scored
twice: as they are, and with the two pixels of background next to the foreground hidden (docs/seam.md). The mean error
of the two sets with the seam hidden chooses the default of `harmonize apply`.

Datasets are in iHarmony4's layout (`harmonize make-pairs` writes val). The evaluations are of the weights in half
precision, as they are bundled, and stay in --scores. What a person wrote in harmonize/weights/NAME.md stays: only the
parts between its markers are generated, and in the cards of the other bundled weights the table of scores, which names
all of them. A card that does not exist yet begins with its tables alone: write the rest.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks import card, page, strip
from benchmarks.card import Scored
from ccharmony import files
from ccharmony.dataset.formats.pair_files import Split
from harmonize.evaluation import evaluate, methods, protocols
from harmonize.evaluation.ring import Ring
from harmonize.evaluation.scoring import Rules
from harmonize.weights import bundled, checkpoint

HIDDEN = ", seam hidden"
_TWICE = ("val", "others")
LICENCE = "research use only: the training photos and lights carry no other licence"

_PATH = click.Path(path_type=Path)
_ROOT = Path(__file__).resolve().parents[1]


@click.command()
@click.option("--run", type=_PATH, help="Folder of a finished `harmonize train`.  [the bundled file]")
@click.option("--name", required=True, help="Of the bundled weights.")
@click.option("--val", type=_PATH, required=True, help="Pairs of photos and lights that training never saw.")
@click.option("--others", type=_PATH, help="Pairs of photos of other sources than those that were trained on.")
@click.option("--triplets", type=_PATH, help="Real composites of other datasets.")
@click.option("--demo", type=_PATH, help="A dataset of `ccharmony build --src demo --format png`, for the strip too.")
@click.option("--scores", type=_PATH, required=True, help="Folder for the evaluations.")
@click.option("--root", type=_PATH, default=_ROOT, help="Where docs/ is.  [this project]")
def main(run: Path | None, name: str, scores: Path, root: Path, **sets: Path | None) -> None:
    """Write NAME.safetensors, its line of SHA256SUMS, its card, docs/NAME_val.csv and docs/NAME_strip.webp."""
    torch.set_num_threads(1)
    path = bundled.WEIGHTS / f"{name}.safetensors"
    found = checkpoint.load(path if run is None else run / "best.safetensors")
    trial = files.make_folder(scores) / path.name
    checkpoint.save_weights(trial, found.net, found.settings, metadata=found.metadata, half=True)
    given = {title: data for title, data in sets.items() if data is not None}
    scored: dict[str, Scored] = {}
    for title, data in given.items():
        scored[title] = _score(trial, data, scores / title, "all" if title == "demo" else "test")
        if title in _TWICE:
            scored[title + HIDDEN] = _score(trial, data, scores / f"{title}_hidden", ring=Ring(0, 2))
    save(path, trial, found.metadata | _judge(scored))
    if sets["demo"] is not None:
        _draw(path, sets["demo"], scores / "demo", root / "docs" / f"{name}_strip.webp")
    shutil.copyfile(scores / "val" / "images.csv", root / "docs" / f"{name}_val.csv")
    _fill_card(path.with_suffix(".md"), card.make(name, path, run, scored))
    for other in bundled.list_weights():
        if other != name and _covers(scored, card.read_scores(other)):
            _fill_card(path.with_name(f"{other}.md"), {"scores": card.scores(other, scored)})


def save(path: Path, trial: Path, metadata: dict[str, Any]) -> None:
    """Write scored weights with what is known of them, and their checksum."""
    loaded = checkpoint.load(trial)
    checkpoint.save_weights(path, loaded.net, loaded.settings, metadata=metadata, half=True)
    sums = path.parent / "SHA256SUMS"
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    others = [line for line in lines if line.split()[1:] != [path.name]]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    ordered = sorted([*others, f"{digest}  {path.name}"], key=lambda line: line.split()[1])
    files.write_bytes(sums, "".join(f"{line}\n" for line in ordered).encode())


def _score(weights: Path, data: Path, out: Path, split: Split = "test", ring: Ring | None = None) -> Scored:
    rules = Rules(protocols.PROTOCOLS[protocols.DEFAULT], ring=ring)
    evaluate.evaluate([data], methods.open_weights(weights), rules, split=split, out=out)
    return card.read(out)


def _judge(scored: dict[str, Scored]) -> dict[str, Any]:
    """Return what weights say of themselves; `harmonize apply` picks its default by the error with the seam hidden."""
    val = scored["val"].report["overall"]
    means = {title: entry.report["overall"]["harmonized"] for title, entry in scored.items()}
    return {
        "val_fmse": round(val["harmonized"]["fmse"], 1),
        "hidden_fmse": round(float(np.mean([means[title]["fmse"] for title in means if title.endswith(HIDDEN)])), 1),
        "val_composite_fmse": round(val["composite"]["fmse"], 1),
        "licence": LICENCE,
        "scores": {
            title: {key: round(value, 4) for key, value in row.items() if key != "n"} for title, row in means.items()
        },
    }


def _draw(weights: Path, demo: Path, scores: Path, out: Path) -> None:
    arguments = ["--data", str(demo), "--weights", str(weights), "--scores", str(scores / "images.csv"), "-o", str(out)]
    strip.main(arguments, standalone_mode=False)


def _covers(scored: dict[str, Scored], theirs: Mapping[str, Any]) -> bool:
    """Tell whether other weights have scores, on no set but these: a table of fewer sets would lose rows."""
    return "val" in theirs and theirs.keys() <= scored.keys()


def _fill_card(path: Path, blocks: dict[str, str]) -> None:
    before = path.read_text(encoding="utf-8") if path.is_file() else f"# {path.stem}\n"
    files.write_bytes(path, page.fill(before, blocks).encode())


if __name__ == "__main__":
    main()
