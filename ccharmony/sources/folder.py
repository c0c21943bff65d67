"""Photos of one's own.

::

    DATA/photos/        pictures (headers.READABLE_SUFFIXES) or camera raw files, in folders of any depth
    DATA/masks/         <photo>_<letter>.png (or of another format), LabelMe JSON, COCO JSON
    DATA/checkers.csv   optional: photo,x1,y1,x2,y2,x3,y3,x4,y4, a row for each chart in the photo

The corners of ``checkers.csv`` lie next to dark skin, bluish green, black and white, in pixels of the upright photo;
they win over any detection. The first row of a photo is the chart that is read; the crop leaves out all of them.
``DATA/folder`` may stand for ``DATA``. JSON may also lie beside the photos, where LabelMe puts it, in ``DATA`` itself,
or in ``DATA/annotations/``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ccharmony import hand_written, listing
from ccharmony.checker import crop
from ccharmony.errors import CcharmonyError, CheckerError, SourceError
from ccharmony.listing import is_litter
from ccharmony.records import Chart, Photo
from ccharmony.roles import is_mask_folder, normal
from ccharmony.sources import reading
from ccharmony.sources.files import MASKS, Duplicates, files_below
from ccharmony.sources.found import Found, Unused
from ccharmony.sources.masks.annotations import find_drawings
from ccharmony.sources.masks.pictures import Masks, find_masks, letters, part_masks
from ccharmony.sources.masks.texts import find_unread

PHOTOS = "photos"
CHECKERS = "checkers.csv"
COLUMNS = ("photo", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")


@dataclass(frozen=True)
class FoundMasks:
    """The masks of a source, what gave none, and one line for each assumption."""

    masks: Masks
    unused: list[Unused]
    notes: list[str]


def find_folder(data_dir: Path) -> Found:
    """Find photos, masks and hand-masks chart corners in a folder of one's own.

    Parameters
    ----------
    data_dir
        Folder that holds ``photos/`` (or ``folder/photos/``).

    Returns
    -------
    Found
        Photos under the bare names of their files. Their chart is known where ``checkers.csv`` has its corners.

    Raises
    ------
    SourceError
        There is no folder ``photos``.
    """
    root = find_root(data_dir, "folder", PHOTOS)
    photos, problems, summary = _find_pictures(root)
    corners, bad_rows = read_checkers(root / CHECKERS, photos)
    found = find_all_masks(root, PHOTOS, photos)
    rows = []
    for name, path in photos.items():
        row = Photo(name, "folder", "unknown", path, masks=found.masks.get(name, {}))
        try:
            rows.append(_with_chart(row, corners[name]) if name in corners else row)
        except CcharmonyError as error:
            problems.append(f"{path}: {error}")
    counts = f"{sum(bool(row.masks) for row in rows)} with masks, {len(corners)} with corners in {CHECKERS}"
    summary = [f"folder: {len(rows)} photos, {counts}", *summary, *found.notes]
    passed = [Unused(path, reading.PASSED_OVER) for path in files_below(root / PHOTOS) if reading.is_passed_over(path)]
    return Found(rows, problems + bad_rows, summary, unused=passed + found.unused)


def find_root(data_dir: Path, name: str, inside: str) -> Path:
    """Return the folder that holds the folder `inside`: ``data_dir/name``, else ``data_dir``.

    Raises
    ------
    SourceError
        Neither does.
    """
    if not data_dir.is_dir():
        raise SourceError(f"{data_dir}: {listing.why_no_folder(data_dir)}, wanted the one that holds {inside}/")
    for root in (data_dir / name, data_dir):
        if (root / inside).is_dir():
            return root
    raise SourceError(f"{data_dir}: no folder {inside}, wanted {data_dir / inside} or {data_dir / name / inside}")


def find_all_masks(root: Path, inside: str, photos: dict[str, Path]) -> FoundMasks:
    """Find the masks of photos: pictures first, then the foregrounds of LabelMe and COCO files, under new letters.

    Parameters
    ----------
    root
        Folder of the source.
    inside
        Name of the folder of its photos, where LabelMe puts its files.
    photos
        Photo files by id.

    Returns
    -------
    FoundMasks
        Masks by photo, what gave none, and one line for each assumption.
    """
    entries = [path for path in sorted(root.iterdir()) if not is_litter(path.name)]
    folders = [path for path in entries if path.is_dir() and is_mask_folder(path.name) and path.name != inside]
    folders.sort(key=lambda path: path.name.lower() != MASKS)  # first, so that of two masks its own is used
    files = [path for folder in folders for path in files_below(folder)]
    among = files_below(root / inside)
    pictures = part_masks(root / inside, [path for path in among if reading.is_photo(path)])[1]
    found, unused = find_masks([*files, *pictures], photos)
    beside = [*among, *(path for path in entries if not path.is_dir())]
    drawn = find_drawings(files, beside, photos)
    unused += drawn.unused + find_unread(files, beside)
    for photo, drawings in drawn.masks.items():
        if photo in found:
            reason = f"{photo} has mask pictures, its {len(drawings)} drawn masks are not used"
            unused.append(Unused(drawings[0].source, reason))
        else:
            found[photo] = dict(zip(letters(len(drawings)), drawings, strict=True))
    return FoundMasks(found, unused, drawn.notes)


def _find_pictures(root: Path) -> tuple[dict[str, Path], list[str], list[str]]:
    """Return photos by id, problems, and how many came both as picture and as raw file (the picture is used)."""
    found: dict[str, list[Path]] = {}
    names: dict[str, str] = {}
    pictures = [path for path in files_below(root / PHOTOS) if reading.is_photo(path)]
    for path in part_masks(root / PHOTOS, pictures)[0]:
        name = normal(path.stem)
        found.setdefault(names.setdefault(name.casefold(), name), []).append(path)
    duplicates = Duplicates()
    photos, both = {}, 0
    for name, paths in sorted(found.items()):
        pictures = [path for path in paths if not reading.is_raw(path.suffix)]
        photos[name] = duplicates.first(name, pictures or paths)
        both += 0 < len(pictures) < len(paths)
    summary = [f"folder: {both} photos exist as raw file too; the picture is used"] if both else []
    return photos, duplicates.problems, summary


def _with_chart(row: Photo, charts: list[list[float]]) -> Photo:
    """Add the corners of charts by hand; they must be in the photo, and leave something of it."""
    points = np.array(charts[0]).reshape(4, 2)
    box, *others = (crop.bounding_box(np.array(corners).reshape(4, 2)) for corners in charts)
    crop.largest_without(box, reading.read_size(row), others)
    return dataclasses.replace(row, chart=Chart(box, points, others=tuple(others)))


def read_checkers(path: Path, photos: dict[str, Path]) -> tuple[dict[str, list[list[float]]], list[str]]:
    """Read the corners of charts by photo; a row that cannot be used is a problem.

    The chart of a photo without a row is searched for.
    """
    if not path.is_file():
        return {}, []
    ids = {normal(name).casefold(): name for name in photos}
    corners: dict[str, list[list[float]]] = {}
    problems = []
    for number, row in hand_written.read_cells(path):
        if tuple(cell.lower() for cell in row) == COLUMNS:
            continue
        try:
            name, numbers = _parse(row, ids)
            if numbers in corners.get(name, ()):
                raise CheckerError(f"the same corners of {name} again")
            corners.setdefault(name, []).append(numbers)
        except CheckerError as error:
            problems.append(f"{path} line {number}: {error}")
    return corners, problems


def _parse(row: Sequence[str], ids: dict[str, str]) -> tuple[str, list[float]]:
    if len(row) != len(COLUMNS):
        raise CheckerError(f"{len(row)} cells, wanted {','.join(COLUMNS)}")
    named = normal(row[0]).casefold()
    name = ids.get(named) or ids.get(named.rpartition(".")[0])
    if name is None:
        raise CheckerError(f"no photo {row[0]!r}")
    try:
        return name, [float(cell.replace(",", ".")) for cell in row[1:]]  # decimal commas, where semicolons part cells
    except ValueError as error:
        raise CheckerError(f"{error}, wanted eight numbers") from error
