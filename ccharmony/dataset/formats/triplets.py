"""A table of triplets, the read side: composite, mask, real picture and, where it says, the split of each pair.

::

    composite,mask,real,split
    composite/1.png,mask/1.png,real/1.png,train

Paths are relative to the table. Columns are found by their names, in any order and among others; a table without a
header has them in the order above. A manifest.csv is such a table.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ccharmony import hand_written, inputs
from ccharmony.dataset.formats import lists
from ccharmony.dataset.formats.pair_files import PARTS, PairPaths, Split
from ccharmony.errors import SourceError

SUFFIXES = (".csv", ".tsv")

_COLUMNS = (*PARTS, "split")
_SPLITS = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}

_logger = logging.getLogger(__name__)


def is_table(root: Path) -> bool:
    """Return whether a path is a table of triplets, by its name."""
    return root.suffix.lower() in SUFFIXES and not root.is_dir()


def read_pairs(path: Path, split: Split, *, strict: bool = False) -> tuple[list[PairPaths], list[str]]:
    """Read the pairs of a split; without a column `split` every pair counts, and a line of the log says so.

    Returns
    -------
    tuple[list[PairPaths], list[str]]
        Pairs in the order of the table, their set named after its folder, and one line for each that is broken.

    Raises
    ------
    SourceError
        The file cannot be read, has not three columns, or has no complete pair of the split; with `strict`, a pair is
        broken.
    """
    rows = _read_rows(path)
    splits = {row["split"] for _, row in rows} - {""}
    if split != "all" and splits:
        rows = [(number, row) for number, row in rows if row["split"] == split]
    elif split == "val":
        rows = []
    elif split != "all":
        _logger.warning("%s: no column split, all %d pairs are taken", path, len(rows))
    if not rows:
        raise SourceError(f"{path}: no pair of split {split!r}, it has {', '.join(sorted(splits)) or 'none'}")
    names = Counter(PurePosixPath(row["composite"]).name for _, row in rows)
    pairs: list[PairPaths] = []
    problems: list[str] = []
    for number, row in rows:
        files = [path.parent / row[part] for part in PARTS]
        absent = next((file for file in files if not inputs.is_file(file)), None)
        if absent is None:
            short = PurePosixPath(row["composite"]).name
            name = short if names[short] == 1 else row["composite"]
            composite, mask, real = files
            photo = str(PurePosixPath(row["real"]).with_suffix(""))
            pairs.append(PairPaths(path.resolve().parent.name, name, composite, mask, real, row["split"], photo))
        elif strict:
            raise SourceError(f"{path}, line {number}: no file {absent}")
        else:
            problems.append(f"{path}, line {number}: no file {absent}")
    if not pairs:
        raise SourceError(f"{path}: no complete pair ({len(problems)} broken; the first: {problems[0]})")
    return pairs, problems


def _read_rows(path: Path) -> list[tuple[int, Mapping[str, str]]]:
    """Return the rows that are not empty, each with the number of its line."""
    cells = hand_written.read_cells(path)
    if not cells:
        raise SourceError(f"{path}: empty, wanted columns {', '.join(_COLUMNS)}")
    columns = _find_columns(path, cells[0][1])
    body = cells if columns is _COLUMNS else cells[1:]
    return [(number, _to_row(path, number, columns, line)) for number, line in body]


def _find_columns(path: Path, first: Sequence[str]) -> Sequence[str]:
    """Return the columns that a header names, or the usual ones where the first line names files."""
    named = [cell.lower() for cell in first]
    if set(PARTS) <= set(named):
        return named
    if len(first) in (3, 4) and all(PurePosixPath(cell).suffix for cell in first[:3]):
        _logger.info("%s: no header, columns are taken as %s", path, ", ".join(_COLUMNS[: len(first)]))
        return _COLUMNS
    raise SourceError(f"{path}: columns {', '.join(first)[:80]}, wanted {', '.join(PARTS)} and, if any, split")


def _to_row(path: Path, number: int, columns: Sequence[str], line: Sequence[str]) -> Mapping[str, str]:
    row = dict(zip(columns, line, strict=False))
    if not all(row.get(part) for part in PARTS):
        raise SourceError(f"{path}, line {number}: {len(line)} cells, wanted {', '.join(PARTS)}")
    found = row.get("split", "").lower()
    row = {part: row[part].replace("\\", "/") for part in PARTS} | {"split": _SPLITS.get(found, found)}
    if row["split"] not in ("", *lists.SPLITS):
        raise SourceError(f"{path}, line {number}: split {found!r}, wanted {', '.join(lists.SPLITS)} or none")
    return row
