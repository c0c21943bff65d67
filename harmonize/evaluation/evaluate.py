"""Model or folder of predictions × datasets → report: an evaluation from the lists on disk to the files it leaves."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ccharmony import __version__, files
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats import realhm
from ccharmony.dataset.formats.pair_files import PairPaths, Split
from ccharmony.errors import ImageError, SourceError
from harmonize.devices import find_device
from harmonize.evaluation import report, scoring
from harmonize.evaluation.predictions import Predictions
from harmonize.evaluation.scoring import Rules
from harmonize.models.settings import SIDE
from harmonize.weights import bundled, cards, checkpoint

_SHOWN = 20
"""Pairs left out that are told one by one while an evaluation runs."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Method:
    """What is scored, and how a report names it.

    Attributes
    ----------
    source
        A network on its device, or pictures that another method made.
    title
        One phrase.
    details
        Entries `weights` and `predictions` of report.json; one of them is None.
    """

    source: nn.Module | Predictions
    title: str
    details: dict[str, Any]


def open_weights(weights: str | Path | None, device: str = "auto") -> Method:
    """Load a network to score, by bundled name or file; None takes the bundled default.

    Raises
    ------
    WeightsError, SettingsError
        No such weights, weights that do not fit, no such device.
    """
    place = find_device(device)
    name = weights if weights is not None else cards.default_weights()
    path = bundled.find(name)
    loaded = checkpoint.load(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    settings = loaded.settings.to_dict()
    details = {"file": str(name), "sha256": digest, "settings": settings, "metadata": loaded.metadata}
    net = loaded.net.to(place).requires_grad_(False)
    title = f"weights {name} ({settings['model']}, sha256 {digest[:12]}) on {place}"
    return Method(net, title, {"weights": details, "predictions": None})


def open_predictions(folder: Path) -> Method:
    """Open pictures that another method made; raises SourceError where there are none."""
    return Method(Predictions(folder), f"predictions {folder}", {"weights": None, "predictions": str(folder)})


def evaluate(
    data: Sequence[Path],
    method: Method,
    rules: Rules,
    *,
    split: Split = "test",
    out: Path | None = None,
    strict: bool = False,
    threads: int | None = None,
    batch: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Score a method on datasets.

    Parameters
    ----------
    data
        Datasets in iHarmony4's layout, roots that hold several, packed ones, or RealHM's folder.
    method
        What is scored: `open_weights` or `open_predictions`.
    rules
        How it is scored.
    split
        Which lists count.
    out
        Folder for report.json, images.csv and report.md; None writes nothing.
    strict
        Whether the first pair that cannot be scored ends the evaluation.
    threads, batch
        As in `harmonize.evaluation.scoring.score_pairs`.
    progress
        Called with the pairs done and their number.

    Returns
    -------
    dict[str, Any]
        What report.json holds.

    Raises
    ------
    SourceError
        A dataset or its list is missing, a set is given twice, or no pair could be scored.
    ImageError
        A pair could not be scored, with `strict`.
    OutputError
        The folder cannot be written.
    """
    pairs, skipped = _find_pairs(data, split, strict)
    tally = report.Tally()
    with contextlib.ExitStack() as stack:
        images = (
            stack.enter_context(report.open_images(files.make_folder(out) / "images.csv", rules.protocol.name))
            if out
            else None
        )
        scored = scoring.score_pairs(pairs, rules, method.source, threads=threads, batch=batch)
        for done, row in enumerate(stack.enter_context(contextlib.closing(scored)), start=1):
            if isinstance(row, str):
                _leave_out(row, skipped, strict)
            else:
                tally.add(row)
                if images is not None:
                    images.write(row)
            progress(done, len(pairs))
        if not tally.overall.composite.count:
            raise SourceError(f"none of {len(pairs)} pairs could be scored; the first: {skipped[-len(pairs)]}")
    result = {**_describe(data, method, rules, split), **tally.to_dict(), "skipped": skipped}
    if out is not None:
        report.write(out, result)
    return result


def _find_pairs(data: Sequence[Path], split: Split, strict: bool) -> tuple[list[PairPaths], list[str]]:
    pairs: list[PairPaths] = []
    skipped: list[str] = []
    owners: dict[str, Path] = {}
    for root in data:
        if realhm.is_realhm(root):
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
        _logger.warning("left out: more; the report names them all")


def _describe(data: Sequence[Path], method: Method, rules: Rules, split: str) -> dict[str, Any]:
    """Return the entries of report.json that say what the numbers are numbers of."""
    return {
        "protocol": rules.protocol.name,
        "size": "full" if rules.full else SIDE,
        "network_size": rules.network_size if rules.full and method.details["weights"] else None,
        "pasted": rules.pastes(method.source),
        "split": split,
        "data": [str(root) for root in data],
        "method": method.title,
        **method.details,
        "version": __version__,
    }
