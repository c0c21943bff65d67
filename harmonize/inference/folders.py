"""Many composites at once: which mask belongs to which composite, and what becomes of those that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.images.headers import READABLE_SUFFIXES

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PictureTask:
    """One picture to harmonize.

    Attributes
    ----------
    composite, mask
        What is read.
    output
        What is written.
    """

    composite: Path
    mask: Path
    output: Path


def match(composites: Path, masks: Path, output: Path, suffix: str) -> tuple[list[PictureTask], list[str]]:
    """Find the mask of each composite in two folders.

    The mask has the composite's name without extension (``a.jpg``, ``a.png``), or the foreground's in iHarmony4's
    layout (``c1_2_3.jpg``, ``c1_2.png``). Upper and lower case count as one.

    Parameters
    ----------
    composites, masks
        Folders of pictures; sub-folders are not read.
    output
        Folder of the results, each named after its composite.
    suffix
        Format of the results, such as ``.png``.

    Returns
    -------
    tuple[list[PictureTask], list[str]]
        One job a composite that has a mask, and one line for each that has none.

    Raises
    ------
    SourceError
        A folder holds no picture, or two composites differ by extension only.
    """
    by_name = {path.stem.lower(): path for path in _pictures(masks)}
    jobs: dict[str, PictureTask] = {}
    problems: list[str] = []
    for path in _pictures(composites):
        stem = path.stem.lower()
        mask = by_name.get(stem) or by_name.get(stem.rpartition("_")[0])
        if mask is None:
            problems.append(f"{path}: no mask of that name in {masks}")
        elif stem in jobs:
            raise SourceError(f"{path}: {jobs[stem].composite.name} has the same name, one result would hide the other")
        else:
            jobs[stem] = PictureTask(path, mask, output / f"{path.stem}{suffix}")
    if not jobs:
        raise SourceError(f"{composites}: none of its pictures has a mask in {masks}")
    return list(jobs.values()), problems


def run_all(
    jobs: Sequence[PictureTask],
    work: Callable[[PictureTask], None],
    *,
    strict: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[str]:
    """Do the work of every job; a failed one is logged and left out, or with `strict` the end.

    `progress` is called with the jobs done and their number.

    Returns
    -------
    list[str]
        One line for each job that failed.

    Raises
    ------
    CcharmonyError
        The first failure, with `strict`.
    """
    problems: list[str] = []
    for done, job in enumerate(jobs, start=1):
        try:
            work(job)
        except CcharmonyError as error:
            if strict:
                raise
            _logger.warning("left out: %s", error)
            problems.append(str(error))
        progress(done, len(jobs))
    return problems


def _pictures(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.iterdir()) if is_picture(path)]
    if not found:
        raise SourceError(f"{folder}: no picture in it")
    return found


def is_picture(path: Path) -> bool:
    """Tell by its name whether a path is a picture; hidden files are not."""
    return path.suffix.lower() in READABLE_SUFFIXES and not path.name.startswith(".")
