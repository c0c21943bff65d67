"""Which runs a study consists of: the rows of Table 3 under several seeds, then row 8 with one thing varied."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from ccharmony.errors import SettingsError
from harmonize.models.settings import NetworkSettings
from harmonize.settings import check_value
from harmonize.table3 import TABLE_3
from harmonize.training.settings import DistillSettings, Loss

ORDER = (1, 5, 8, 2, 3, 6, 7, 4, 9, 10)
"""Rows in the order in which they are run: those that answer most come first."""

COMPARED = (1, 5, 8)
"""Rows that are compared in pairs, under at least two seeds."""

VARIED_ROW = 8
"""The chosen model, whose settings are varied one at a time."""

TEACHER = "teacher"
"""Name of the run that trains the reconstruction branch, which all rows that distill share."""

VARIED = ("lambda=0.1", "gamma=0.1", "loss", "lambda=1", "gamma=0.001", "lambda=0.01", "lambda=0.0001")
"""What is varied by default; the paper has γ = 0.01 and λ = 0.001, and ``loss`` takes the loss that the study has not.

The two large λ are tried because the relation loss, as it is written, has hardly any effect at the paper's: in a half
width row 5 after 1,500 steps at 96×96 its gradient on the encoder was 0.2 % of the image's (`diagnosis`); λ = 0.1 makes
that a fifth, λ = 1 twice as much."""

_NAME = re.compile(r"row(?P<row>\d+)(?P<varied>(_[^_]+)*)_seed(?P<seed>\d+)")

_DISTILL = {"gamma": "gamma", "lambda": "weight", "region": "region"}


@dataclass(frozen=True)
class Trial:
    """One run of a study.

    Attributes
    ----------
    row
        Row of Table 3.
    seed
        Of weights, order, crops and lights; the same seed gives all rows the same order, crops and lights.
    varied
        What differs from the row, as ``name=value`` pairs; empty for the row itself.
    """

    row: int
    seed: int
    varied: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.row not in TABLE_3:
            raise SettingsError(f"row {self.row}: not in Table 3, wanted 1 to {max(TABLE_3)}")
        _ = self.distill, self.loss  # refuses what cannot be varied

    @property
    def name(self) -> str:
        """Name of the run and of its folder.

        Examples
        --------
        >>> Trial(8, 0, ("gamma=0.1",)).name
        'row8_gamma=0.1_seed0'
        """
        return "_".join((f"row{self.row}", *self.varied, f"seed{self.seed}"))

    @property
    def network(self) -> NetworkSettings:
        """The row's network, at its full width."""
        return TABLE_3[self.row][0]

    @property
    def distill(self) -> DistillSettings:
        """What the run distills."""
        changes: dict[str, Any] = {}
        for name, value in map(_split, self.varied):
            if name in _DISTILL:
                changes[_DISTILL[name]] = value if name == "region" else _number(name, value)
        return dataclasses.replace(TABLE_3[self.row][1], **changes)

    @property
    def loss(self) -> str | None:
        """The image's loss where it is varied, else None."""
        found = None
        for name, value in map(_split, self.varied):
            if name == "loss":
                check_value("loss", value, Loss)
                found = value
        return found

    @property
    def taught(self) -> bool:
        """Whether the run needs the reconstruction branch."""
        return self.distill.kind != "none"


def list_trials(
    loss: str,
    *,
    rows: Sequence[int] = ORDER,
    seeds: int = 2,
    other_seeds: int = 1,
    varied: Sequence[str] = VARIED,
) -> list[Trial]:
    """List the runs of a study in the order in which they are run.

    Parameters
    ----------
    loss
        The study's loss of the image; ``loss`` among `varied` becomes the other one.
    rows
        Rows of Table 3; the order is always that of `ORDER`.
    seeds, other_seeds
        Seeds of the rows in `COMPARED`, and of the others.
    varied
        What is varied on row 8, one item a run, where row 8 is among `rows`; several settings at once are joined by
        commas, as in ``lambda=10,region=background``.

    Returns
    -------
    list[Trial]
        Each run once.

    Raises
    ------
    SettingsError
        A row that Table 3 lacks, or something that cannot be varied.

    Examples
    --------
    >>> [trial.name for trial in list_trials("l1", rows=[8, 1, 2], varied=["loss"])]  # doctest: +NORMALIZE_WHITESPACE
    ['row1_seed0', 'row8_seed0', 'row1_seed1', 'row8_seed1', 'row2_seed0', 'row8_loss=foreground_seed0']
    """
    unknown = [row for row in rows if row not in TABLE_3]
    if unknown:
        raise SettingsError(f"row {unknown[0]}: not in Table 3, wanted 1 to {max(TABLE_3)}")
    first = [row for row in ORDER if row in rows and row in COMPARED]
    others = [row for row in ORDER if row in rows and row not in COMPARED]
    found = [Trial(row, seed) for seed in range(seeds) for row in first]
    found += [Trial(row, seed) for seed in range(other_seeds) for row in others]
    if VARIED_ROW in rows:
        other = next(name for name in get_args(Loss) if name != loss)
        spelled = (f"loss={other}" if item == "loss" else item for item in varied)
        found += [Trial(VARIED_ROW, 0, tuple(item.split(","))) for item in spelled]
    return list(dict.fromkeys(found))


def parse_name(name: str) -> Trial:
    """Return the run of that name; raises SettingsError where no run is called so.

    Examples
    --------
    >>> parse_name("row8_lambda=10_region=background_seed1")
    Trial(row=8, seed=1, varied=('lambda=10', 'region=background'))
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise SettingsError(f"{name}: no name of a run, wanted one such as row8_gamma=0.1_seed0")
    return Trial(int(found["row"]), int(found["seed"]), tuple(found["varied"].split("_")[1:]))


def describe_row(row: int) -> str:
    """Return a phrase for a row of Table 3: where GIFT is, its guidance, what is distilled.

    Examples
    --------
    >>> describe_row(1), describe_row(6), describe_row(10)
    ('iSSAM', 'GIFT on D3, no guidance', 'GIFT on D2, D3, E; feature distillation on E')
    """
    network, distill = TABLE_3[row]
    if not network.gift:
        return "iSSAM"
    guidance = {"global": "", "none": ", no guidance", "self": ", guided by its own map"}[network.guidance]
    taught = "" if distill.kind == "none" else f"; {distill.kind} distillation on {', '.join(distill.sites)}"
    return f"GIFT on {', '.join(network.gift)}{guidance}{taught}"


def _split(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    if name not in (*_DISTILL, "loss") or not value:
        raise SettingsError(f"{item}: cannot be varied, wanted {', '.join((*_DISTILL, 'loss'))} with a value")
    return name, value


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise SettingsError(f"{name}={value}: a number wanted") from error
