"""Foreground masks of one's own: ``masks/<photo>_<a|b|…>.png``, or ``<photo>.png`` for a single one, in any format.

Words for masks in a name do not count (``<photo>_mask.png``); `roles.mask_owners` has the rule.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ccharmony import roles
from ccharmony.images.headers import READABLE_SUFFIXES
from ccharmony.images.readable import Readable
from ccharmony.sources.files import in_masks
from ccharmony.sources.found import Unused

Masks = dict[str, dict[str, Readable]]
"""Photo id -> foreground letter -> mask."""


def find_masks(files: Sequence[Path], photos: Collection[str]) -> tuple[Masks, list[Unused]]:
    """Find the mask pictures of photos.

    Parameters
    ----------
    files
        Files of masks; those that are no pictures are left to others.
    photos
        Ids of the photos. What follows the id and an underscore is the foreground's letter.

    Returns
    -------
    masks
        Photo id -> letter -> file.
    unused
        Masks that belong to no photo, or come twice.
    """
    ids = _ids(photos)
    masks: Masks = {}
    unused = []
    for path in files:
        if path.suffix.lower() not in READABLE_SUFFIXES:
            continue
        photo, letter = next(roles.mask_owners(path.stem, ids), (None, ""))
        if photo is None:
            unused.append(Unused(path, "a mask of no photo, wanted <photo>_<letter>.png"))
        elif letter in masks.get(photo, {}):
            unused.append(Unused(path, f"a second mask {letter} of {photo}, {masks[photo][letter]} is used"))
        else:
            masks.setdefault(photo, {})[letter] = path
    return masks, unused


def part_masks(folder: Path, files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Part photos from the masks that lie among them.

    Parameters
    ----------
    folder
        Folder of photos.
    files
        Photos below it, by their suffix.

    Returns
    -------
    photos, masks
        Masks are those in a folder of masks, such as ``photos/masks``, and ``a_mask.png`` beside ``a.jpg``.
    """
    outside = [path for path in files if not in_masks(path, folder)]
    ids = _ids(path.stem for path in outside)
    masks = {path for path in outside if _is_beside_its_photo(path, ids)} | (set(files) - set(outside))
    return [path for path in files if path not in masks], [path for path in files if path in masks]


def _is_beside_its_photo(path: Path, ids: dict[str, str]) -> bool:
    if not roles.names_a_mask(path.stem):
        return False
    own = ids[roles.normal(path.stem).casefold()]
    return any(photo != own for photo, _ in roles.mask_owners(path.stem, ids))


def _ids(photos: Iterable[str]) -> dict[str, str]:
    return {roles.normal(photo).casefold(): photo for photo in photos}


def letters(count: int) -> list[str]:
    """Return names for foregrounds: a to z, then aa, ab and so on.

    Examples
    --------
    >>> letters(28)[24:]
    ['y', 'z', 'aa', 'ab']
    """
    alphabet = string.ascii_lowercase
    products = (itertools.product(alphabet, repeat=length) for length in itertools.count(1))
    names = itertools.chain.from_iterable(products)
    return ["".join(name) for name in itertools.islice(names, count)]
