"""Folders of pairs and their lists, iHarmony4's layout and others close to it: which pairs a split has.

::

    ROOT/IHD_test.txt                 HCOCO/composite_images/c1_2_3.jpg, …   lists of a root that holds several sets
    ROOT/<SET>/<SET>_test.txt         c1_2_3.jpg, …                          or lists of each set
    ROOT/<SET>/composite_images …     see `pair_folder`

Where the lists leave something open, the following is assumed, and a line of the log says so:

-   A set given alone without a list of its own follows the list of the root above it.
-   Without lists, folders called train, val or test hold what their names say.
-   A split without a list has the composites that no other list names; without any list, it has them all.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ccharmony import listing
from ccharmony.dataset.formats import lists, shards
from ccharmony.dataset.formats.lists import Listed
from ccharmony.dataset.formats.pair_files import PairPaths, Split
from ccharmony.dataset.formats.pair_folder import COMPOSITES, PairFolder, is_pair_folder
from ccharmony.errors import SourceError
from ccharmony.images.readable import Readable

_SPLIT_FOLDERS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}
_SPLIT_FOLDERS |= {"test": "test", "testing": "test"}

_logger = logging.getLogger(__name__)


def read_pairs(root: Path, split: Split, *, strict: bool = False) -> tuple[list[PairPaths], list[str]]:
    """Find the pairs of one dataset, or of a root that holds several.

    Parameters
    ----------
    root
        A folder with `composite_images`, `masks` and `real_images`, or a folder of such folders.
    split
        The lists to read. ``all`` reads those of every split; a set that has no list gives every composite.
    strict
        Whether the first broken pair is an error.

    Returns
    -------
    tuple[list[PairPaths], list[str]]
        Pairs in the order of the lists, and one line for each pair that is broken, and for each set that the lists
        name and that is not there, or that has no list where others have one.

    Raises
    ------
    SourceError
        The folder is missing, holds no dataset, or has no composite of the split; with `strict`, a pair is broken.
    """
    if not root.is_dir():
        raise SourceError(f"{root}: {listing.why_no_folder(root)}, wanted a dataset in iHarmony4's layout")
    pairs: list[PairPaths] = []
    problems: list[str] = []
    for entry in _list_entries(root, split):
        try:
            pairs.append(entry.resolve())
        except SourceError as error:
            if strict:
                raise
            problems.append(str(error))
    if not pairs:
        first = f"; the first: {problems[0]}" if problems else ""
        raise SourceError(f"{root}: no complete pair of split {split!r} ({len(problems)} broken{first})")
    return _without_repeated(root, pairs), problems


def _without_repeated(root: Path, pairs: list[PairPaths]) -> list[PairPaths]:
    """Return each pair once, by the first line that names it, which is said."""
    unique: dict[Readable, PairPaths] = {}
    for pair in pairs:
        first = unique.setdefault(pair.composite, pair)
        if first is not pair and first.split != pair.split:
            _logger.warning("%s: %s is listed for %s and for %s", root, pair.name, first.split, pair.split)
    if left := len(pairs) - len(unique):
        _logger.warning("%s: %d lines name a composite again, each counts once", root, left)
    return list(unique.values())


@dataclass(frozen=True)
class _Entry:
    """A composite by the name in a list or by its path."""

    folder: PairFolder
    composite: str | Path
    split: str

    def resolve(self) -> PairPaths:
        found = self.folder.find(self.composite) if isinstance(self.composite, str) else self.composite
        return self.folder.resolve(found, self.split)


@dataclass(frozen=True)
class _Missing:
    """What the lists leave without pairs: resolving it raises SourceError with this line."""

    problem: str

    def resolve(self) -> PairPaths:
        raise SourceError(self.problem)


def _list_entries(root: Path, split: Split) -> Iterator[_Entry | _Missing]:
    if is_pair_folder(root):
        yield from _entries_of(root, PairFolder(root), split)
        return
    folders = [PairFolder(path) for path in sorted(root.iterdir()) if is_pair_folder(path)]
    if not folders:
        wanted = f"no {COMPOSITES} (or composite, mask and real) in it or one level below"
        raise SourceError(f"{root}: {wanted}, and no {shards.INDEX} of packed shards")
    if listed := lists.read_lists(root, split):
        yield from _entries_of_root(root, folders, listed)
        return
    any_has_lists = split != "all" and any(lists.has_lists(folder.root, "all") for folder in folders)
    for folder in folders:
        if any_has_lists and not lists.has_lists(folder.root, split):
            count = len(folder.composites)
            yield _Missing(f"{folder.root}: no list *_{split}.txt, its {count} composites are left out")
        else:
            yield from _entries_of(root, folder, split)


def _entries_of_root(root: Path, folders: list[PairFolder], listed: list[Listed]) -> Iterator[_Entry | _Missing]:
    """Yield what the lists of a root name, `HCOCO/composite_images/c1_2_3.jpg`; a set that is not there, once."""
    by_name = {folder.root.name.lower(): folder for folder in folders}
    absent: Counter[tuple[Path, str]] = Counter()
    for line in listed:
        head, rest = _part_set(line.name, by_name)
        if head.lower() in by_name and rest:
            yield _Entry(by_name[head.lower()], rest, line.split)
        else:
            absent[line.file, head if rest else ""] += 1
    for (file, head), count in absent.items():
        which = f"no sub-dataset {head} in {root}" if head else "lines that name no sub-dataset"
        yield _Missing(f"{file}: {which}; composites left out: {count}")
    named = {_part_set(line.name, by_name)[0].lower() for line in listed}
    for name in sorted(by_name.keys() - named):
        _logger.warning("%s: the lists of %s name none of its composites", by_name[name].root, root)


def _part_set(name: str, sets: Collection[str]) -> tuple[str, str]:
    """Part a line into its set and what follows; what stands before the set, such as ``C:/data``, does not count."""
    parts = PurePosixPath(name).parts
    known = [place for place, part in enumerate(parts[:-1]) if part.lower() in sets]
    before_composites = [place for place, part in enumerate(parts[1:]) if part.lower() == COMPOSITES]
    place = max(known or before_composites, default=0)
    return parts[place], "/".join(parts[place + 1 :])


def _entries_of(root: Path, folder: PairFolder, split: Split) -> Iterator[_Entry]:
    """Yield the composites of one set; see the module's text for what is assumed without a list."""
    listed = lists.read_lists(folder.root, split) or _listed_above(folder.root, split)
    if listed or lists.has_lists(folder.root, split):
        yield from (_Entry(folder, line.name, line.split) for line in listed)
        return
    splits = {path: _split_of_folder(path.relative_to(root)) for path in folder.composites}
    if split != "all" and not any(splits.values()):
        yield from _assume(folder, split)
        return
    yield from (_Entry(folder, path, found) for path, found in splits.items() if split in ("all", found))


