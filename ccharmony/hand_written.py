"""Lists and tables that people write, with any editor or spreadsheet on any system.

Contents: :func:`read_marked_text`, :func:`find_delimiter`, :func:`read_cells`, :func:`read_rows`.
"""

from __future__ import annotations

import codecs
import csv
from pathlib import Path

from ccharmony import inputs
from ccharmony.errors import SourceError

# PowerShell's `ls > list.txt` writes UTF-16, Notepad UTF-8 with a mark; without a mark it is UTF-8.
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

_DELIMITERS = ",;\t"
"""Between cells; spreadsheets write semicolons where the comma is in numbers."""


def read_marked_text(path: Path) -> str:
    """Return a text file's content, whatever its byte-order mark.

    Raises
    ------
    SourceError
        The file cannot be read, or is not UTF-8 or UTF-16 with a mark.
    """
    try:
        data = inputs.read_bytes(path, inputs.TABLE_BYTES)
        encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
        text = data.decode(encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as text ({inputs.why(error)})") from error
    if "\0" in text:
        raise SourceError(f"{path}: not UTF-8, it has zero bytes; wanted UTF-8, or UTF-16 with a byte-order mark")
    return text


def find_delimiter(text: str) -> str:
    """Return what parts the cells of a table: comma, semicolon or tab, whichever its first line has most."""
    first = text.lstrip().splitlines()[:1] or [""]
    return max(_DELIMITERS, key=first[0].count)


def read_cells(path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines of a table that are not empty: their numbers from 1, and their cells without blanks around them.

    Cells are parted by commas, semicolons or tabs, whichever the first line has most.

    Raises
    ------
    SourceError
        The file cannot be read as text, or is no CSV.
    """
    text = read_marked_text(path)
    delimiter = find_delimiter(text)
    try:
        lines = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
        return [(lines.line_num, [cell.strip() for cell in line]) for line in lines if any(map(str.strip, line))]
    except csv.Error as error:
        raise SourceError(f"{path}: cannot be read as CSV ({error})") from error


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the columns of a table with a header, and its rows by column.

    Returns
    -------
    columns
        As the first line names them, in lower case; none where the file is empty.
    rows
        Number of the line from 1, and cells by column; a line with too few cells lacks the last.

    Raises
    ------
    SourceError
        As :func:`read_cells`, or a line has more cells than the header: which belongs to which column is not known.
    """
    (_, header), *body = read_cells(path) or [(1, [])]
    columns = [name.lower() for name in header]
    for number, line in body:
        if any(line[len(columns) :]):
            raise SourceError(f"{path}, line {number}: {len(line)} cells, wanted {len(columns)} as in the header")
    return columns, [(number, dict(zip(columns, line, strict=False))) for number, line in body]
