"""Which of the rows' gains are left where the seam is hidden: finished runs, scored once more.

The ring is as wide as two pixels are at 256 (docs/seam.md).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.table3 import results, trial
from benchmarks.table3.study import HIDDEN, Study
from harmonize.data.held_out_pairs import SEAM
from harmonize.evaluation import compare
from harmonize.evaluation.ring import Ring
from harmonize.markdown import make_table
from harmonize.training.stop import Stop


def report(study: Study, device: str = "auto") -> str:
    """Score finished runs that were not yet scored so, and return a table: rows down, fMSE of seeds across.

    Raises
    ------
    CcharmonyError
        Weights, pairs or a table cannot be read, or a table cannot be written.
    """
    ring = Ring(0, max(round(SEAM * study.budget.scored_at), 1))
    found: dict[int, list[tuple[float, float]]] = {}
    with Stop(None) as stop:
        for run in results.read_results(study):
            table = study.folder(run.trial.name) / HIDDEN
            complete = table.is_file() or trial.write_scores(study, table.parent, device, stop, ring)
            if complete and not run.trial.varied:
                hidden = results.means(compare.read_table(table))["fmse"]
                found.setdefault(run.trial.row, []).append((run.means["fmse"], hidden))
    lines = [[str(row), str(len(runs)), *map(_cell, zip(*runs, strict=True))] for row, runs in found.items()]
    return make_table(["row", "seeds", "fMSE", f"{ring} hidden"], lines)


def _cell(scores: Sequence[float]) -> str:
    """Return the mean over the seeds, and their standard deviation where there are several."""
    spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    return f"{statistics.mean(scores):.1f}{spread}"
