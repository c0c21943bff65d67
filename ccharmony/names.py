"""Which texts can name a photo or a foreground: the files of a dataset begin with them, its lists hold one a line."""

from __future__ import annotations

import unicodedata

MAX_BYTES = 180
"""Of a name in UTF-8: file systems allow 255, of which the foreground, numbers and a temporary name take some."""

_REFUSED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's control characters, halves of a pair (bytes that are not UTF-8), and ends of lines and paragraphs."""


def flaw(name: str) -> str:
    r"""Say why a text cannot be a name; empty if it can.

    Examples
    --------
    >>> flaw("kitchen à 5 p.m.")
    ''
    >>> flaw("../kitchen"), flaw("two\nlines")
    ('leads out of its folder', "has the character '\\n'")
    """
    if "/" in name or "\\" in name:
        return "leads out of its folder"
    if not name or name.startswith("."):
        return "is hidden" if name else "is empty"
    if strange := [sign for sign in name if unicodedata.category(sign) in _REFUSED]:
        return f"has the character {strange[0]!r}"
    if (size := len(name.encode())) > MAX_BYTES:
        return f"has {size} bytes, the limit is {MAX_BYTES}"
    return ""
