"""Settings by name: what a dataclass of settings has, and how one is changed by names and texts.

-   :func:`list_settings`: every setting by its dotted name, such as ``network.width``.
-   :func:`parse_value`, :func:`write_value`: a value from text and back, by the annotation of its field.
-   :func:`replace`: settings with other values.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import itertools
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

from ccharmony.errors import SettingsError
from harmonize.settings import check_names, check_value, describe, hints, is_checked, split

S = TypeVar("S")

_WORDS = {True: "true", False: "false"}


@dataclass(frozen=True)
class Setting:
    """One field that has a value, by its dotted name.

    Attributes
    ----------
    name
        Dotted name from the outermost dataclass, such as ``network.width``.
    kind
        Annotation of the field: what it takes.
    value
        The present value.
    text
        First sentence of the field's comment.
    """

    name: str
    kind: Any
    value: object
    text: str


def list_settings(settings: Any, prefix: str = "") -> dict[str, Setting]:
    """Return every setting that can be written as text, nested ones by dotted names, in order of the fields."""
    found: dict[str, Setting] = {}
    texts = read_texts(type(settings))
    for name, kind in hints(type(settings)).items():
        value = getattr(settings, name)
        if dataclasses.is_dataclass(value):
            found |= list_settings(value, f"{prefix}{name}.")
        elif is_checked(kind):
            found[prefix + name] = Setting(prefix + name, kind, value, texts.get(name, ""))
    return found


def read_texts(cls: type) -> dict[str, str]:
    """Return the first sentence of the comment below each field of a dataclass, read from its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    texts: dict[str, str] = {}
    for field, comment in itertools.pairwise(body):
        match field, comment:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[name] = " ".join(text.split()).partition(". ")[0].rstrip(".")
    return texts


def find_setting(known: Mapping[str, Setting], name: str) -> Setting:
    """Find a setting by its dotted name.

    Parameters
    ----------
    known
        Every setting, as :func:`list_settings` returns them.
    name
        The dotted name.

    Returns
    -------
    Setting
        The one of that name.

    Raises
    ------
    SettingsError
        There is none of that name; the line names the nearest one.
    """
    if name not in known:
        raise SettingsError(f"{name}: no such setting{_nearest(name, known) or ', --set help lists them'}")
    return known[name]


def parse_value(name: str, text: str, kind: Any) -> Any:
    """Read a value from text, by the annotation of its field.

    Parameters
    ----------
    name
        Name of the setting, for the error.
    text
        ``true`` or ``false``, a number, or a word; the parts of a tuple are separated by commas, those of a tuple in
        it by colons. An empty text is the empty tuple.
    kind
        Annotation of the field.

    Returns
    -------
    object
        A value that the field takes.

    Raises
    ------
    SettingsError
        The text is no such value.

    Examples
    --------
    >>> from harmonize.settings import Count, Share
    >>> parse_value("grow", "0.7:256,0.9:512", tuple[tuple[Share, Count], ...])
    ((0.7, 256), (0.9, 512))
    """
    try:
        value = _parse(text, kind, ",:")
        check_value(name, value, kind)
    except (ValueError, SettingsError):
        raise SettingsError(f"{name}: {text!r} found, {describe(kind)} wanted") from None
    return value


def write_value(value: object, separators: str = ",:") -> str:
    """Return a value as text that :func:`parse_value` reads.

    Examples
    --------
    >>> write_value(((0.7, 256), (0.9, 512))), write_value(True)
    ('0.7:256,0.9:512', 'true')
    """
    if isinstance(value, tuple):
        return separators[0].join(write_value(part, separators[1:]) for part in value)
    return _WORDS[value] if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def replace(settings: S, changes: Mapping[str, Any]) -> S:
    """Change settings.

    Parameters
    ----------
    settings
        A frozen dataclass.
    changes
        Values by name; a dotted name changes a field of a nested dataclass.

    Returns
    -------
    dataclass
        A changed copy.

    Raises
    ------
    SettingsError
        A name that is not a field, or a value that the dataclass refuses.

    Examples
    --------
    >>> from harmonize.settings import Range
    >>> replace(Range(0, 1), {"high": 2.0}).high
    2.0
    """
    direct = {name: value for name, value in changes.items() if "." not in name}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        head, dot, rest = name.partition(".")
        if dot:
            nested.setdefault(head, {})[rest] = value
    check_names(type(settings), [*direct, *nested])
    inner = {name: replace(getattr(settings, name), values) for name, values in nested.items()}
    return dataclasses.replace(settings, **direct, **inner)  # type: ignore[type-var]


def _parse(text: str, kind: Any, separators: str) -> Any:
    """Read a value; raises ValueError."""
    base, _ = split(kind)
    inside = get_args(base)
    if get_origin(base) is tuple:
        parts = text.split(separators[0]) if text else []
        kinds = [inside[0]] * len(parts) if inside[-1] is ... else inside
        return tuple(_parse(part, each, separators[1:]) for part, each in zip(parts, kinds, strict=True))
    if base is bool:
        return {word: value for value, word in _WORDS.items()}.get(text, text)
    return text if get_origin(base) is Literal else base(text)


def _nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for a wrong name: the known one that is written most like it, with or without its prefix."""
    by_tail = {full.rpartition(".")[2]: full for full in known}
    tail = name.rpartition(".")[2]
    close = [by_tail[tail]] if tail in by_tail else difflib.get_close_matches(name, known, 1)
    close = close or [by_tail[each] for each in difflib.get_close_matches(tail, by_tail, 1)]
    return f", nearest {close[0]}" if close else ""
