"""docs/results.md from whatever runs are finished: its generated blocks, and its pictures."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import textwrap
from collections.abc import Sequence
from pathlib import Path

from benchmarks import complexity, page
from benchmarks.table3 import claims, pictures, results
from benchmarks.table3.claims import CCHARMONY, IHARMONY4, Published
from benchmarks.table3.plan import COMPARED, ORDER, VARIED_ROW, describe_row
from benchmarks.table3.results import Result, by_seed
from benchmarks.table3.study import Budget, Study
from ccharmony import files
from ccharmony.images import pixels
from harmonize.evaluation import metrics
from harmonize.table3 import TABLE_3

DIAGNOSIS = "diagnosis.md"
"""In a study's folder: what `diagnosis.report` found last."""


def write_page(study: Study, docs: Path, demo: Path | None = None) -> list[Path]:
    """Write the page and its pictures.

    Parameters
    ----------
    study
        Its finished runs are reported.
    docs
        Folder of the page; what people wrote there outside the generated parts stays.
    demo
        Rendered dataset in iHarmony4's layout for the strip; without it the strip stays as it is.

    Returns
    -------
    list[Path]
        The files written.

    Raises
    ------
    CcharmonyError
        A table is damaged, the dataset is broken, or a file cannot be written.
    """
    found = results.read_results(study)
    files.make_folder(docs)
    text = docs / "results.md"
    written = [text]
    if found:
        written.append(docs / "ablation.svg")
        files.write_bytes(written[-1], pictures.draw_figure(found))
    strip = None if demo is None else pictures.draw_strip(study, found, demo)
    if strip is not None:
        written.append(docs / "ablation_strip.webp")
        pixels.write_image(written[-1], strip, 80)
    former = text.read_text(encoding="utf-8") if text.is_file() else "# Results\n"
    blocks = {
        **make_blocks(study, found),
        "figure": "![fMSE by row](ablation.svg)" if found else "Not drawn yet.",
        "diagnosis": _diagnosis(study),
        "strip": _strip(docs, found),
    }
    files.write_bytes(text, page.fill(former, blocks).encode())
    return written


def _diagnosis(study: Study) -> str:
    file = study.path / DIAGNOSIS
    return file.read_text(encoding="utf-8") if file.is_file() else "Not measured yet."


def _strip(docs: Path, found: list[Result]) -> str:
    if not found or not (docs / "ablation_strip.webp").is_file():
        return "Not drawn yet."
    return f"From top to bottom {', '.join(pictures.LINES)}; rendered pairs.\n\n![strip](ablation_strip.webp)"


NOTHING = "No run is finished yet."

_SHOWN = {"mse": 1, "fmse": 1, "psnr": 2, "fssim": 4}
"""Metrics of the tables and their digits."""

_TITLES = {"mse": "MSE", "fmse": "fMSE", "psnr": "PSNR", "fssim": "fSSIM"}


def make_blocks(study: Study, found: Sequence[Result]) -> dict[str, str]:
    """Return every generated block of the page by its name.

    Parameters
    ----------
    study
        What the runs share.
    found
        Its finished runs.

    Returns
    -------
    dict[str, str]
        Markdown by name of the block.
    """
    if not found:
        return dict.fromkeys(("setting", "rows", "pairs", "findings", "sensitivity"), NOTHING)
    return {
        "setting": setting(study, found),
        "rows": f"{rows(study, found)}\n\n{paper(found)}",
        "pairs": pairs(found),
        "findings": "\n".join(_wrap(claims.sentence(claims.judge(claim, found)), "  ") for claim in claims.CLAIMS),
        "sensitivity": sensitivity(found),
    }


def setting(study: Study, found: Sequence[Result]) -> str:
    """Return a paragraph on what all runs share, and one on how sure the numbers are."""
    budget, places = study.budget, study.places
    data = [root.name for root in places.data]
    if places.lights is not None:
        names = " and ".join(f"`{root.name}`" for root in places.photos)
        data.append(f"the train photos of {names} under the train lights of `{places.lights.name}`")
    known = results.spread(found)
    scored = len(found[0].table.scores)
    apart = (
        f"Between seeds of one row fMSE has a standard deviation of {known.deviation:.1f} ({known.freedom} d.o.f.)."
        if known.freedom
        else "No row has two seeds yet, so that the chance of seeds is unknown."
    )
    shared = (
        f"{len(found)} runs are finished. Networks of {budget.width} channels (the paper's have 32), trained for "
        f"{budget.steps:,} steps of {budget.batch} pictures at {_sides(budget)} "
        f"({budget.steps * budget.batch:,} pictures a run), loss {budget.loss}, {budget.precision}, Adam at "
        f"{budget.rate:g} with decay {budget.decay}, all from random weights, on {' and '.join(data)}; one "
        f"reconstruction branch ({budget.reconstruct_steps:,} steps) for all rows that distill. Scored are the "
        f"averaged weights of the last step on {scored} validation pairs of which training saw nothing, at "
        f"{budget.scored_at}×{budget.scored_at}, protocol {found[0].table.protocol}, raw output. Pictures a "
        "second are medians over the runs' logs, whatever else the machine did."
    )
    chance = (
        f"{apart} Intervals are 95 %, from a paired bootstrap over photos. A difference counts as found where its "
        "interval leaves out 0 and it exceeds what seeds alone would make of it with a probability of 5 %."
    )
    return f"{_wrap(shared)}\n\n{_wrap(chance)}"


