"""The photos of a build: what the sources found, without the excluded ones; photos without any mask end it here."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ccharmony import sources
from ccharmony.build.settings import BuildSettings
from ccharmony.build.skipped import Skip
from ccharmony.dataset.build_report import BuildReport
from ccharmony.errors import SourceError
from ccharmony.records import Photo

log = logging.getLogger(__name__)


def find_photos(settings: BuildSettings, report: BuildReport, skip: Skip) -> list[Photo]:
    """Find the photos of a build, and say what was found before any of them is read.

    Parameters
    ----------
    settings
        Settings of the build.
    report
        Gets one line a source, and the number of excluded photos.
    skip
        Called for each file that gave nothing, and for each mark of a photo that was not found.

    Returns
    -------
    list[Photo]
        All but the excluded photos.

    Raises
    ------
    SourceError
        A source is missing, or no photo is left.
    """
    found = sources.find(settings.src, settings.data, settings.release)
    known = {photo.id for photo in found.photos}
    excluded = len(known & settings.exclude)
    report.found += found.summary
    if settings.exclude:
        report.found.append(f"{excluded} of {len(known)} photos are excluded by marks")
    for line in report.found:
        log.info("%s", line)
    for line in found.lines:
        skip(SourceError(line))
    for name in sorted((settings.exclude | set(settings.override)) - known):
        skip(SourceError(f"{name}: marked, but {' '.join(settings.src)} has no photo of this id"))
    photos = [photo for photo in found.photos if photo.id not in settings.exclude]
    if not photos:
        raise SourceError(f"all {excluded} photos of {' '.join(settings.src)} are excluded by marks")
    return photos


def refuse_without_masks(settings: BuildSettings, photos: Sequence[Photo]) -> None:
    """Refuse photos none of which has a mask; the error says where masks are looked for.

    Raises
    ------
    SourceError
        No photo has a mask.
    """
    if any(photo.masks for photo in photos):
        return
    first = photos[0]
    charts = sum(photo.chart is not None or photo.patches is not None for photo in photos)
    wanted = sources.mask_folder(first.source, settings.data) / f"{first.id}_a.png"
    raise SourceError(
        f"{len(photos)} photos, 0 masks, {charts} charts with known corners or patches: nothing to make pairs of; "
        f"wanted masks such as {wanted}, or LabelMe or COCO JSON"
    )
