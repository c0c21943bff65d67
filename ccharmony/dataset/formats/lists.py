"""Lists of names, one a line, as editors and shells on any system write them, and the split that each is for.

::

    IHD_train.txt, train.txt   ->   train
    IHD_test.txt, test.txt     ->   test
    IHD_val.txt, val.txt       ->   val, where there is one
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ccharmony import hand_written
from ccharmony.dataset.formats.pair_files import Split
from ccharmony.listing import is_litter

SPLITS: tuple[Split, ...] = ("train", "val", "test")


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
    found = [(path, part, hand_written.read_marked_text(path)) for path, part in _find(folder, split)]
    return [Listed(path, line, part) for path, part, text in found for line in _lines(text)]


def has_lists(folder: Path, split: Split) -> bool:
    """Return whether a folder holds a list of a split, or of any."""
    return bool(_find(folder, split))


def _find(folder: Path, split: Split) -> list[tuple[Path, str]]:
    """Return each list of a split, or of all, with its split."""
    wanted = SPLITS if split == "all" else (split,)
    named = {path: path.name.lower() for path in sorted(folder.glob("*")) if not is_litter(path.name)}
    return [
        (path, part)
        for part in wanted
        for path, name in named.items()
        if name == f"{part}.txt" or name.endswith(f"_{part}.txt")
    ]


def _lines(text: str) -> list[str]:
    lines = (_unquote(line.strip()).replace("\\", "/").removeprefix("./") for line in text.splitlines())
    return [line for line in lines if line]


def _unquote(line: str) -> str:
    return line[1:-1] if len(line) > 1 and line[0] == line[-1] and line[0] in "\"'" else line
