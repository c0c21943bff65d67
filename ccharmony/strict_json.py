"""JSON from files that somebody else may have written, of bounded size, depth and numbers; nothing else parses JSON.

Python's own parser takes ``NaN``, ``1e999``, whole numbers of 4,300 digits, a key twice and a thousand brackets; each
breaks something far from the file that held it.

Contents: :func:`parse`, :func:`read`, :func:`read_object`.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from ccharmony import inputs
from ccharmony.files import StrPath

MOST_BYTES = 64 * 2**20
"""Of a file, unless its reader says otherwise."""

DEEPEST = 32
"""Objects and lists in one another; COCO has six."""

MOST_DIGITS = 19
"""Of a whole number: those of 64 bits."""

MOST_VALUES = 20_000_000
"""Lists, objects and what they hold: about 2 GB in memory."""

# Ends at the end of the text, too: one that did not would be looked for again from each of its quotes.
_STRING = re.compile(r'"[^"\\]*+(?:\\.?[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
_NO_BRACKET = re.compile(r"[^][{}]+")
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse(text: str | bytes, *, most: int = MOST_BYTES, finite: bool = True) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    text
        The text, or its bytes in UTF-8, with or without a mark of the byte order.
    most
        Characters or bytes that it may have.
    finite
        Whether ``NaN`` and ``Infinity``, which Python writes, are refused.

    Returns
    -------
    Any
        Dictionaries, lists, texts, numbers, truth values and None.

    Raises
    ------
    ValueError
        It is no JSON, or breaks a limit: bytes, depth, values, digits, a number that is not finite, a key twice.
    """
    if len(text) > most:
        raise ValueError(f"{len(text)} bytes of JSON, the limit is {most}")
    plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    _check_shape(plain)
    constant: Callable[[str], Any] = _refuse_constant if finite else float
    value = json.loads(
        plain,
        object_pairs_hook=_object,
        parse_int=_whole_number,
        parse_float=_finite_number if finite else float,
        parse_constant=constant,
    )
    if _HALF_A_PAIR.search(plain):  # half of a surrogate pair is a text that no file and no terminal takes
        json.dumps(value, ensure_ascii=False).encode()
    return value


def read(path: StrPath, *, most: int = MOST_BYTES, finite: bool = True) -> Any:
    """Return the value of a JSON file; raises OSError as :func:`ccharmony.inputs.read_bytes`, else ValueError."""
    return parse(inputs.read_bytes(path, most), most=most, finite=finite)


def read_object(path: StrPath, *, most: int = MOST_BYTES) -> dict[str, Any]:
    """Return the object of a JSON file; raises as :func:`read`, and ValueError where it holds something else."""
    value = read(path, most=most)
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__} found, an object wanted")
    return value


def _check_shape(text: str) -> None:
    """Refuse too many values and too deep ones before any is made."""
    if (values := text.count(",") + text.count("[") + text.count("{")) > MOST_VALUES:
        raise ValueError(f"{values} values, the limit is {MOST_VALUES}")
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    brackets = _NO_BRACKET.sub("", _STRING.sub("", text))
    if (depth := max(itertools.accumulate(map(_STEPS.__getitem__, brackets)), default=0)) > DEEPEST:
        raise ValueError(f"values in values {depth} deep, the limit is {DEEPEST}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice[:40]!r} twice")
    return values


def _whole_number(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise ValueError(f"a whole number of {len(digits)} digits, the limit is {MOST_DIGITS}")
    return int(digits)


def _finite_number(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError(f"the number {digits[:40]}, wanted a finite one")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name}, wanted a finite number")
