"""Votes from wherever they are: a study served here, or tables of votes from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ccharmony.errors import StudyError
from harmonize.study.store import Store
from harmonize.study.study import VOTES, read_study
from harmonize.study.votes import Vote, read_votes


def collect_votes(paths: Sequence[Path]) -> list[Vote]:
    """Return the votes of studies and tables; with several, raters of one name in two of them are two persons.

    Parameters
    ----------
    paths
        Folders of `study make`, or tables of votes.

    Returns
    -------
    list[Vote]
        In the order of the paths, each in the order of asking.

    Raises
    ------
    StudyError
        One of them holds no vote, or cannot be read.
    """
    found = [_collect(path) for path in paths]
    if len(found) == 1:
        return found[0]
    return [
        replace(vote, rater=f"{number}:{vote.rater}") for number, votes in enumerate(found, start=1) for vote in votes
    ]


def _collect(path: Path) -> list[Vote]:
    if not path.is_dir():
        return read_votes(path)
    study = read_study(path)
    if not (path / VOTES).is_file():
        raise StudyError(f"{path}: nobody has voted yet, wanted a study that was served")
    store = Store(study, only_read=True)
    try:
        votes = store.votes()
    finally:
        store.close()
    if not votes:
        raise StudyError(f"{path}: nobody has voted yet")
    return votes
