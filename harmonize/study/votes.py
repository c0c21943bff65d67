"""Votes, and the table of votes that a study exports and that other studies can be read from.

Contents: :class:`Vote`, :func:`read_votes`, :func:`write_votes`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal, cast, get_args

from ccharmony import files, hand_written
from ccharmony.errors import SourceError, StudyError
from ccharmony.files import StrPath
from ccharmony.names import from_cell, to_cell

Choice = Literal["left", "right", "tie"]


@dataclass(frozen=True, slots=True)
class Vote:
    """One answer of one person.

    Attributes
    ----------
    picture
        Name of the picture that two methods were shown of.
    left, right
        The methods, by the side on which they stood.
    choice
        The side that was preferred, or "tie".
    rater
        Who voted.
    seconds
        From seeing the two pictures to the answer; NaN where it was not measured.
    """

    picture: str
    left: str
    right: str
    choice: Choice
    rater: str
    seconds: float = math.nan


COLUMNS = tuple(field.name for field in fields(Vote))


def read_votes(path: StrPath) -> list[Vote]:
    """Read a table of votes.

    Parameters
    ----------
    path
        Cells parted by commas, semicolons or tabs, in UTF-8 or UTF-16, with the columns picture, left, right, choice
        and rater in any order and case; seconds may be absent, other columns are passed over. The choice is left,
        right, tie, or the name of one of the two methods.

    Returns
    -------
    list[Vote]
        In the order of the file: of two answers of a rater to one question the first is the vote, the second shows how
        consistent the rater is.

    Raises
    ------
    StudyError
        A column is missing, or a line makes no sense; the message has its number.
    """
    path = Path(path)
    try:
        text = hand_written.read_marked_text(path)
    except SourceError as error:
        raise StudyError(f"{error}, wanted a table of votes") from error
    delimiter = hand_written.find_delimiter(text)
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
        if missing := [name for name in COLUMNS[:-1] if name not in (rows.fieldnames or ())]:
            raise StudyError(f"{path}: no column {missing[0]}, wanted {','.join(COLUMNS)}")
        votes = [_parse(row, f"{path}, line {rows.line_num}") for row in rows]
    except csv.Error as error:
        raise StudyError(f"{path}, line {rows.line_num}: {error}, wanted CSV") from error
    if not votes:
        raise StudyError(f"{path}: no vote in it")
    return votes


def write_votes(path: StrPath, votes: Iterable[Vote]) -> None:
    """Write a table of votes, seconds to a thousandth; raises OutputError."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for vote in votes:
        *texts, seconds = astuple(vote)
        writer.writerow([*map(to_cell, texts), "" if math.isnan(seconds) else f"{seconds:.3f}"])
    files.write_bytes(Path(path), text.getvalue().encode())


def _parse(row: Mapping[str, str | None], where: str) -> Vote:
    texts = {name: from_cell((row.get(name) or "").strip()) for name in COLUMNS}
    if empty := [name for name in COLUMNS[:-1] if not texts[name]]:
        raise StudyError(f"{where}: no {empty[0]}")
    left, right = texts["left"], texts["right"]
    if left == right:
        raise StudyError(f"{where}: {left} on both sides, wanted two methods")
    choice = {left: "left", right: "right"}.get(texts["choice"], texts["choice"].lower())
    if choice not in get_args(Choice):
        raise StudyError(f"{where}: choice {texts['choice']!r}, wanted left, right, tie, {left} or {right}")
    try:
        seconds = float(texts["seconds"].replace(",", ".") or "nan")
    except ValueError as error:
        raise StudyError(f"{where}: {texts['seconds']!r} seconds, wanted a number") from error
    return Vote(texts["picture"], left, right, cast(Choice, choice), texts["rater"], seconds)
