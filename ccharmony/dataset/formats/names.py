"""Which mask, or which real picture, belongs to a composite, by the names of the files.

The rule, from the closest to the loosest; the first that finds something decides, and two files that fit equally well
are refused by name:

1.  the same name: ``a.jpg`` and ``a.png``;
2.  words that say what a picture is are dropped, wherever they stand: ``a_mask``, ``mask_a``, ``a-mask``, ``a_matte``;
    ``a_composite`` and ``a_mask``; ``composite`` and ``mask`` in a folder of their own; ``07`` is ``7``; a composite's
    own suffix within the mask's name, too: ``a.jpg.png``;
3.  iHarmony4's: ``c1_2`` is the mask of ``c1_2_3``, where most masks of the folder are named so;
4.  numbered frames: where all names of a folder differ in their last number alone, the numbers are compared.

Upper and lower case count as one. Sub-folders must agree, such as ``a/1.jpg`` and ``masks/a/1.png``, unless one side
has none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from ccharmony import listing, roles
from ccharmony.errors import SourceError
from ccharmony.images.headers import READABLE_SUFFIXES
from ccharmony.roles import Key, key_of

_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)")

P = TypeVar("P", bound=PurePath)


def split_name(stem: str) -> tuple[str, str]:
    """Return foreground and photo of a composite by iHarmony4's form of names, empty for another form.

    Examples
    --------
    >>> split_name("Canon_0005_a_10"), split_name("IMG_7")
    (('Canon_0005_a', 'Canon_0005'), ('', ''))
    """
    foreground, _, count = stem.rpartition("_")
    photo, _, letter = foreground.rpartition("_")
    return (foreground, photo) if photo and letter and count else ("", "")


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures below a folder: those of a folder by name, then those of its sub-folders; none if absent."""
    files = listing.list_files(folder) if folder.is_dir() else ()
    return [Path(name) for name in files if name.lower().endswith(READABLE_SUFFIXES)]


def list_others(folder: Path) -> list[Path]:
    """Return the files below a folder that are neither pictures to be read nor notes beside them."""
    paths = map(Path, listing.list_files(folder))
    return [path for path in paths if path.suffix.lower() not in READABLE_SUFFIXES and not listing.is_note(path)]


class Partners:
    """Pictures of one kind, such as masks, looked up by the names of composites.

    Parameters
    ----------
    files
        Their paths, below `root`.
    root
        The folder that sub-folders are counted from.
    kind
        What they are, for messages.

    Attributes
    ----------
    by_foreground
        Whether rule 3 holds; :meth:`choose_rule` decides it for a whole folder. In one where masks have the names of
        their composites, ``beach.png`` is not the mask of ``beach_2.jpg``, whose own is missing.
    """

    by_foreground = False

    def __init__(self, files: Iterable[Path], root: Path, kind: str = "mask") -> None:
        self.root, self.kind, self.files = root, kind, sorted(files)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._by_key: dict[Key, list[Path]] = defaultdict(list)
        for path in self.files:
            self._by_stem[_stem(path)].append(path)
            self._by_key[key_of(path.stem)].append(path)
        self._nested = any(self._folder_of(path) for path in self.files)

    def find(self, composite: PurePath) -> Path | None:
        """Return the file that belongs to a composite, or None.

        Parameters
        ----------
        composite
            Path of the composite below the folder of composites.

        Returns
        -------
        Path | None
            The one file that fits by the closest rule under which any does.

        Raises
        ------
        SourceError
            Several fit equally well; the line names them.
        """
        found = self._fitting(composite)
        if len(found) > 1:
            names = ", ".join(path.relative_to(self.root).as_posix() for path in found[:4])
            raise SourceError(f"{composite}: {len(found)} files fit as its {self.kind} ({names}), wanted one")
        return found[0] if found else None

    def choose_rule(self, composites: Sequence[PurePath]) -> None:
        """Let rule 3 hold if more composites have a file under it than under the rules before."""
        by_name = sum(map(self.has, composites))
        self.by_foreground = True
        self.by_foreground = sum(map(self.has, composites)) > 2 * by_name

    def has(self, composite: PurePath) -> bool:
        """Return whether any file fits a composite."""
        return bool(self._fitting(composite))

    def find_frames(self, composites: Sequence[P]) -> dict[P, Path]:
        """Match numbered frames by number; empty where the names of a side differ in more than their last number."""
        own, others = _number_frames(composites), _number_frames(self.files)
        return {path: others[number] for number, path in own.items() if number in others}

    def describe_rule(self, composite: PurePath) -> str:
        """Return names that would have been found, for a message."""
        stem, word = composite.stem, self.kind.split()[0]
        return f"looked for {stem}.png, {stem}_{word}.png, {word}_{stem}.png, {stem}-{word}.png"

    def _fitting(self, composite: PurePath) -> list[Path]:
        """Return the files that fit by the closest rule under which any does."""
        stem = _stem(composite)
        lists = [self._by_stem.get(stem), self._by_key.get(key_of(stem))]
        if self.by_foreground and (foreground := stem.rpartition("_")[0]):
            lists.append(self._by_stem.get(foreground))
            lists.append(self._by_key.get(key) if (key := key_of(foreground)) else None)
        return next(filter(None, (self._in_same_folder(composite, found or ()) for found in lists)), [])

    def _in_same_folder(self, composite: PurePath, found: Sequence[Path]) -> list[Path]:
        own = _folder_key(composite.parent)
        same = [path for path in found if self._folder_of(path) == own]
        return same if same or (own and self._nested) else list(found)

    def _folder_of(self, path: Path) -> tuple[Key, ...]:
        return _folder_key(path.relative_to(self.root).parent)


def _stem(path: PurePath) -> str:
    return roles.normal(path.stem).lower()


def _folder_key(folder: PurePath) -> tuple[Key, ...]:
    """Return what tells sub-folders apart; one that only says what is in it, such as `masks`, does not count."""
    parts = (part for part in folder.parts if not roles.is_mask_folder(part))
    return tuple(key for key in map(key_of, parts) if key)


def _number_frames(paths: Sequence[P]) -> dict[int, P]:
    """Return the paths by the last number of their names; empty unless their names differ in that number alone."""
    split = [(path, _LAST_NUMBER.fullmatch(_stem(path))) for path in paths]
    texts = {(path.parent, match[1], match[3]) if match else None for path, match in split}
    if len(texts) != 1 or None in texts:
        return {}
    found = {int(match[2]): path for path, match in split if match}
    return found if len(found) == len(paths) else {}
