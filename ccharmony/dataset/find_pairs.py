"""The pairs of a dataset in any format that the project reads: one function for all of them."""

from __future__ import annotations

from typing import get_args

from ccharmony.dataset.formats import hdf5, iharmony4, shards, triplets
from ccharmony.dataset.formats.pair_files import PairPaths, Split
from ccharmony.errors import SettingsError
from ccharmony.files import StrPath
from ccharmony.urls import Url, as_place


def find_pairs(root: StrPath | Url, split: Split, *, strict: bool = False) -> tuple[list[PairPaths], list[str]]:
    """Find the pairs of one dataset, or of a root that holds several.

    Parameters
    ----------
    root
        A folder with `composite_images`, `masks` and `real_images`, or with folders `composite`, `mask` and `real` of
        equal names; a folder of such folders (iHarmony4's root); a table ``composite,mask,real,split`` (``.csv``); or
        what `ccharmony pack` made of them; shards also by the URL of an object store, such as ``s3://bucket/data``.
    split
        The lists to read; ``all`` reads every list. What is assumed without a list is in the log: a split without one
        has the composites that no list names.
    strict
        Whether the first broken pair is an error.

    Returns
    -------
    tuple[list[PairPaths], list[str]]
        Pairs in the order of the lists, and one line for each pair that is broken, for each sub-dataset that a list
        names and that is not there, and for each that has no list where others have one.

    Raises
    ------
    SourceError
        The folder is missing, holds no dataset, or lists no composite of the split; with `strict`, a pair is broken.
    SettingsError
        There is no such split.
    StoreError
        The object store cannot be asked.
    """
    if split not in get_args(Split):
        raise SettingsError(f"split {split!r}, wanted one of {', '.join(get_args(Split))}")
    path = as_place(root)
    if isinstance(path, Url):
        return shards.read_pairs(path, split), []
    if hdf5.is_packed(path):
        return hdf5.read_pairs(path, split), []
    if shards.is_packed(path):
        return shards.read_pairs(path, split), []
    if triplets.is_table(path):
        return triplets.read_pairs(path, split, strict=strict)
    return iharmony4.read_pairs(path, split, strict=strict)
