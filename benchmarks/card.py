"""The generated parts of a card: tables of what weights score, from what evaluations left on disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import page
from harmonize.evaluation import metrics
from harmonize.training.run_folder import cost
from harmonize.weights import bundled, checkpoint

STRATA = ((0, 200), (200, 1_000), (1_000, 3_000), (3_000, np.inf))
"""Ranges of the composite's fMSE by which a card says where its weights help."""

_DIGITS = {"mse": 2, "fmse": 1, "psnr": 2, "fpsnr": 2, "ssim": 4, "fssim": 4}
_TITLES = ("MSE", "fMSE", "PSNR", "fPSNR", "SSIM", "fSSIM")


@dataclass(frozen=True)
class Scored:
    """An evaluation of one set.

    Attributes
    ----------
    report
        What report.json holds.
    rows
        Those of images.csv.
    """

    report: dict[str, Any]
    rows: list[dict[str, str]]

    def errors(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return a column of the rows as numbers."""
        return np.array([float(row[name]) for row in self.rows])


def read(folder: Path) -> Scored:
    """Read what `harmonize evaluate --out` left in a folder."""
    with (folder / "images.csv").open(newline="", encoding="utf-8") as file:
        return Scored(json.loads((folder / "report.json").read_text(encoding="utf-8")), list(csv.DictReader(file)))


def make(name: str, path: Path, run: Path | None, scored: Mapping[str, Scored]) -> dict[str, str]:
    """Return the generated blocks of a card by name.

    Parameters
    ----------
    name
        Name of the weights.
    path
        Their file.
    run
        Folder of the training run that they come from; None leaves the curve as it is.
    scored
        Evaluations by set; that of ``val`` is also given by foreground share and by error.

    Returns
    -------
    dict[str, str]
        Markdown by name of the block.
    """
    blocks = {
        "file": _describe(path),
        "scores": scores(name, scored),
        "strata": f"{by_share(scored['val'])}\n\n{by_error(scored['val'])}",
    }
    if run is not None:
        blocks["curve"] = curve(run / "scores.csv")
    if "triplets" in scored:
        blocks["triplets"] = each(scored["triplets"])
    return blocks


def curve(path: Path) -> str:
    """Return how the validation scores of a run's last stage went, step by step."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "harmonize"]
    lines = []
    for row in rows:
        step = f"{int(row['step']):,}" if row["row"] == "harmonized" else "composite"
        lines.append((step, row["size"], *(f"{float(row[key]):.{_DIGITS[key]}f}" for key in ("fmse", "psnr", "fssim"))))
    return table(("step", "size", "fMSE", "PSNR", "fSSIM"), lines)


def scores(name: str, scored: Mapping[str, Scored]) -> str:
    """Return what bundled weights record as their scores: those of `name` first, with the composites of these sets."""
    names = [name, *(other for other in bundled.list_weights() if other != name)]
    found = {other: read_scores(other) for other in names}
    lines = []
    for title, entry in scored.items():
        composite = entry.report["overall"]["composite"]
        methods = {"composite": composite}
        methods |= {f"**{n}**" if n == name else n: found[n][title] for n in names if title in found[n]}
        lines += [(title, method, str(composite["n"]), *_spell(means)) for method, means in methods.items()]
    before, after = scored["val"].report["overall"]["composite"], found[name]["val"]
    ratio, gain = after["fmse"] / before["fmse"], after["psnr"] - before["psnr"]
    said = f"On val, fMSE is {ratio:.1%} of the composites' and PSNR {gain:.2f} dB above theirs."
    return f"{table(('set', '', 'n', *_TITLES), lines)}\n\n{said}"


def read_scores(name: str) -> Mapping[str, Mapping[str, float]]:
    """Return what bundled weights say of their scores: means by set; empty where they say nothing."""
    found: Mapping[str, Any] = checkpoint.read_notes(bundled.find(name))[1].get("scores", {})
    return found


def by_share(scored: Scored) -> str:
    """Return fMSE by the foreground's share of the picture."""
    lines = [
        (name, str(part["composite"]["n"]), f"{part['composite']['fmse']:.1f}", f"{part['harmonized']['fmse']:.1f}")
        for name, part in scored.report["bins"].items()
        if part["composite"]["n"]
    ]
    return table(("foreground, %", "n", "fMSE, composite", "harmonized"), lines)


def by_error(scored: Scored) -> str:
    """Return fMSE by how far off the composite is, and the share of pictures that get worse."""
    before, after = scored.errors("composite_fmse"), scored.errors("fmse")
    lines = []
    for low, high in STRATA:
        inside = (before >= low) & (before < high)
        if inside.any():
            title = f"{low:,} to {high:,.0f}" if np.isfinite(high) else f"above {low:,}"
            means = f"{before[inside].mean():.0f}", f"{after[inside].mean():.0f}"
            lines.append((title, str(inside.sum()), *means, f"{(after > before)[inside].mean():.0%}"))
    return table(("the composite's fMSE", "n", "composite", "harmonized", "got worse"), lines)


def each(scored: Scored) -> str:
    """Return fMSE picture by picture."""
    lines = [
        (row["name"], f"{float(row['composite_fmse']):.1f}", f"{float(row['fmse']):.1f}")
        for row in sorted(scored.rows, key=lambda row: row["name"])
    ]
    return table(("fMSE", "composite", "harmonized"), lines)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column holds words."""
    return page.table(head, lines, head[:1])


def _describe(path: Path) -> str:
    loaded = checkpoint.load_weights(path)
    count = sum(parameter.numel() for parameter in loaded.net.parameters())
    notes = loaded.metadata
    seen = f"step {notes['step']:,}, {notes['pictures']:,} pictures, {notes['seconds'] / 3600:.1f} hours"
    if "began_from" in notes:
        pictures, hours = cost(notes, "pictures"), cost(notes, "seconds") / 3600
        seen += f"; {pictures:,} pictures and {hours:.1f} hours with the runs before"
    return f"{count:,} parameters in half precision, {path.stat().st_size / 1e6:.1f} MB; {seen}."


def _spell(means: Mapping[str, float]) -> list[str]:
    return [f"{means[name]:.{_DIGITS[name]}f}" for name in metrics.NAMES]
