"""A Markdown page whose generated parts lie between markers, so that what a person wrote around them stays.

A part called rows begins with ``<!-- generated: rows -->`` and ends with ``<!-- end of rows -->``.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """Replace the generated blocks of a page.

    Parameters
    ----------
    page
        Markdown; empty begins a page.
    blocks
        New content by name. A block that the page has not yet is added at its end.

    Returns
    -------
    str
        The page, everything outside the blocks as it was.

    Examples
    --------
    >>> page = fill("Mine.", {"rows": "1"})
    >>> fill(page, {"rows": "2"}) == page.replace("1", "2")
    True
    """
    for name, content in blocks.items():
        block = f"{_begin(name)}\n{content.strip()}\n{_end(name)}"
        pattern = re.compile(f"{re.escape(_begin(name))}.*?{re.escape(_end(name))}", re.DOTALL)
        found = pattern.search(page)
        if found:
            page = page[: found.start()] + block + page[found.end() :]
        else:
            page = f"{page.rstrip()}\n\n{block}\n".lstrip("\n")
    return page


def table(head: Sequence[str], lines: Iterable[Sequence[str]], words: Container[str]) -> str:
    """Return a Markdown table; columns whose titles are among `words` are set to the left, numbers to the right.

    Examples
    --------
    >>> print(table(("row", "fMSE"), [("1", "9.5")], ("row",)))
    | row | fMSE |
    | --- | --: |
    | 1 | 9.5 |
    """
    rule = ["---" if title in words else "--:" for title in head]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def _begin(name: str) -> str:
    return f"<!-- generated: {name} -->"


def _end(name: str) -> str:
    return f"<!-- end of {name} -->"
