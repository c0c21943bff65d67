"""The pairs of a dataset in any format that the project reads: one door to all of them."""

from __future__ import annotations

from pathlib import Path

from ccharmony.dataset.formats import hdf5, shards
from ccharmony.dataset.formats.iharmony4 import _list_entries
from ccharmony.dataset.formats.pair_files import PairPaths, Split
from ccharmony.errors import SourceError


def find_pairs(root: Path, split: Split, *, strict: bool = False) -> tuple[list[PairPaths], list[str]]:
    """Find the pairs of one dataset, or of a root that holds several.

    Parameters
    ----------
    root
        A folder with `composite_images`, `masks` and `real_images`, a folder of such folders (iHarmony4's root), or
        what `ccharmony pack` made of them.
    split
        Which lists count. ``all`` takes train and test; where there is no list at all, every composite found.
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
    if hdf5.is_packed(root):
        return hdf5.read_pairs(root, split), []
    if shards.is_packed(root):
        return shards.read_pairs(root, split), []
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
        raise SourceError(f"{root}: no whole pair of split {split!r} ({len(problems)} broken{first})")
    return pairs, problems
