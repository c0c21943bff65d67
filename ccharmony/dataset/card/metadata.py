"""metadata.csv: the pairs as `datasets` and other readers of plain folders of pictures expect them.

One row a pair. A column whose name ends in ``file_name`` is a picture there: ``file_name`` becomes ``image`` (the
composite), ``mask_file_name`` ``mask``, ``real_file_name`` ``real``. Such readers guess the type of each column anew in
every file: ids, which may look like numbers or be empty, stand in manifest.csv alone.

The splits have files of their own, since those readers know a split by its file. metadata.csv holds both.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from ccharmony.records import SPLITS, Pair

NAME = "metadata.csv"
OF_SPLIT: Mapping[str, str] = {split: f"metadata_{split}.csv" for split in SPLITS}
COLUMNS = ("file_name", "mask_file_name", "real_file_name", "split", "source", "clipped_share", "delta_e")


def tabulate(rows: Sequence[Pair]) -> dict[str, bytes]:
    """Return the tables by file name: all pairs, and those of each split that has any."""
    found = {NAME: _write(rows)}
    for split, name in OF_SPLIT.items():
        if chosen := [row for row in rows if row.split == split]:
            found[name] = _write(chosen)
    return found


def _write(rows: Sequence[Pair]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        names = row.composite, row.mask, row.real, row.split, row.source
        writer.writerow([*names, f"{row.clipped_share:.6f}", f"{row.delta_e:.6f}"])
    return text.getvalue().encode()
