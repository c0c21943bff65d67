"""Files of `torch.save` that may come from anybody: plain tensors alone, whole to the bit, none larger than they say.

Contents: :func:`read`.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ccharmony import inputs

MOST_BYTES = 2**33
"""Of a file of weights or of the state of a run; the state of GiftNet has 0.1e9."""


def read(path: Path, *, archive: bool = True, plain: Sequence[Any] = ()) -> Any:
    """Read what `torch.save` wrote, on the CPU; code that a file may hold never runs.

    Parameters
    ----------
    path
        The file.
    archive
        Whether it must be a ZIP archive, which torch writes since version 1.6; an older file has no checksums.
    plain
        Kinds of values that are read beside tensors, as of `torch.serialization.safe_globals`.

    Returns
    -------
    Any
        Tensors and plain values.

    Raises
    ------
    OSError
        No such file, or it is none, or too large.
    ValueError
        It is damaged, or holds more than tensors and plain values.
    """
    with inputs.open_binary(path, MOST_BYTES) as file:
        if archive or zipfile.is_zipfile(file):
            _check(file)
        file.seek(0)
        try:
            # An open file, since torch reads a path that ends in .safetensors as safetensors.
            with torch.serialization.safe_globals(list(plain)), warnings.catch_warnings(action="ignore"):
                content = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # foreign bytes can make torch fail in any way
            raise ValueError(_reason(error)) from error
    for tensor in _tensors(content):
        _refuse_unreal(tensor)
    return content


def _tensors(content: Any) -> Iterator[Tensor]:
    """Yield all tensors; what a file holds may also hold itself."""
    waiting, seen = [content], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, (list, tuple, set)):
            waiting += value


def _refuse_unreal(tensor: Tensor) -> None:
    """Refuse a tensor that is not what a file says: one number may be said to be a billion."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        raise ValueError(f"a tensor of another kind ({tensor.layout}, {tensor.device}), wanted plain ones")
    size, held = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
    if size > held:
        raise ValueError(f"a tensor of {size} bytes of which the file holds {held}")


def _reason(error: Exception) -> str:
    """Return why torch refused a file, without its advice to load it unsafely."""
    if found := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return f"it holds an object {found[1]}, which would be run"
    if found := re.search(r"Unsupported [^\n]+", str(error)):
        return found[0]
    if isinstance(error, pickle.UnpicklingError):
        return "it holds more than tensors and plain values"
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _check(file: IO[bytes]) -> None:
    """Refuse compressed parts, which may be far larger than the file, and parts that do not have their checksum."""
    try:
        with zipfile.ZipFile(file) as archive:
            if packed := [info.filename for info in archive.infolist() if info.compress_type != zipfile.ZIP_STORED]:
                raise ValueError(f"its part {packed[0]!r} is compressed")
            if changed := archive.testzip():
                raise ValueError(f"its part {changed!r} has another checksum")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OverflowError) as error:
        raise ValueError(f"{error}, wanted what torch writes") from error
