r"""Which texts can name a photo, and how names are written to a terminal and into a table.

A name that a build accepts becomes part of file names, lists and tables, and every reader here reads it back. Names of
other files may hold anything but ``/`` and a zero; on a terminal their control characters are shown, not obeyed. In a
table that a spreadsheet opens, a text that begins like a formula has an apostrophe in front, which our readers remove.

Contents: :func:`flaw`; :func:`shown`; :func:`to_cell`, :func:`from_cell`.
"""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 180
"""Of a name in UTF-8: file systems allow 255, of which the foreground, numbers and a temporary name take some."""

_REFUSED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's control characters, halves of a pair (bytes that are not UTF-8), and ends of lines and paragraphs."""

_BYTE_ORDER_MARK = "\ufeff"

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_ESCAPED_FORMULA = re.compile(r"'+[=+\-@\t\r\n]")

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, ends of lines, marks that turn the direction of writing, and halves of a pair."""


def flaw(name: str) -> str:
    r"""Return why a text cannot name a photo or a foreground; empty if it can.

    Examples
    --------
    >>> flaw("kitchen à 5 p.m."), flaw("=1+2"), flaw("-1")
    ('', '', '')
    >>> flaw("../kitchen"), flaw("two\nlines"), flaw(" kitchen")
    ('leads out of its folder', "has the character '\\n'", 'begins or ends with a blank')
    """
    if "/" in name or "\\" in name:
        return "leads out of its folder"
    if not name or name.startswith("."):
        return "is hidden" if name else "is empty"
    if strange := [sign for sign in name if unicodedata.category(sign) in _REFUSED or sign == _BYTE_ORDER_MARK]:
        return f"has the character {strange[0]!r}"
    if name != name.strip():
        return "begins or ends with a blank"  # lists of names are read without the blanks around a line
    if (size := len(name.encode())) > MAX_BYTES:
        return f"has {size} bytes, the limit is {MAX_BYTES}"
    return ""


def shown(text: str) -> str:
    r"""Return a text as one line for a terminal: what it would obey, or not show, is written as Python writes it.

    JSON stays the JSON that it was: it has no sign below a blank, and the others become ``\uXXXX``.

    Examples
    --------
    >>> shown("a\x1b[31mb"), shown("two\nlines"), shown("\x9b"), shown("kitchen à")
    ('a\\x1b[31mb', 'two\\nlines', '\\u009b', 'kitchen à')
    """
    return _UNSEEN.sub(lambda sign: repr(sign[0])[1:-1] if sign[0] < " " else f"\\u{ord(sign[0]):04x}", text)


def to_cell(text: str) -> str:
    """Return a text for a CSV: with an apostrophe in front where a spreadsheet would take it for a formula.

    Examples
    --------
    >>> to_cell("=1+2"), to_cell("kitchen"), from_cell("'=1+2"), from_cell("'kitchen")
    ("'=1+2", 'kitchen', '=1+2', "'kitchen")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """Return the text that `to_cell` was given."""
    return cell[1:] if _ESCAPED_FORMULA.match(cell) else cell
