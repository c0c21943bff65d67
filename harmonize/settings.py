"""What shapes a network and its distillation; saved in every checkpoint.

-   :class:`NetworkSettings`: which network (iSSAM or GiftNet), how wide, where and how GIFT acts.
-   :class:`DistillSettings`: what the frozen reconstruction branch teaches, a property of the loss.
-   :data:`ISSAM`, :data:`TABLE_3`: the basic network and the ten rows of the paper's ablation.
-   :func:`to_dict`, :func:`from_dict`: any frozen dataclass of settings to JSON and back, nothing unknown accepted.
-   :func:`check_choice`, :func:`check_number`, :func:`check_integer`: one clear line for a wrong value.

"The paper" is Niu et al., "Deep Image Harmonization with Globally Guided Feature Transformation and Relation
Distillation", ICCV 2023. Where it is silent, the field's comment says what was chosen and why.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from ccharmony.errors import SettingsError

S = TypeVar("S")


def to_dict(settings: Any) -> dict[str, Any]:
    """Fields of a settings dataclass as JSON has them (tuples become lists)."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}


def from_dict(cls: type[S], values: Mapping[str, Any]) -> S:
    """Build `cls`, a settings dataclass, from plain values; missing ones take their defaults.

    Raises
    ------
    SettingsError
        An unknown name, or a value that `cls` refuses.

    Examples
    --------
    >>> from harmonize.training.settings import DistillSettings
    >>> from_dict(DistillSettings, {"kind": "none", "sites": []}).kind
    'none'
    """
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SettingsError(f"{cls.__name__}: unknown {', '.join(unknown)}; it has {', '.join(known)}")
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise :class:`SettingsError` unless `value` is one of `choices`."""
    if value not in choices:
        raise SettingsError(f"{name}: {value!r} found, one of {listed(choices)} wanted")


def check_number(name: str, value: object, low: float, high: float = math.inf, *, open_below: bool = False) -> None:
    """Raise :class:`SettingsError` unless `value` is finite and in [low, high], or (low, high] with `open_below`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"{name}: {value!r} found, a finite number wanted")
    if value < low or value > high or (open_below and value == low):
        above = f"above {low:g}" if open_below else f"of at least {low:g}"
        raise SettingsError(f"{name}: {value:g} found, a number {above}{_at_most(high)} wanted")


def check_integer(name: str, value: object, low: int, high: float = math.inf) -> None:
    """Raise :class:`SettingsError` unless `value` is an integer in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SettingsError(f"{name}: {value!r} found, an integer of at least {low}{_at_most(high)} wanted")


def _at_most(high: float) -> str:
    return "" if math.isinf(high) else f" and at most {high:g}"


def listed(choices: Sequence[str]) -> str:
    """Write choices for an error's line."""
    return ", ".join(choices)


def ordered(name: str, values: Sequence[str], choices: Sequence[str]) -> tuple[str, ...]:
    """Return `values` in the order of `choices`, so that equal selections are equal settings."""
    if isinstance(values, str):
        raise SettingsError(f"{name}s: the string {values!r} found, a tuple wanted")
    for value in values:
        check_choice(name, value, choices)
    return tuple(choice for choice in choices if choice in values)
