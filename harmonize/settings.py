"""Dataclasses of settings: checked against their annotations, to JSON and back.

-   :class:`Settings`: base of every frozen dataclass of settings; checks its fields, reads and writes plain values.
-   :class:`Range`: limits of a number, as in ``Annotated[int, Range(1)]``.
-   :func:`check_value`, :func:`check_number`, :func:`check_integer`: one clear line for a wrong value.

An annotation says what a field takes: ``bool``, ``int``, ``float``, ``str``, a ``Literal`` of words, a ``tuple`` of
these, with the limits of its numbers; a choice or a range is written there and nowhere else.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from ccharmony.errors import SettingsError

S = TypeVar("S")
N = TypeVar("N", bound=str)

_SHOWN = 100
"""Signs of a wrong value that an error's line shows."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, each end included unless it is open.

    Examples
    --------
    >>> 0.0 in Range(0, 1), 0.0 in Range(0, 1, open_below=True), 48 in Range(32, multiple=32)
    (True, False, False)
    """

    low: float
    high: float = math.inf
    open_below: bool = False
    open_above: bool = False
    multiple: int = 0

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_below else value >= self.low
        below = value < self.high if self.open_above else value <= self.high
        return above and below and not (self.multiple and value % self.multiple)

    def __str__(self) -> str:
        above = f"above {self.low:g}" if self.open_below else f"of at least {self.low:g}"
        below = f"below {self.high:g}" if self.open_above else f"at most {self.high:g}"
        return above if math.isinf(self.high) else f"{above} and {below}"


Count = Annotated[int, Range(1)]
"""A number of things, at least one."""

Share = Annotated[float, Range(0, 1)]
"""A part of a whole, in [0, 1]."""

Positive = Annotated[float, Range(0, open_below=True)]
"""A number above 0."""

Weight = Annotated[float, Range(0)]
"""A number of at least 0."""


class Settings:
    """Base of a frozen dataclass of settings; a subclass that defines `__post_init__` calls this one first.

    Attributes
    ----------
    retired
        Settings that a class no longer has, and the only value of each that still works: an older file that names one
        with that value can be read.

    Raises
    ------
    SettingsError
        A value of another type than its field's, or out of the field's range.
    """

    retired: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        for name, kind in hints(type(self)).items():
            if is_checked(kind):
                check_value(name, getattr(self, name), kind)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON (tuples become lists); :meth:`from_dict` reads them back."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read settings from plain values; raises :class:`SettingsError` where a name is no field, or is retired."""
        return from_dict(cls, drop_retired(values, cls.retired))


def hints(cls: type) -> dict[str, Any]:
    """Return the annotation of each field of a dataclass, limits included."""
    found = get_type_hints(cls, include_extras=True)
    return {field.name: found[field.name] for field in dataclasses.fields(cls)}


def to_dict(settings: Any) -> dict[str, Any]:
    """Return the fields of a settings dataclass, nested ones too, as JSON has them (tuples become lists)."""
    return {field.name: _to_plain(getattr(settings, field.name)) for field in dataclasses.fields(settings)}


def from_dict(cls: type[S], values: Mapping[str, Any]) -> S:
    """Build a settings dataclass from plain values.

    Parameters
    ----------
    cls
        The dataclass.
    values
        Values by field name, as JSON has them; missing ones take their defaults.

    Returns
    -------
    cls
        Lists have become tuples.

    Raises
    ------
    SettingsError
        An unknown name, or a value that `cls` refuses.

    Examples
    --------
    >>> from_dict(Range, {"low": 1, "high": 3}) == Range(1, 3)
    True
    """
    check_names(cls, values)
    return cls(**{name: _to_tuple(value) for name, value in values.items()})


