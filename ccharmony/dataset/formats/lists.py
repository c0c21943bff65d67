"""Lists of names, one a line, as editors and shells on any system write them, and the split that each is for.

::

    IHD_train.txt, train.txt   ->   train
    IHD_test.txt, test.txt     ->   test
    IHD_val.txt, val.txt       ->   val, where there is one
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from ccharmony import inputs
from ccharmony.dataset.formats.pair_files import Split
from ccharmony.errors import SourceError

SPLITS = ("train", "val", "test")

# PowerShell's `ls > list.txt` writes UTF-16, Notepad UTF-8 with a mark; without a mark it is UTF-8.
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Listed:
    """One line of a list: the list, the composite's name with forward slashes, and the list's split."""

    file: Path
    name: str
    split: str


def read_lists(folder: Path, split: Split) -> list[Listed]:
    """Return the lines of the lists of a split in a folder, in the order of their files; none where there is no list.

    Raises
    ------
    SourceError
        A list cannot be read, or is not text.
    """
    return [Listed(path, line, part) for path, part in _find(folder, split) for line in _lines(read_marked_text(path))]


def has_lists(folder: Path, split: Split) -> bool:
    """Return whether a folder holds a list of a split, or of any."""
    return bool(_find(folder, split))


def read_marked_text(path: Path) -> str:
    """Return a text file's content, whatever its byte-order mark; raises SourceError."""
    try:
        data = inputs.read_bytes(path, inputs.TABLE_BYTES)
        encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
        return data.decode(encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as a list of names ({error})") from error


def _find(folder: Path, split: Split) -> list[tuple[Path, str]]:
    """Return each list of a split, or of all, with its split."""
    wanted = SPLITS if split == "all" else (split,)
    return [
        (path, part) for part in wanted for path in sorted([*folder.glob(f"*_{part}.txt"), *folder.glob(f"{part}.txt")])
    ]


def _lines(text: str) -> list[str]:
    lines = (line.strip().replace("\\", "/").removeprefix("./") for line in text.splitlines())
    return [line for line in lines if line]
