"""How long work reports its progress."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, the photos done and their number."""


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Show nothing."""