def drop_retired(values: Mapping[str, Any], retired: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings, as plain values, without the retired ones.

    Raises
    ------
    SettingsError
        Something else than values by name, or a retired setting with a value that no longer works.

    Examples
    --------
    >>> drop_retired({"width": 16, "mask_resize": "area"}, {"mask_resize": "area"})
    {'width': 16}
    """
    if not isinstance(values, Mapping):
        raise SettingsError(f"{values!r:.60} found, settings by name wanted")
    for name, only in retired.items():
        if values.get(name, only) != only:
            raise SettingsError(f"{name}: {values[name]!r} found, {only!r} wanted: nothing else is supported any more")
    return {name: value for name, value in values.items() if name not in retired}


def check_names(cls: type, names: Iterable[str]) -> None:
    """Raise :class:`SettingsError` unless each of `names` is a field of `cls`; the line names the nearest one."""
    known = list(hints(cls))
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f", nearest {close[0]}" if close else ""
            raise SettingsError(f"{cls.__name__}: unknown {name}{hint}; it has {', '.join(known)}")


def check_value(name: str, value: object, kind: Any) -> None:
    """Raise :class:`SettingsError` unless `value` is what the annotation `kind` says."""
    if not _fits(value, kind):
        raise SettingsError(f"{name}: {_spell(value)} found, {describe(kind)} wanted")


def check_number(name: str, value: object, low: float, high: float = math.inf, *, open_below: bool = False) -> None:
    """Raise :class:`SettingsError` unless `value` is finite and in [low, high], or (low, high] with `open_below`."""
    check_value(name, value, Annotated[float, Range(low, high, open_below)])


def check_integer(name: str, value: object, low: int, high: float = math.inf) -> None:
    """Raise :class:`SettingsError` unless `value` is an integer in [low, high]."""
    check_value(name, value, Annotated[int, Range(low, high)])


def describe(kind: Any) -> str:
    """Say what a field takes, for an error's line.

    Examples
    --------
    >>> describe(Count), describe(tuple[Literal["E", "D2"], ...])
    ('an integer of at least 1', 'a list, each one of E, D2')
    """
    base, limits = split(kind)
    inside = get_args(base)
    if get_origin(base) is Literal:
        return f"one of {', '.join(inside)}"
    if get_origin(base) is tuple:
        if inside[-1] is ...:
            return f"a list, each {describe(inside[0])}"
        return f"{len(inside)} values ({'; '.join(map(describe, inside))})"
    if base in (bool, str):
        return "true or false" if base is bool else "a text"
    noun = "an integer" if base is int else "a finite number"
    if limits and limits[0].multiple:
        noun = f"a multiple of {limits[0].multiple}"
    return " ".join([noun, *map(str, limits)])


def ordered(values: Sequence[N], choices: Iterable[N]) -> tuple[N, ...]:
    """Return `values` in the order of `choices`, so that equal selections are equal settings."""
    return tuple(choice for choice in choices if choice in values)


def split(kind: Any) -> tuple[Any, tuple[Range, ...]]:
    """Return the type of an annotation, and its limits."""
    if get_origin(kind) is Annotated:
        base, *limits = get_args(kind)
        return base, tuple(limits)
    return kind, ()


def is_checked(kind: Any) -> bool:
    """Whether an annotation is one of those that this module checks; dataclasses and paths are not."""
    base, _ = split(kind)
    if get_origin(base) is tuple:
        return all(part is ... or is_checked(part) for part in get_args(base))
    return get_origin(base) is Literal or base in (bool, int, float, str)


def _fits(value: object, kind: Any) -> bool:
    base, limits = split(kind)
    inside = get_args(base)
    if get_origin(base) is Literal:
        return isinstance(value, str) and value in inside
    if get_origin(base) is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = [inside[0]] * len(value) if inside[-1] is ... else inside
        return len(kinds) == len(value) and all(map(_fits, value, kinds))
    if base in (bool, str) or isinstance(value, bool):
        return isinstance(value, bool if base is bool else str)
    if not isinstance(value, int if base is int else int | float) or not _is_storable(value):
        return False
    return all(value in limit for limit in limits)


def _is_storable(value: float) -> bool:
    """Return whether a number is finite and, where it is whole, one of 64 bits, as JSON holds it."""
    return abs(value) < 2**63 if isinstance(value, int) else math.isfinite(value)


def _spell(value: object) -> str:
    """Return a value for an error's line: Python writes no whole number of more than 4,300 digits."""
    if isinstance(value, int) and abs(value) >= 2**63:
        return f"a whole number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _to_plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    return [_to_plain(item) for item in value] if isinstance(value, tuple) else value


def _to_tuple(value: Any) -> Any:
    return tuple(map(_to_tuple, value)) if isinstance(value, list | tuple) else value