def _sides(budget: Budget) -> str:
    """Say at which sides a study trains.

    Examples
    --------
    >>> _sides(Budget(size=64, grow=((0.5, 128),)))
    '64×64, from 50 % of the steps on at 128×128'
    """
    grown = [f", from {100 * share:.0f} % of the steps on at {side}×{side}" for share, side in budget.grow]
    return f"{budget.size}×{budget.size}{''.join(grown)}"


def rows(study: Study, found: Sequence[Result]) -> str:
    """Return the table of all finished rows of Table 3, the composites first."""
    head = ("row", "network", "seeds", *_TITLES.values(), "parameters", "GFLOP at 256", "pictures/s in training")
    composites = results.means(results.read_composites(found[0]))
    lines = [("", "composite", "", *(f"{composites[name]:.{digits}f}" for name, digits in _SHOWN.items()), "", "", "")]
    for row in sorted(ORDER):
        runs = by_seed(found, row)
        if runs:
            network = dataclasses.replace(TABLE_3[row][0], width=study.budget.width)
            size, flops = complexity.count(network, 256)
            scores = [_spell([run.means[name] for run in runs.values()], _SHOWN[name]) for name in _SHOWN]
            pace = statistics.median(run.pace for run in runs.values())
            cost = (f"{size / 1e6:.2f} M", f"{flops / 1e9:.1f}", "" if math.isnan(pace) else f"{pace:.1f}")
            lines.append((str(row), describe_row(row), str(len(runs)), *scores, *cost))
    return _table(head, lines)


def paper(found: Sequence[Result]) -> str:
    """Return fMSE and the paper's, each also as a share of row 1's."""
    head = ("row", "fMSE here", "of row 1", "paper, iHarmony4", "of row 1", "paper, ccHarmony")
    first = by_seed(found, 1)
    base = statistics.fmean(run.means["fmse"] for run in first.values()) if first else math.nan
    lines = []
    for row in sorted(ORDER):
        runs = by_seed(found, row)
        here = statistics.fmean(run.means["fmse"] for run in runs.values()) if runs else math.nan
        ours = ("", "") if math.isnan(here) else (f"{here:.1f}", "" if math.isnan(base) else f"{here / base:.1%}")
        share = IHARMONY4[row].fmse / IHARMONY4[1].fmse
        theirs = _published(IHARMONY4[row])
        lines.append((str(row), *ours, theirs, f"{share:.1%}", _published(CCHARMONY[row]) if row in CCHARMONY else ""))
    note = "The paper's columns are MSE / fMSE / PSNR of other data, at full width and a far longer training: compare "
    return f"{_wrap(f'{note}the shares, not the numbers.')}\n\n{_table(head, lines)}"


def pairs(found: Sequence[Result]) -> str:
    """Return the paired bootstrap between the rows that are compared, in every metric shown."""
    lines = []
    for a, b in itertools.combinations(COMPARED, 2):
        for name, digits in _SHOWN.items():
            entry = results.contrast(found, {b: 1, a: -1}, name)
            if entry is not None:
                numbers = f"{entry.value:+.{digits}f} [{entry.low:+.{digits}f}, {entry.high:+.{digits}f}]"
                seeds = ", ".join(map(str, entry.seeds))
                chance = f"±{entry.least:.{digits}f}" if entry.least else "unknown"
                lines.append((f"{a} → {b}", _TITLES[name], numbers, chance, _better(entry.sign, name), seeds))
    if not lines:
        return "No two of rows 1, 5 and 8 have a finished seed in common yet."
    return _table(("rows", "metric", "change, 95 % over photos", "chance of seeds", "", "seeds"), lines)


def sensitivity(found: Sequence[Result]) -> str:
    """Return row 8 with one thing varied, each compared with row 8 itself under the same seed."""
    lines = []
    for result in found:
        trial = result.trial
        base = by_seed(found, VARIED_ROW).get(trial.seed)
        if trial.varied and base is not None:
            scores = [f"{result.means[name]:.{digits}f}" for name, digits in _SHOWN.items()]
            change = results.of_variation(found, result, base)
            compared = (str(change), _better(change.sign, "fmse"))
            lines.append((", ".join(trial.varied), str(trial.seed), *scores, *compared))
    if not lines:
        return "No variation of row 8 is finished yet."
    bases = [run for run in by_seed(found, VARIED_ROW).values() if run.trial.seed in {int(line[1]) for line in lines}]
    default = TABLE_3[VARIED_ROW][1]
    plain = f"as it is: gamma={default.gamma:g}, lambda={default.weight:g}"
    first = [
        (plain, str(run.trial.seed), *(f"{run.means[name]:.{digits}f}" for name, digits in _SHOWN.items()), "", "")
        for run in bases
    ]
    return _table(("row 8", "seed", *_TITLES.values(), "fMSE against row 8", ""), [*first, *lines])


def _wrap(text: str, indent: str = "") -> str:
    """Break a paragraph into lines; `indent` begins all but the first."""
    return textwrap.fill(text, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _spell(values: Sequence[float], digits: int) -> str:
    """Write a mean over seeds, with the standard deviation where there are several."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def _published(numbers: Published) -> str:
    return f"{numbers.mse:.2f} / {numbers.fmse:.2f} / {numbers.psnr:.2f}"


def _better(sign: int, metric: str) -> str:
    if not sign:
        return "within chance"
    return "better" if (sign < 0) == (metric in metrics.LOWER_IS_BETTER) else "worse"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return page.table(head, lines, ("row", "rows", "network", "metric", "row 8"))
