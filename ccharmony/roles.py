"""What a file's name says of its picture: words such as ``mask`` and ``composite``, and the name without them.

Contents: :func:`normal`; :func:`key_of`, :data:`Key`; :func:`names_a_mask`, :func:`is_mask_folder`;
:func:`mask_owners`, :func:`without_mask_words`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

Key = tuple[str | int, ...]

_MASK_WORDS = frozenset(("mask", "masks", "matte", "mattes", "alpha", "seg", "segmentation"))
_MASK_FOLDERS = frozenset(
    ("mask", "masks", "matte", "mattes", "segmentations", "segmentationclass", "segmentationobject")
)
"""Words in the name of a folder of masks; the last two are Pascal VOC's."""

_MASK_FOLDERS_ALONE = frozenset(
    (*_MASK_WORDS, "alphas", "segmentations", "label", "labels", "annotation", "annotations")
)
"""Whole names of folders of masks: a folder such as ``alpha centauri`` may hold photos."""

_COMPOSITE_WORDS = {"composite", "composites", "comp", "comps", "image", "images", "img", "input", "frame", "frames"}
_REAL_WORDS = {"real", "reals", "gt", "target", "targets", "harmonized", "retouched"}
_WORDS = _MASK_WORDS | _COMPOSITE_WORDS | _REAL_WORDS

_PARTS = re.compile(r"[^\W\d_]+|\d+")
_MASK_WORD = re.compile(rf"(?:^|[\W_]+)(?:{'|'.join(sorted(_MASK_WORDS, key=len, reverse=True))})(\d*)(?=$|[\W_])")
_SECOND_SUFFIX = re.compile(r"\.(jpe?g|png|tiff?|webp|heic|bmp)$")


def normal(name: str) -> str:
    """Return a name with its accents composed (NFC); macOS writes them apart, other systems do not."""
    return unicodedata.normalize("NFC", name)


def key_of(name: str) -> Key:
    """Return what is left of a name, without suffix, when words of role and zeros before numbers are dropped.

    Examples
    --------
    >>> key_of("demo_mask_01"), key_of("Demo-Composite-1"), key_of("mask"), key_of("demo_1.jpg")
    (('demo', 1), ('demo', 1), (), ('demo', 1))
    """
    parts = _parts(_SECOND_SUFFIX.sub("", name.lower()))
    return tuple(int(part) if part.isdecimal() else part for part in parts if part not in _WORDS)


def names_a_mask(stem: str) -> bool:
    """Return whether a file's name has a word for a mask.

    Examples
    --------
    >>> names_a_mask("a_mask"), names_a_mask("Alpha-1"), names_a_mask("a"), names_a_mask("masked")
    (True, True, False, False)
    """
    return not _MASK_WORDS.isdisjoint(_parts(stem.lower()))


def is_mask_folder(name: str) -> bool:
    """Return whether a folder is called after masks: ``masks``, ``Alpha``, ``SegmentationObject``, ``labels``.

    Examples
    --------
    >>> is_mask_folder("Masks"), is_mask_folder("masks_v2"), is_mask_folder("alpha"), is_mask_folder("alpha centauri")
    (True, True, True, False)
    """
    parts = _parts(name.lower())
    return not _MASK_FOLDERS.isdisjoint(parts) or (bool(parts) and _MASK_FOLDERS_ALONE.issuperset(parts))


def mask_owners(stem: str, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the photos that a mask may be of, the closest first, and the letter of the foreground.

    Parameters
    ----------
    stem
        The mask's name without its suffix: ``<photo>``, ``<photo>_<letter>``, and both with a word for masks anywhere,
        and with the photo's own suffix.
    ids
        Photo ids by their names, normal and case-folded.

    Yields
    ------
    tuple[str, str]
        Photo id and letter, ``a`` where the name has none.

    Examples
    --------
    >>> ids = {"img_7": "IMG_7"}
    >>> names = ("IMG_7", "img_7_b", "IMG_7-matte", "mask_IMG_7_b", "IMG_7_mask2", "IMG_7.jpg", "IMG_8")
    >>> [next(mask_owners(name, ids), None) for name in names]
    [('IMG_7', 'a'), ('IMG_7', 'b'), ('IMG_7', 'a'), ('IMG_7', 'b'), ('IMG_7', '2'), ('IMG_7', 'a'), None]
    """
    whole = normal(stem).casefold()
    for name in (whole, _SECOND_SUFFIX.sub("", whole), *without_mask_words(stem)):
        if name in ids:
            yield ids[name], "a"
        photo, _, letter = name.rpartition("_")
        if photo in ids and letter and letter.rstrip("0123456789") not in _MASK_WORDS:
            yield ids[photo], letter


def without_mask_words(stem: str) -> Iterator[str]:
    """Yield a name, normal and case-folded, without each of its words for a mask; nothing where it has none.

    Examples
    --------
    >>> list(without_mask_words("Alpha_Romeo-mask2")), list(without_mask_words("romeo"))
    (['romeo-mask2', 'alpha_romeo_2'], [])
    """
    name = _SECOND_SUFFIX.sub("", normal(stem).casefold())
    for word in _MASK_WORD.finditer(name):
        number = f"_{word[1]}" if word[1] else ""
        yield f"{name[: word.start()]}{number}{name[word.end() :]}".lstrip(" _-.")


def _parts(name: str) -> list[str]:
    return _PARTS.findall(normal(name))
