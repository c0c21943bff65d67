"""Checkpoints that somebody else wrote, judged by their content: which of our networks the tensors in them are.

::

    tensors by name                                        as Sofiiuk et al. released iSSAM
    {"state_dict": …}, {"epoch": 3, "model": {"net": …}}   in dictionaries, up to three deep
    module.encoder…, _orig_mod.…, model.net.encoder…       with the prefixes of wrappers, whatever they are called
    half precision, .pth .pt .ckpt .bin .pth.tar           in any precision, under any name

Only tensors and plain values are unpickled (``weights_only``): code inside a foreign file does not run.

Contents: :func:`is_torch`, :func:`read_tables`, :func:`identify`, :func:`shapes_of`.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ccharmony import inputs
from ccharmony.errors import WeightsError
from harmonize.models import registry
from harmonize.models.registry import AnySettings
from harmonize.models.settings import ISSAM
from harmonize.weights import torch_files

Tensors = Mapping[str, Tensor]

_MAGIC = (b"PK\x03\x04", b"\x80")
"""First bytes of what `torch.save` writes: a zip archive, before version 1.6 a pickle."""

_DEEPEST = 3

_MOST_TABLES = 32
"""Tables of one file, and prefixes of one table, that are compared with networks; trainers save a handful."""

_AVERAGE = re.compile("ema|average|swa", re.IGNORECASE)

# Counters that profilers and batch norm leave; no network's output depends on them.
_COUNTERS = ("total_ops", "total_params", "num_batches_tracked")

# Plain values that trainers save beside the tensors: options, and scores as numbers of numpy.
_PLAIN: list[Any] = [
    argparse.Namespace,
    np.dtype,
    *{type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int32, np.int64, np.bool_)},
    *((np.float64(0).__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]

_logger = logging.getLogger(__name__)


class Candidate(NamedTuple):
    """Tensors that may be those of a network.

    Attributes
    ----------
    settings
        The network.
    tensors
        The tensors by its names, prefixes removed.
    fitting, wrong
        How many of its names are there in their shape; how many are missing, unexpected or of another shape.
    where
        Entry and prefix of the tensors in the file, for a message.
    """

    settings: AnySettings
    tensors: Tensors
    fitting: int
    wrong: int
    where: str


def is_torch(path: Path) -> bool:
    """Return whether a file is what `torch.save` writes, by its first bytes; raises OSError.

    The first eight bytes of a safetensors file are the length of its header, and every 32nd length begins as a pickle
    does. The header itself begins with a brace.
    """
    with inputs.open_binary(path) as file:
        start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    return start.startswith(_MAGIC) and not (start[8:] == b"{" and length < path.stat().st_size)


def read_tables(path: Path) -> dict[str, Tensors]:
    """Read every table of tensors in a checkpoint of torch.

    Returns
    -------
    dict[str, Tensors]
        Tensors by name, by the dotted name of the entry that holds them; the outermost is "". The largest where there
        are many.

    Raises
    ------
    WeightsError
        The file is damaged, holds objects that would have to be run, or no tensors by name.
    """
    try:
        content = torch_files.read(path, archive=False, plain=_PLAIN)
    except (OSError, ValueError) as error:
        wanted = "wanted what torch.save(net.state_dict(), FILE) writes"
        raise WeightsError(f"{path}: not a checkpoint of plain tensors ({inputs.why(error)}), {wanted}") from error
    tables = dict(_walk(content))
    if not tables:
        raise WeightsError(f"{path}: {type(content).__name__} found, tensors by name wanted")
    return dict(sorted(tables.items(), key=lambda entry: -len(entry[1]))[:_MOST_TABLES])


def identify(tables: Mapping[str, Tensors]) -> Candidate:
    """Find the network that tensors are of: the one that most of them fit.

    Parameters
    ----------
    tables
        Tables of tensors by the name of their entry. Where several fit, an average of weights (ema, swa) comes first,
        whether its entry or its prefix is called so.

    Returns
    -------
    Candidate
        The nearest network; where `wrong` is above 0 it does not fit.
    """
    found = [candidate for name in sorted(tables) for candidate in _candidates(name, tables[name])]
    best = min(found, key=lambda one: (one.wrong > 0, -one.fitting, one.wrong, not _AVERAGE.search(one.where)))
    if best.where and not best.wrong:
        _logger.info("weights of %s found under %s", best.settings.model, best.where)
    return best


def _walk(content: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, Tensors]]:
    """Yield the tensors that stand directly in each dictionary, the outer ones first."""
    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return
    entries = {key: value for key, value in content.items() if isinstance(key, str)}
    if tensors := {key: value for key, value in entries.items() if _is_plain(value)}:
        yield name, tensors
    for key, value in entries.items():
        yield from _walk(value, f"{name}.{key}" if name else key, depth + 1)


def _is_plain(value: object) -> TypeGuard[Tensor]:
    """Return whether a value is a tensor of numbers as a network's parameters are: dense, real, not quantized.

    One of a single number may claim any size, by steps of 0 between its entries; it is none.
    """
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        return False
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return False
    return not (value.is_quantized or value.is_complex())


def _candidates(entry: str, table: Tensors) -> Iterator[Candidate]:
    """Yield the nearest reading of a table as each known network."""
    plain = {name.replace("_orig_mod.", ""): value for name, value in table.items()}
    for settings in (ISSAM, *(registry.find_network(name).default for name in _networks())):
        wanted = shapes_of(settings)
        first = next(iter(wanted))
        prefixes = {name.removesuffix(first) for name in plain if name.endswith(first)} or {""}
        for prefix in sorted(prefixes)[:_MOST_TABLES]:
            tensors = {name.removeprefix(prefix): value for name, value in plain.items() if name.startswith(prefix)}
            fitted = _of_width(settings, wanted[first], tensors.get(first))
            where = " and ".join(filter(None, (entry, prefix and f"prefix {prefix}")))
            yield _compare(fitted, tensors, where)


def _networks() -> list[str]:
    """Return the names of the networks of this package; those of others bring readers of their own."""
    return [name for name in ("giftnet", "pih") if name in registry.list_networks()]


def _of_width(settings: AnySettings, wanted: torch.Size, found: Tensor | None) -> AnySettings:
    """Return settings with the width that the first tensor has, where the two differ in that alone."""
    width = getattr(settings, "width", None)
    if found is None or width is None or found.ndim != len(wanted) or wanted[0] != width or not len(found):
        return settings
    return dataclasses.replace(settings, width=len(found))  # type: ignore[type-var]


def _compare(settings: AnySettings, tensors: Tensors, where: str) -> Candidate:
    wanted = shapes_of(settings)
    kept = {name: value for name, value in tensors.items() if name in wanted or not name.endswith(_COUNTERS)}
    counters = {name: torch.zeros(shape) for name, shape in wanted.items() if name.endswith(_COUNTERS)}
    kept = {**counters, **kept}
    fitting = sum(name in kept and kept[name].shape == shape for name, shape in wanted.items())
    return Candidate(settings, kept, fitting, len(wanted.keys() | kept.keys()) - fitting, where)


def shapes_of(settings: AnySettings) -> dict[str, torch.Size]:
    """Return the shape of each tensor of a network, without making it."""
    with torch.device("meta"), _WithoutStart():
        return {name: value.shape for name, value in registry.build_network(settings).state_dict().items()}


class _WithoutStart(TorchFunctionMode):
    """Leaves tensors as they are where a network fills them at random.

    Without memory there is nothing to fill, but torch imports its compiler and sympy for it: 1.5 of the 4.0 s of the
    processor that `harmonize apply` of one small picture took.
    """

    def __torch_function__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call any function but those."""
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **(kwargs or {}))
