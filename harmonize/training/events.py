"""Curves and strips of a run for TensorBoard: an extra beside its tables, which a run goes on without.

Events are written at once: torch's `SummaryWriter` leaves that to a thread, which prints a traceback on a full disk.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from pathlib import Path
from typing import IO, Any

from ccharmony.arrays import UInt8

_logger = logging.getLogger(__name__)


class Events:
    """An event file. Where it cannot be written, one line says so, and nothing more is written.

    Parameters
    ----------
    folder
        The run's folder; None writes nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file: IO[bytes] | None = None
        if folder is None:
            return
        self._path = folder / f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        try:
            self._file = self._path.open("xb")
        except OSError as error:
            self._give_up(error)
        self._write(file_version="brain.Event:2")

    def scalar(self, name: str, value: float, step: int) -> None:
        """Add a point to a curve."""
        if self._file is not None:
            self._write(step=step, summary=_summary().scalar(name, value))

    def picture(self, name: str, picture: UInt8, step: int) -> None:
        """Add a picture, (H, W, 3)."""
        if self._file is not None:
            self._write(step=step, summary=_summary().image(name, picture, dataformats="HWC"))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, **content: Any) -> None:
        if self._file is None:
            return
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        try:
            RecordWriter(self._file).write(Event(wall_time=time.time(), **content).SerializeToString())
            self._file.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        _logger.warning("%s: cannot be written (%s), no more curves for TensorBoard", self._path, error.strerror)
        with contextlib.suppress(OSError):  # it tries again to write what is left
            if self._file is not None:
                self._file.close()
        self._file = None


def _summary() -> Any:
    from torch.utils.tensorboard import summary  # here, since it takes a second

    return summary
