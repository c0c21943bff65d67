"""Lights that are lent beyond those of the photos at hand: the release's, and those of any fits.h5."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ccharmony import released
from ccharmony.color.polynomial import Kind
from ccharmony.dataset.fits import FitRecord, read_fits
from ccharmony.errors import SourceError
from ccharmony.images.pixels import UInt8


def read(release: Path | None, fits: Path | None, kind: Kind) -> dict[str, FitRecord]:
    """Read the lights that may be lent, by photo id; the file's win over the release's.

    Parameters
    ----------
    release
        Clone of the authors' repository, all of whose photos lend their light; None without.
    fits
        A fits.h5; None without. A light in it without a split lends to train.
    kind
        How the release's patches are fitted.

    Raises
    ------
    SourceError
        The folder is not a release.
    ManifestError
        The file is not a fits.h5.
    """
    published = released.record_lights(release, kind)[0] if release else []
    recorded = read_fits(fits).records if fits else ()
    lights = {record.id: record for record in (*published, *recorded)}
    return {name: dataclasses.replace(record, split=record.split or "train") for name, record in lights.items()}


def nearest(image: UInt8, lights: Mapping[str, FitRecord]) -> FitRecord:
    """Return the recorded light that stands in for that of a photo without a chart.

    It is the one whose 24 patches have, in the mean, the color nearest to the photo's mean (the gray-world view of a
    light: the chart's mean reflectance is nearly gray, a photo's mostly too).

    Parameters
    ----------
    image
        Photo (H, W, 3).
    lights
        Candidates by id.

    Raises
    ------
    SourceError
        There is no candidate.
    """
    if not lights:
        raise SourceError("no light to borrow, wanted --lights with lights of the photo's split")
    mean = image.reshape(-1, 3).mean(axis=0) / 255

    def distance(name: str) -> tuple[float, str]:
        return float(np.linalg.norm(np.nanmean(lights[name].patches, axis=0) - mean)), name

    return lights[min(lights, key=distance)]
