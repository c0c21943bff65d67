"""Foreground masks of one's own: ``masks/<photo>_<a|b|…>.png``, or ``<photo>.png`` for a single one, in any format."""

from __future__ import annotations

import itertools
import string
from collections.abc import Collection, Sequence
from pathlib import Path

from ccharmony.images.headers import READABLE_SUFFIXES, Readable
from ccharmony.sources.files import in_masks, normal
from ccharmony.sources.found import Unused

Masks = dict[str, dict[str, Readable]]
"""Photo id -> foreground letter -> mask."""


def find_masks(folder: Path, files: Sequence[Path], photos: Collection[str]) -> tuple[Masks, list[Unused]]:
    """Find the mask pictures of photos.

    Parameters
    ----------
    folder
        The source's folder.
    files
        All files below it; the pictures in a folder called ``masks`` are used.
    photos
        Ids of the photos. What follows the id and an underscore is the foreground's letter.

    Returns
    -------
    masks
        Photo id -> letter -> file.
    unused
        Masks that belong to no photo, or come twice.
    """
    ids = {photo.casefold(): photo for photo in photos}
    masks: Masks = {}
    unused = []
    for path in files:
        if path.suffix.lower() not in READABLE_SUFFIXES or not in_masks(path, folder):
            continue
        photo, letter = _split(normal(path.stem), ids)
        if photo is None:
            unused.append(Unused(path, "a mask of no photo, wanted <photo>_<letter>.png"))
        elif letter in masks.get(photo, {}):
            unused.append(Unused(path, f"a second mask {letter} of {photo}, {masks[photo][letter]} is used"))
        else:
            masks.setdefault(photo, {})[letter] = path
    return masks, unused


def _split(stem: str, ids: dict[str, str]) -> tuple[str | None, str]:
    """Split a mask's name into photo and letter, at the last underscore, since ids have some; `ids` are case-folded."""
    if whole := ids.get(stem.casefold()):
        return whole, "a"
    photo, _, letter = stem.rpartition("_")
    return (ids.get(photo.casefold()) if letter else None), letter.casefold()


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
