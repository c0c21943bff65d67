"""What becomes of the error of a photo, file or mark that is left out: it ends the build or is a line of its report."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ccharmony.dataset.build_report import SHOWN, BuildReport
from ccharmony.errors import CcharmonyError, CheckerError, FitError

log = logging.getLogger(__name__)

Skip = Callable[[CcharmonyError], None]
"""Called with the error; may raise it."""


def skip_into(report: BuildReport, *, strict: bool) -> Skip:
    """Return what adds an error to the problems of a report, and logs the first ones; with `strict` it raises it."""

    def skip(error: CcharmonyError) -> None:
        if strict:
            raise error
        report.problems.append(str(error))
        if len(report.problems) <= SHOWN:
            log.warning("skipped: %s", error)

    return skip


def count_unread(report: BuildReport, skip: Skip) -> Skip:
    """Return `skip`, counting photos that another build may read; a chart or a fit fails each time."""

    def count(error: CcharmonyError) -> None:
        report.unread += not isinstance(error, CheckerError | FitError)
        skip(error)

    return count
