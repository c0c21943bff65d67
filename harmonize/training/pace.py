"""How often a run does what is not training, as settings; imports no torch, as `data_paths`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from harmonize.settings import Count, Range, Settings, Weight


@dataclass(frozen=True)
class Pace(Settings):
    """How often a run does what is not training; changes nothing of what is learned.

    Raises
    ------
    SettingsError
        A number that is negative.
    """

    log_every: Count = 50
    """Steps between two rows of the log."""

    validate_every: Annotated[int, Range(0)] = 0
    """Steps between two validations; 0 is once an epoch."""

    save_minutes: Weight = 5.0
    """Minutes between two states on disk; one is written at each validation and at the end anyway."""

    compiled: bool = False
    """Whether the network goes through torch.compile."""