def _listed_above(folder: Path, split: Split) -> list[Listed]:
    """Return the lines of the lists in the folder above that are of this set, without the set's name."""
    folder = folder.absolute()
    try:
        listed = lists.read_lists(folder.parent, split)
    except SourceError:
        return []  # a file of such a name that has nothing to do with the set
    name = folder.name.lower()
    lines = [(line, *_part_set(line.name, {name})) for line in listed]
    own = [Listed(line.file, rest, line.split) for line, head, rest in lines if head.lower() == name]
    if own:
        _logger.info("%s: no list of its own, %d composites by the lists of %s", folder, len(own), folder.parent)
    return own


def _assume(folder: PairFolder, split: Split) -> list[_Entry]:
    """Return the composites that no list names, for a split that has no list."""
    named = {path for line in lists.read_lists(folder.root, "all") for path in folder.candidates(line.name)}
    left = [path for path in folder.composites if path not in named]
    if split == "val" or not left:
        raise SourceError(f"{folder.root}: no list *_{split}.txt, wanted one that names the composites of the split")
    which = "composites that no list names" if named else "composites"
    _logger.warning("%s: no list *_%s.txt, all %d %s are taken", folder.root, split, len(left), which)
    return [_Entry(folder, path, "") for path in left]


def _split_of_folder(composite: Path) -> str:
    """Return the split that the nearest folder above a composite is called after; empty where none is."""
    names = (_SPLIT_FOLDERS.get(part.lower()) for part in reversed(composite.parts[:-1]))
    return next((name for name in names if name), "")
