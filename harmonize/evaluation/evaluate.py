"""Evaluation of one method on datasets: from the lists on disk to report.json, images.csv and report.md."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ccharmony import __version__
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats import realhm
from ccharmony.dataset.formats.pair_files import PairPaths, Split
from ccharmony.errors import ImageError, SourceError
from ccharmony.files import StrPath
from ccharmony.outputs import Job, check_folder, claim_folder
from ccharmony.urls import Place, Url, as_place
from harmonize.evaluation import protocols, report, scoring
from harmonize.evaluation.methods import Method, open_method
from harmonize.evaluation.scoring import Rules
from harmonize.models.settings import SIDE

_JOB = Job("harmonize evaluate", is_earlier=report.is_report)

_SHOWN = 20
"""Pairs left out that are logged one by one while an evaluation runs; report.json names them all."""

_logger = logging.getLogger(__name__)


def evaluate(
    data: StrPath | Url | Sequence[StrPath | Url],
    method: Method | nn.Module | StrPath | None = None,
    rules: Rules | str = protocols.DEFAULT,
    *,
    split: Split = "test",
    out: StrPath | None = None,
    device: str = "auto",
    strict: bool = False,
    threads: int | None = None,
    batch: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Score a method on datasets.

    Parameters
    ----------
    data
        One dataset or several: in iHarmony4's layout, roots that hold several, packed ones (shards also by URL), or
        RealHM's folder.
    method
        What is scored: a network, the name or file of weights, a folder of another method's pictures, or None for the
        bundled default; see `methods.open_method`.
    rules
        How it is scored: the name of a protocol, one of `PROTOCOLS`, or `Rules` with every choice.
    split
        Which lists count.
    out
        Folder for report.json, images.csv and report.md; None writes nothing.
    device
        Where weights are loaded to: "auto", "cpu", "cuda" or "cuda:N".
    strict
        Whether the first pair that cannot be scored ends the evaluation.
    threads, batch
        As in `harmonize.evaluation.scoring.score_pairs`.
    progress
        Called with the pairs done and their number.

    Returns
    -------
    dict[str, Any]
        What report.json holds. ``overall``, and each of ``sets``, ``bins`` (of the foreground's share) and
        ``errors`` (of the composite's fMSE), has the rows ``composite`` and ``harmonized``: means of the metrics and
        ``n``, the number of pictures; and ``worse``, the share of the pictures whose fMSE is above their composite's.
        ``skipped`` has a line for each pair that could not be scored.

    Raises
    ------
    SourceError
        A dataset or its list is missing, a set is given twice, or no pair could be scored.
    ImageError
        A pair could not be scored, with `strict`.
    WeightsError
        No such weights, or they do not fit.
    SettingsError
        No such protocol or device.
    StoreError
        An object store cannot be asked.
    OutputError
        The folder holds what no evaluation wrote, or cannot be written.
    """
    roots = [as_place(root) for root in ([data] if isinstance(data, str | os.PathLike | Url) else data)]
    folder = None if out is None else Path(out)
    if folder is not None:
        check_folder(folder, _JOB, _on_disk(roots))
    method = open_method(method, device)
    rules = rules if isinstance(rules, Rules) else Rules(protocols.find(rules))
    pairs, skipped = _find_pairs(roots, split, strict)
    tally, found = report.Tally(), len(skipped)
    with contextlib.ExitStack() as stack:
        table = _open_images(folder, method, rules, roots, stack) if folder else None
        scored = scoring.score_pairs(pairs, rules, method.source, threads=threads, batch=batch)
        for done, row in enumerate(stack.enter_context(contextlib.closing(scored)), start=1):
            if isinstance(row, str):
                _leave_out(row, skipped, strict)
            else:
                tally.add(row)
                if table is not None:
                    table.write(row)
            progress(done, len(pairs))
        if not tally.overall.composite.count:
            raise SourceError(f"none of {len(pairs)} pairs could be scored; the first: {skipped[found]}")
    result = {**_describe(roots, method, rules, split), **tally.to_dict(), "skipped": skipped}
    if folder is not None:
        report.write(folder, result)
    return result


def _open_images(
    folder: Path, method: Method, rules: Rules, roots: Sequence[Place], stack: contextlib.ExitStack
) -> report.ImagesWriter:
    """Claim the folder, and open its images.csv; both end with the stack."""
    predictions = method.details["predictions"]
    read = _on_disk(roots)
    stack.enter_context(claim_folder(folder, _JOB, read if predictions is None else [*read, predictions]))
    return stack.enter_context(report.open_images(folder / report.IMAGES, rules.title))


def _on_disk(roots: Sequence[Place]) -> list[Path]:
    return [root for root in roots if isinstance(root, Path)]


def _find_pairs(data: Sequence[Place], split: Split, strict: bool) -> tuple[list[PairPaths], list[str]]:
    pairs: list[PairPaths] = []
    skipped: list[str] = []
    owners: dict[str, Place] = {}
    for root in data:
        if isinstance(root, Path) and realhm.is_realhm(root):
            found, problems = realhm.find_pairs(root, strict=strict)
        else:
            found, problems = find_pairs(root, split, strict=strict)
        for name in dict.fromkeys(pair.set for pair in found):
            if owners.setdefault(name, root) != root:
                raise SourceError(f"{root}: a set {name} is in {owners[name]} too, wanted sets of different names")
        for problem in problems:
            _leave_out(problem, skipped, strict)
        pairs += found
    return pairs, skipped


def _leave_out(problem: str, skipped: list[str], strict: bool) -> None:
    if strict:
        raise ImageError(problem)
    skipped.append(problem)
    if len(skipped) <= _SHOWN:
        _logger.warning("left out: %s", problem)
    elif len(skipped) == _SHOWN + 1:
        _logger.warning("left out: more; report.json names them all")


def _describe(data: Sequence[Place], method: Method, rules: Rules, split: str) -> dict[str, Any]:
    """Return the entries of report.json that say what the numbers are numbers of."""
    return {
        "protocol": rules.protocol.name,
        "ring": [rules.ring.near, rules.ring.far] if rules.ring else None,
        "size": "full" if rules.full else SIDE,
        "network_size": rules.network_size if rules.full and method.details["weights"] else None,
        "pasted": rules.pastes(method.source),
        "split": split,
        "data": [str(root) for root in data],
        "method": method.title,
        **method.details,
        "version": __version__,
    }
