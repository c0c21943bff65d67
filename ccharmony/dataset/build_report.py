"""The report of a build, as build.json stores it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ccharmony.records import Pair

SHOWN = 20
"""Problems that are shown; build.json names all."""


@dataclass
class BuildReport:
    """The report of a build.

    Attributes
    ----------
    photos, foregrounds, pairs
        Numbers of what was written, by split.
    problems
        One line for each photo or foreground that was skipped, with the reason.
    shortages
        One line for each foreground that got fewer donors than asked for.
    found
        One line a source: what was found and what is missing.
    resumed
        Photos whose pairs were finished by an earlier run.
    passed_clipped, passed_unchanged
        Donors rejected because the composite would clip, or hardly change.
    unread
        Photos and masks that could not be read; the next build tries them again.
    inputs
        SHA-256 over sizes and times of the input files: where it is another, the next build compares their content.
    seconds
        Wall time.
    plan
        Fingerprint of the build: another build with the same one finds its work finished.
    """

    photos: dict[str, int] = field(default_factory=dict)
    foregrounds: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    shortages: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    resumed: int = 0
    passed_clipped: int = 0
    passed_unchanged: int = 0
    unread: int = 0
    inputs: str = ""
    seconds: float = 0.0
    plan: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as build.json stores it: all but `resumed`, which an uninterrupted build does not have."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "resumed"}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BuildReport:
        """Return a report that build.json stored; raises KeyError where a field is missing."""
        return cls(**{name: content[name] for name in cls.__dataclass_fields__ if name != "resumed"})

    @property
    def first_problem(self) -> str:
        """Return the first problem or shortage, for the error message of a failed build."""
        lines = self.problems + self.shortages
        return f"the first problem: {lines[0]}" if lines else "their masks hold no foreground"

    def count(self, rows: Sequence[Pair]) -> None:
        """Fill in what was written from the rows of the manifest."""
        foregrounds = {(row.photo, row.foreground): row.split for row in rows}
        self.pairs = dict(Counter(row.split for row in rows))
        self.foregrounds = dict(Counter(foregrounds.values()))
        self.photos = dict(Counter({row.photo: row.split for row in rows}.values()))
