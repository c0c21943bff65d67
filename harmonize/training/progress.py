"""What a run reports on its way: lines, a log, scores, curves and strips of pictures.

::

    RUN/log.csv       one row every few steps: the losses, the rate, the size
    RUN/scores.csv    one row a validation: the metrics of the network; row ``composite``: of the composites
    RUN/strips/       composite, mask, output and real picture below each other, one file a validation
    RUN/events…       the same curves and strips for TensorBoard

Only the process that leads reports.
"""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from ccharmony import files, inputs
from ccharmony.arrays import UInt8
from ccharmony.errors import OutputError
from ccharmony.images import pixels
from harmonize.evaluation import metrics
from harmonize.training.events import Events
from harmonize.training.objective import PARTS
from harmonize.training.settings import STAGES, StageName

LOG = ("stage", "step", "epoch", "pictures", "size", "rate", *PARTS, "seconds")
SCORES = ("stage", "step", "row", "size", *metrics.NAMES, "n")

_BAR = 24

_logger = logging.getLogger(__name__)


class Reporter:
    """Writes the reports of a run.

    Parameters
    ----------
    folder
        The run's folder; None reports nothing.
    stream
        Where the progress line goes if it is a terminal; None shows none.
    tensorboard
        Whether event files are written.
    """

    def __init__(self, folder: Path | None, stream: TextIO | None = None, *, tensorboard: bool = True) -> None:
        self.folder = folder
        self._terminal = stream if stream is not None and stream.isatty() else None
        self._events = Events(folder if tensorboard else None)

    def begin(self, stage: StageName, step: int) -> None:
        """Drop rows that a run wrote after the state from which this one is resumed, and name damaged ones."""
        if self.folder is not None:
            for name, columns in (("log.csv", LOG), ("scores.csv", SCORES)):
                self.line(_drop_later(self.folder / name, columns, stage, step))

    def line(self, text: str) -> None:
        """Log a line, unless it is empty."""
        if self.folder is not None and text:
            self._clear()
            _logger.info("%s", text)

    def progress(self, done: int, length: int, seconds_a_step: float) -> None:
        """Show steps done, their number and the time left, on a terminal."""
        if self._terminal is not None:
            filled = _BAR * done // length
            left = format_duration(seconds_a_step * (length - done))
            self._terminal.write(f"\r[{'#' * filled}{' ' * (_BAR - filled)}] {done}/{length}, {left} left \x1b[K")
            self._terminal.flush()

    def log(self, row: Mapping[str, Any]) -> None:
        """Append a row of `LOG`, and plot its losses."""
        if self.folder is None:
            return
        _append(self.folder / "log.csv", LOG, row)
        for name in (*PARTS, "rate"):
            self._events.scalar(f"{row['stage']}/{name}", row[name], row["step"])

    def scores(self, row: Mapping[str, Any]) -> None:
        """Append a row of `SCORES`, and plot it."""
        if self.folder is None:
            return
        _append(self.folder / "scores.csv", SCORES, row)
        for name in metrics.NAMES:
            self._events.scalar(f"{row['stage']}/{row['row']} {name}", row[name], row["step"])

    def strip(self, stage: StageName, step: int, picture: UInt8) -> None:
        """Save a strip of pictures, (H, W, 3), by the stage and step that made it."""
        if self.folder is None:
            return
        files.make_folder(self.folder / "strips")
        pixels.write_image(self.folder / "strips" / f"{stage}_{step:07d}.png", picture)
        self._events.picture(f"{stage}/strip", picture, step)

    def close(self) -> None:
        """Finish the event file and the progress line."""
        self._clear()
        self._events.close()

    def _clear(self) -> None:
        if self._terminal is not None:
            self._terminal.write("\r\x1b[K")


class Clock:
    """Seconds a step since it was started at step `first`."""

    def __init__(self, first: int) -> None:
        self._first, self._began = first, time.monotonic()

    def pace(self, step: int) -> float:
        """Return the mean seconds a step up to this one."""
        return (time.monotonic() - self._began) / max(step - self._first, 1)


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units.

    Examples
    --------
    >>> format_duration(7), format_duration(125), format_duration(7300)
    ('7 s', '2 min 05 s', '2 h 01 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a table that a run wrote; empty where there is none. Rows with too few cells or of no step are left out."""
    if not path.is_file():
        return []
    with inputs.open_text(path, newline="", errors="replace") as file:
        lines = (line.replace("\0", "") for line in file)
        try:
            rows = list(csv.DictReader(lines))
        except csv.Error:  # a cell without end
            return []
    return [row for row in rows if None not in row.values() and None not in row and _is_step(row)]


def _is_step(row: Mapping[str, str]) -> bool:
    return row.get("stage") in STAGES and row.get("step", "").isdecimal() and len(row["step"]) < 16


def _append(path: Path, columns: Sequence[str], row: Mapping[str, Any]) -> None:
    try:
        with files.open_own(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow({name: _format(row[name]) for name in columns})
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _drop_later(path: Path, columns: Sequence[str], stage: StageName, step: int) -> str:
    """Drop the rows that come after a step of a stage, and those that cannot be read; return a line on the latter."""
    rows, damaged = read_rows(path), _count_lines(path)
    damaged -= len(rows)
    if not rows:
        _remove(path)
    else:
        last = (STAGES.index(stage), step)
        valid = [row for row in rows if (STAGES.index(row["stage"]), int(row["step"])) <= last]
        buffer = io.StringIO(newline="")
        writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(valid)
        files.write_bytes(path, buffer.getvalue().encode())
    return f"{path}: damaged, {damaged} of its lines cannot be read and are left out" if damaged > 0 else ""


def _count_lines(path: Path) -> int:
    """Return how many lines a table has below its header that are not empty."""
    if not path.is_file():
        return 0
    with inputs.open_binary(path) as file:
        return max(sum(bool(line.strip()) for line in file) - 1, 0)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be removed ({error.strerror})") from error


def _format(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value
