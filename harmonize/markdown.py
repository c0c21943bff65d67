"""Tables as Markdown, aligned so that they can be read as they are, too."""

from __future__ import annotations

from collections.abc import Sequence


def make_table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """Return a Markdown table.

    Parameters
    ----------
    head
        Titles of the columns.
    rows
        Cells, as many in each row as there are titles.
    texts
        The first so many columns are texts, flush left; the others are numbers, flush right.

    Returns
    -------
    str
        Lines without a newline at the end.

    Examples
    --------
    >>> print(make_table(["Set", "n"], [["demo", "600"]]))
    | Set  |   n |
    | ---- | --: |
    | demo | 600 |
    """
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(head))]
    rule = ["-" * width if column < texts else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    lines.insert(1, rule)
    return "\n".join(f"| {' | '.join(_align(cells, widths, texts))} |" for cells in lines)


def _align(cells: Sequence[str], widths: Sequence[int], texts: int) -> list[str]:
    return [
        cell.ljust(width) if column < texts else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
