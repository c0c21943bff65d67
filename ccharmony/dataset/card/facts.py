"""The facts about a dataset that its card states: counts, sources with their terms, fit kinds, flaws."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ccharmony import catalog
from ccharmony.catalog import Source
from ccharmony.errors import SourceError
from ccharmony.records import SPLITS, FitRecord, Pair

PAPER = "ccharmony"
"""The catalog's entry for the paper whose method made the pairs."""


@dataclass(frozen=True, eq=False)
class Facts:
    """A dataset's tables, and what follows from them.

    Attributes
    ----------
    rows
        Its pairs, in the manifest's order.
    lights
        Its lights by id.
    settings, report
        As build.json stores them.
    """

    rows: Sequence[Pair]
    lights: Mapping[str, FitRecord]
    settings: Mapping[str, Any]
    report: Mapping[str, Any]

    @functools.cached_property
    def sources(self) -> tuple[Source, ...]:
        """Return where the photos come from; a source that the catalog lacks has no entry."""
        return tuple(filter(None, map(_find_source, sorted({row.source for row in self.rows}))))

    @property
    def title(self) -> str:
        """Return the dataset's name for people."""
        return f"Image harmonization pairs made from {', '.join(sorted({row.source for row in self.rows}))}"

    @property
    def license(self) -> str:
        """Return ``mit`` where all photos are rendered, otherwise ``other``: the photos' terms are their sources'."""
        licenses = {source.license for source in self.sources}
        return licenses.pop() if len(licenses) == 1 else "other"

    @property
    def citations(self) -> list[str]:
        """Return what to cite: the paper, then the sources."""
        return [text for text in dict.fromkeys([_paper(), *(source.citation for source in self.sources)]) if text]

    @functools.cached_property
    def pair_settings(self) -> Mapping[str, Any]:
        """Return the settings of the pairs; empty where the dataset was not built but merged."""
        found = self.settings.get("pair", {})
        return found if "composites" in found else {}

    @property
    def is_lossless(self) -> bool:
        """Return whether the background of every composite equals that of its real picture to the bit."""
        return all(PurePosixPath(row.composite).suffix.lower() == ".png" for row in self.rows)

    def count_splits(self) -> list[tuple[str, int, int, int]]:
        """Return photos, foregrounds and pairs of each split."""
        return [(split, *_count(row for row in self.rows if row.split == split)) for split in SPLITS]

    def count_cameras(self) -> list[tuple[str, str, int, int, int]]:
        """Return source, camera, and photos, foregrounds and pairs of each, most pairs first."""
        groups: dict[tuple[str, str], list[Pair]] = {}
        for row in self.rows:
            groups.setdefault((row.source, row.camera), []).append(row)
        return sorted(((*key, *_count(rows)) for key, rows in groups.items()), key=lambda line: (-line[4], line[:2]))

    def count_kinds(self) -> list[tuple[str, int, float, int]]:
        """Return fit kind, lights, median error of left-out patches (ΔE2000) and flagged lights of each kind."""
        kinds = Counter(record.kind for record in self.lights.values())
        return [(kind, kinds[kind], *_measure(self.lights.values(), kind)) for kind in sorted(kinds)]

    @property
    def flagged(self) -> int:
        """Return how many lights a person should look at."""
        return sum(bool(record.flags) for record in self.lights.values())

    @property
    def noted(self) -> int:
        """Return how many rows of the manifest have a note."""
        return sum(bool(row.note) for row in self.rows)

    def quantile(self, column: str, share: float) -> float:
        """Return a quantile of a column of the manifest, ``delta_e`` or ``clipped_share``."""
        return float(np.quantile([getattr(row, column) for row in self.rows], share))


def _find_source(name: str) -> Source | None:
    try:
        return catalog.read_source(name)
    except SourceError:  # a manifest may be written by hand
        return None


def _paper() -> str:
    return catalog.read_source(PAPER).citation


def _count(rows: Iterable[Pair]) -> tuple[int, int, int]:
    listed = list(rows)
    photos = {row.photo for row in listed}
    return len(photos), len({(row.photo, row.foreground) for row in listed}), len(listed)


def _measure(records: Iterable[FitRecord], kind: str) -> tuple[float, int]:
    chosen = [record for record in records if record.kind == kind]
    errors = np.array([record.residuals.get("left_out", np.nan) for record in chosen])
    known = errors[np.isfinite(errors)]
    return float(np.median(known)) if known.size else float("nan"), sum(bool(record.flags) for record in chosen)
