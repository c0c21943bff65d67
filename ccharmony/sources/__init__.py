"""Where photos come from: one module a source, and one function that finds the photos of any of them.

Contents: :data:`NAMES`, :func:`find`, :func:`folders`, :func:`mask_folder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ccharmony.errors import SourceError
from ccharmony.files import StrPath
from ccharmony.names import flaw
from ccharmony.records import Photo
from ccharmony.roles import is_mask_folder
from ccharmony.sources import folder, gehler, photos
from ccharmony.sources.files import MASKS, source_folder
from ccharmony.sources.found import Found
from ccharmony.sources.nus.find import find_nus
from ccharmony.sources.release import enrich, files

NAMES = ("nus", "gehler", "folder", "photos", "demo")
"""Names of the sources."""

_OF_ONE_SOURCE = (folder.PHOTOS, photos.IMAGES)
"""Folders of the sources `folder` and `photos`, beside those of masks, where the data folder holds nothing else."""

RELEASED = ("nus", "gehler")
"""Sources whose photos the published release is made of."""


def find(names: Sequence[str], data_dir: StrPath, release_dir: StrPath | None = None) -> Found:
    """Find the photos of several sources.

    Parameters
    ----------
    names
        Some of `NAMES`.
    data_dir
        Folder that holds one folder a source.
    release_dir
        Clone of the authors' repository. NUS and Gehler photos then bring their published patches, matrices, masks and
        split along, and those that are not in the release are left out.

    Returns
    -------
    Found
        Photos in the order of `names`, one an id.

    Raises
    ------
    SourceError
        A source is unknown, its folder is missing, or it has no photo; the release is not one.
    """
    data_dir = Path(data_dir)
    published = None if release_dir is None else files.read_release(Path(release_dir))
    parts = [] if published is None else [Found([], published.problems)]
    for name in dict.fromkeys(names):
        part = _find_one(name, data_dir, published if name in RELEASED else None)
        if part.left_out:
            part.summary.append(f"{name}: {part.left_out} photos that are not in the release are left out")
        if not part.photos and (part.lines or not part.left_out):
            first = f"; the first problem: {part.lines[0]}" if part.lines else ""
            raise SourceError(f"{name}: no photo found below {data_dir}{first}")
        parts.append(part)
    return _joined(parts)


def folders(names: Sequence[str], data_dir: StrPath) -> list[Path]:
    """Return the folders that the photos and masks of sources may be in, whether or not they exist."""
    data_dir, wanted = Path(data_dir), {*names, *_OF_ONE_SOURCE}
    entries = sorted(data_dir.iterdir()) if data_dir.is_dir() else []
    found = [path for path in entries if path.name.lower() in wanted or is_mask_folder(path.name)]
    return [*found, *(data_dir / name for name in dict.fromkeys(names))]


def mask_folder(name: str, data_dir: StrPath) -> Path:
    """Return the folder of one's own masks of a source whose photos were found; raises SourceError."""
    data_dir = Path(data_dir)
    inside = {"folder": folder.PHOTOS, "photos": photos.IMAGES}
    root = folder.find_root(data_dir, name, inside[name]) if name in inside else source_folder(data_dir, name)
    return root / MASKS


def _find_one(name: str, data_dir: Path, published: files.Release | None) -> Found:
    if name == "nus":
        found = find_nus(data_dir, published)
    elif name == "gehler":
        found = gehler.find_gehler(data_dir, published)
    elif name == "folder":
        found = folder.find_folder(data_dir)
    elif name == "photos":
        found = photos.find_photos(data_dir)
    elif name == "demo":
        from ccharmony.sources.demo import render  # here, since it needs SciPy, which takes half a second to import

        found = render.find_demo(data_dir)
    else:
        raise SourceError(f"source {name!r}, wanted some of {' '.join(NAMES)}")
    return found if published is None else enrich.enrich_photos(found, published)


def _joined(parts: Sequence[Found]) -> Found:
    """Put the sources together; the first of two photos with one id is used, ids must be file names."""
    unique: dict[str, Photo] = {}
    problems = [problem for part in parts for problem in part.problems]
    for photo in (photo for part in parts for photo in part.photos):
        if flawed := next((name for name in (photo.id, *photo.masks) if flaw(name)), None):
            problems.append(f"{str(photo.path)!r}: the name {flawed!r} {flaw(flawed)}, wanted one for files")
            continue
        first = unique.setdefault(photo.id, photo)
        if first is not photo:
            problems.append(f"{photo.id}: two photos with one id, {first.path} is used and {photo.path} is not")
    summary = [line for part in parts for line in part.summary]
    return Found(list(unique.values()), problems, summary, unused=[entry for part in parts for entry in part.unused])
