"""The lights of the two public collections without a photo: the release's, and those of their small files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ccharmony.build.light_pool import record_known_lights, record_release_lights
from ccharmony.checker.chart import STANDARD
from ccharmony.color.difference import delta_e
from ccharmony.color.polynomial import FitKind, apply_polynomial
from ccharmony.records import FitRecord
from ccharmony.sources.counts.find import find_counts


@dataclass(frozen=True)
class PublicLights:
    """Lights, and what is to be said of them.

    Attributes
    ----------
    records
        One a photo, in the order of the ids.
    problems
        One line for each photo or file that gave nothing.
    found
        Lines that say how many lights come from where.
    """

    records: list[FitRecord]
    problems: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


def record_public_lights(release: Path | None, data: Path | None, kind: FitKind | None = None) -> PublicLights:
    """Record the lights of a release, of the small files of NUS and Gehler, or of both.

    Parameters
    ----------
    release
        Clone of the authors' repository; None without.
    data
        Folder that holds ``nus``, ``gehler`` or both, with their small files; None without.
    kind
        How patches are fitted. None takes the release's matrices as they are, and fits ``ridge`` to the small files'
        patches: of Gehler's 568 charts 405 lack one at least, since they clip.

    Returns
    -------
    PublicLights
        Lights whose `origin` says where the patches come from. Where both have a photo, the release's light is taken.
        Photos that the release does not hold have the split train, and none without a release.

    Raises
    ------
    SourceError
        A folder is missing or holds nothing of that kind.
    """
    published, problems = record_release_lights(release, kind or "published") if release else ([], [])
    published = [dataclasses.replace(record, origin="release") for record in published]
    if data is None:
        return PublicLights(published, problems)
    found = find_counts(data)
    counted, without = record_known_lights(found.photos, kind or "ridge")
    split = "train" if release else ""
    counted = [dataclasses.replace(record, origin="counts", split=split) for record in counted]
    taken = {record.id for record in published}
    new = [record for record in counted if record.id not in taken]
    lines = [*found.summary, *(_compare(published, counted) if release else ())]
    every = sorted([*published, *new], key=lambda record: record.id)
    return PublicLights(every, [*problems, *found.problems, *without], lines)


def measure_difference(first: FitRecord, second: FitRecord) -> float:
    """Return how far two lights are apart: the mean CIEDE2000 of the chart's colors under the two."""
    colors = [apply_polynomial(light.from_standard, STANDARD).clip(0, 1) for light in (first, second)]
    return float(delta_e(*colors).mean())


def _compare(published: Sequence[FitRecord], counted: Sequence[FitRecord]) -> list[str]:
    """Count the lights of the small files against the release's."""
    known = {record.id: record for record in published}
    apart = [measure_difference(known[record.id], record) for record in counted if record.id in known]
    new = len(counted) - len(apart)
    line = f"release: {len(published)} lights; small files: {len(counted)}, of which {new} are not in the release"
    if apart:
        line += f"; the {len(apart)} others differ from the release's by ΔE {np.median(apart):.1f} in the median"
    return [line]
