"""iHarmony4's layout, the read side: which mask and which real picture belong to a composite.

::

    <SUB>/composite_images/c1_2_3.jpg   ->   <SUB>/masks/c1_2.png   ->   <SUB>/real_images/c1.jpg

Names are joined from the right, since ids may hold underscores. Case and extension of masks and real pictures vary
between mirrors, and some mirrors keep each foreground's composites in a folder of its own: all are resolved.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ccharmony import inputs
from ccharmony.dataset.formats import shards
from ccharmony.dataset.formats.pair_files import PairPaths, Split
from ccharmony.errors import SourceError
from ccharmony.images.headers import READABLE_SUFFIXES

COMPOSITES, MASKS, REALS = "composite_images", "masks", "real_images"
_LISTED: dict[Split, tuple[str, ...]] = {"train": ("train",), "test": ("test",), "all": ("train", "test")}


def read_pairs(root: Path, split: Split, *, strict: bool = False) -> tuple[list[PairPaths], list[str]]:
    """Find the pairs of one dataset, or of a root that holds several.

    Parameters
    ----------
    root
        A folder with `composite_images`, `masks` and `real_images`, or a folder of such folders.
    split
        The lists to read. ``all`` reads train and test; where there is no list at all, it reads every composite found.
    strict
        Whether the first broken pair is an error.

    Returns
    -------
    tuple[list[PairPaths], list[str]]
        Pairs in the order of the lists, and one line for each pair that is broken.

    Raises
    ------
    SourceError
        The folder is missing, holds no dataset, or lists no composite of the split; with `strict`, a pair is broken.
    """
    if not root.is_dir():
        raise SourceError(f"{root}: no such folder, wanted a dataset in iHarmony4's layout")
    pairs: list[PairPaths] = []
    problems: list[str] = []
    for entry in _list_entries(root, split):
        try:
            pairs.append(entry.folder.resolve(entry.name, entry.split))
        except SourceError as error:
            if strict:
                raise
            problems.append(str(error))
    if not pairs:
        first = f"; the first: {problems[0]}" if problems else ""
        raise SourceError(f"{root}: no complete pair of split {split!r} ({len(problems)} broken{first})")
    return pairs, problems


@dataclass(frozen=True)
class _Entry:
    folder: _Folder
    name: str
    split: str


class _Folder:
    """One sub-dataset with its files indexed once, by lower-case name without extension."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.composites = _index(root / COMPOSITES)
        self.masks = _index(root / MASKS)
        self.reals = _index(root / REALS)

    def resolve(self, name: str, split: str) -> PairPaths:
        """Return the pair of the composite named; raises SourceError that names the part which is absent."""
        stem = PurePosixPath(name).stem
        foreground, _, count = stem.rpartition("_")
        real, _, letter = foreground.rpartition("_")
        path = self.root / COMPOSITES / name
        if not (real and letter and count):
            raise SourceError(f"{path}: name of another form, wanted <real>_<foreground>_<number>")
        return PairPaths(
            set=self.root.name,
            name=PurePosixPath(name).name,
            composite=_look_up(self.composites, stem, f"{path}: no such composite"),
            mask=_look_up(self.masks, foreground, f"{path}: no mask {foreground} in {MASKS}"),
            real=_look_up(self.reals, real, f"{path}: no real picture {real} in {REALS}"),
            split=split,
        )


def _index(folder: Path) -> dict[str, Path]:
    """Index a folder's pictures, one level of sub-folders included."""
    found: dict[str, Path] = {}
    for base, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(base, name)
            if path.suffix.lower() in READABLE_SUFFIXES and not name.startswith("."):
                found.setdefault(path.stem.lower(), path)
    return found


def _look_up(index: dict[str, Path], stem: str, problem: str) -> Path:
    path = index.get(stem.lower())
    if path is None:
        raise SourceError(problem)
    return path


def _list_entries(root: Path, split: Split) -> list[_Entry]:
    if (root / COMPOSITES).is_dir():
        folder = _Folder(root)
        return [_Entry(folder, *listed) for listed in _list_names(root, split) or _unlisted(folder, root, split)]
    folders = {path.name: _Folder(path) for path in sorted(root.iterdir()) if (path / COMPOSITES).is_dir()}
    if not folders:
        raise SourceError(f"{root}: no {COMPOSITES} in it or one level below, and no {shards.INDEX} of packed shards")
    if merged := _list_names(root, split):
        return [_split_root_entry(root, folders, *listed) for listed in merged]
    return [_Entry(folder, *listed) for folder in folders.values() for listed in _list_names(folder.root, split)]


def _split_root_entry(root: Path, folders: dict[str, _Folder], line: str, split: str) -> _Entry:
    """Read `HCOCO/composite_images/c1_2_3.jpg`, a line of a root list."""
    head, *rest = PurePosixPath(line).parts
    if head not in folders or not rest:
        raise SourceError(f"{root}: the list names {line}, there is no sub-dataset {head}")
    return _Entry(folders[head], rest[-1], split)


def _list_names(root: Path, split: Split) -> list[tuple[str, str]]:
    """Return the composites that `<anything>_<split>.txt` next to the folders names, each with its split."""
    names: list[tuple[str, str]] = []
    for part in _LISTED[split]:
        for path in sorted(root.glob(f"*_{part}.txt")):
            names += [(line.strip().replace("\\", "/"), part) for line in _read_lines(path) if line.strip()]
    return names


def _read_lines(path: Path) -> list[str]:
    try:
        with inputs.open_text(path) as file:
            return file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as a list of names ({error})") from error


def _unlisted(folder: _Folder, root: Path, split: Split) -> list[tuple[str, str]]:
    if split != "all":
        raise SourceError(f"{root}: no list *_{split}.txt, wanted one that names the composites of the split")
    return [(path.name, "") for path in folder.composites.values()]
