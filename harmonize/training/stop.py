"""When a run should stop early: signals and a budget of minutes."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any


class Stop:
    """A request to stop after the current step: a signal, or a budget of minutes that is spent.

    As a context it handles SIGTERM and SIGINT; a second SIGINT interrupts at once, as it does elsewhere.

    Parameters
    ----------
    minutes
        Budget from now on; None has no end.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self.signal: signal.Signals | None = None
        self._end = None if minutes is None else time.monotonic() + 60 * minutes
        self._former: dict[int, Any] = {}

    @property
    def due(self) -> bool:
        """Whether the run should stop now."""
        return self.signal is not None or (self._end is not None and time.monotonic() >= self._end)

    @property
    def reason(self) -> str:
        """Why the run stops, as a phrase for its last line."""
        return f"stopped by {self.signal.name}" if self.signal else "the minutes are spent"

    def __enter__(self) -> Stop:
        # Python lets only the main thread handle signals; elsewhere (a notebook, a test) the budget alone counts.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._former[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former.clear()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)
