"""Connections of browsers, bounded in number and in how long they may wait without a request.

Contents: :class:`BoundedProtocol`, :data:`MOST`, :data:`WAITING`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 256
"""Connections at once; one more is closed. A process may have 1,024 files open on most machines, and asyncio tells
each connection beyond that by a traceback."""

WAITING = 10.0
"""Seconds after which a connection is closed on which no request came whole, and twice that at most."""


class BoundedProtocol(H11Protocol):
    """HTTP as uvicorn speaks it; nobody keeps others out by connections that say nothing, or a header bit by bit."""

    _seen: Any = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or close it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
        else:
            self._timer = self.loop.call_later(WAITING, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close the connection where no request is being answered, and none was since the last look."""
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.cycle is self._seen:
            self.transport.close()
            return
        self._seen = self.cycle
        self._timer = self.loop.call_later(WAITING, self._look)
