"""The two stages of a build, each the same work on every photo: its light is recorded, then its pairs are made."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccharmony.arrays import UInt8
from ccharmony.build import light_pool, pairs, resume
from ccharmony.build.fingerprint import digest_files, digest_lights
from ccharmony.build.light import RecordedLight, from_json, record_light, to_json
from ccharmony.build.pairs import PhotoLights, PhotoPairs
from ccharmony.build.photo_cache import PhotoCache
from ccharmony.build.settings import BuildSettings
from ccharmony.dataset import tables
from ccharmony.jobs.stage import Stage
from ccharmony.records import FitRecord, Photo, Split
from ccharmony.sources import reading


@dataclass(frozen=True)
class BuildContext:
    """What the work of both stages depends on beside its photo; an engine may send it to another process.

    Attributes
    ----------
    settings
        Settings of the build.
    out
        Root of the dataset.
    splits
        The split of each photo, by id.
    decoded
        Photos that the first stage decoded, kept for the second.
    same_times
        Whether the input files are those of earlier results by their times; otherwise their content is compared.
    check
        Whether the hashes of pictures made before are compared, too, not their sizes alone.
    """

    settings: BuildSettings
    out: Path
    splits: Mapping[str, Split]
    decoded: PhotoCache
    same_times: bool = True
    check: bool = False

    def has_inputs(self, photo: Photo, known: Sequence[str]) -> bool:
        """Return whether a photo's files are those of an earlier result: by their times, or by their content."""
        return self.same_times or list(known) == digest_files(photo)


def light_stage(context: BuildContext) -> Stage[RecordedLight]:
    """Return the stage that fits the light of a photo that shows a checker."""

    def work(photo: Photo, _: threading.Event) -> RecordedLight:
        image = decode_for_light(context.settings, photo)
        light = record_photo_light(context.settings, photo, image)
        if image is not None and photo.masks:
            context.decoded.add(photo.id, image)
        return dataclasses.replace(light, inputs=tuple(digest_files(photo)))

    def holds(photo: Photo, light: RecordedLight) -> bool:
        return context.has_inputs(photo, light.inputs)

    return Stage("lights", work, to_json, from_json, holds)


def decode_for_light(settings: BuildSettings, photo: Photo) -> UInt8 | None:
    """Decode a photo whose patches have to be read; None where they are known."""
    return None if photo.patches is not None else reading.read_photo(photo, max_pixels=settings.max_pixels)


def record_photo_light(settings: BuildSettings, photo: Photo, image: UInt8 | None) -> RecordedLight:
    """Fit the light of a photo with the kind of fit that the settings, or the marks, give it."""
    kind = settings.override.get(photo.id, settings.kind)
    flagged = {"drop_flagged": settings.drop_flagged, "keep_flagged": settings.keep_flagged}
    return record_light(image, photo, kind, **flagged)


def pair_stage(
    context: BuildContext, recorded: Mapping[str, RecordedLight], lights: Mapping[str, FitRecord]
) -> Stage[PhotoPairs]:
    """Return the stage that makes the pairs of a photo with a mask and a light, its own or the nearest recorded one."""
    settings, out, of_all = context.settings, context.out, digest_lights(lights)

    def read(photo: Photo) -> UInt8:
        known = context.decoded.pop(photo.id)
        return reading.read_photo(photo, max_pixels=settings.max_pixels) if known is None else known

    def work(photo: Photo, stop: threading.Event) -> PhotoPairs:
        images = [read(photo)]  # emptied below, so that the photo is freed once its crop is made
        split = context.splits[photo.id]
        others = {name: record for name, record in lights.items() if record.split == split and name != photo.id}
        if photo.charted:
            shown = recorded[photo.id]
            light = PhotoLights(lights[photo.id], others, shown.box, split, settings.arithmetic, shown.others)
        else:
            own = others.pop(light_pool.find_nearest_light(images[0], others).id)
            light = PhotoLights(own, others, None, split, settings.arithmetic)
        made = pairs.make_pairs(photo, images.pop(), light, settings.pair, out, stop)
        sizes = {name: (out / name).stat().st_size for name in tables.pictures_of(made.pairs)}
        return dataclasses.replace(made, inputs=digest_files(photo), lights=of_all, sizes=sizes)

    def holds(photo: Photo, made: PhotoPairs) -> bool:
        same = made.lights == of_all and not made.unread and context.has_inputs(photo, made.inputs)
        return same and resume.are_whole(out, made, check=context.check)

    def files_of(made: PhotoPairs) -> dict[str, str]:
        return tables.pictures_of(made.pairs)

    return Stage("pairs", work, PhotoPairs.to_json, PhotoPairs.from_json, holds, files_of)
