"""Plain data in an HDF5 file that may come from anybody: numbers, texts, and where bytes stand.

The HDF5 library takes 4 GB for a text whose length says so, 8 GB for 68 kB of chunks, never returns from some damaged
heaps, and opens any other file of the machine that a file refers to. So another process reads (`hdf5_child`), with
limits of memory and time: 0.3 s each. Nothing is read from outside the file.

Contents: :class:`Contents`, :func:`read`.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ccharmony import inputs
from ccharmony.arrays import Float64, Int64

FREE_BYTES = 64 * 2**20
"""Of numbers and texts that any file may hold."""

TIMES_ITS_BYTES = 16
"""What it may hold beyond that, in units of its own size; well-packed numbers have a quarter of theirs."""

LARGEST_TABLES = 2**28
"""The size from which on a larger file may not hold more: 4.4e9 bytes; the tables of a million pairs have about 1e9."""

_BASE_MEMORY = 256 * 2**20  # Python, NumPy and HDF5 take 114e6 of address space
_BASE_SECONDS, _BYTES_A_SECOND = 5, 8 * 2**20  # of the processor; a tenth of what is read


@dataclass(frozen=True)
class Contents:
    """What was found of what was asked for.

    Attributes
    ----------
    attributes
        Numbers and texts of the file itself; None for one of another kind.
    numbers, texts
        Datasets by name: arrays of float64 or int64, lines of text.
    places
        First byte and number of bytes of datasets that stay in the file.
    """

    attributes: dict[str, int | str | None] = field(default_factory=dict)
    numbers: dict[str, Float64 | Int64] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)


def read(
    path: Path,
    names: Sequence[str],
    *,
    attributes: Sequence[str] = (),
    places: Sequence[str] = (),
    most: int | None = None,
) -> Contents:
    """Read datasets and attributes.

    Parameters
    ----------
    path
        The file.
    names
        Datasets, or groups whose datasets are all read. What is absent is left out.
    attributes
        Attributes of the file.
    places
        Those among `names` that stay in the file, of bytes in one piece.
    most
        Bytes that the file may have.

    Returns
    -------
    Contents
        What the file has of that.

    Raises
    ------
    OSError
        There is no such file, or it is too large or none.
    ValueError
        It is damaged, holds something else, refers to other files, or takes more memory or time than its size allows.
    """
    size = inputs.check(path, most)
    budget = FREE_BYTES + TIMES_ITS_BYTES * min(size, LARGEST_TABLES)
    request = {
        **{"names": list(names), "attributes": list(attributes), "places": list(places), "budget": budget},
        **{"memory": _BASE_MEMORY + 4 * budget, "seconds": _BASE_SECONDS + budget // _BYTES_A_SECOND},
    }
    head, data = _run(path, request)
    contents = Contents(attributes=head["attributes"])
    start = 0
    for name, part in head["parts"].items():
        if part["kind"] == "place":
            if part["start"] + part["size"] > size:
                raise ValueError(f"{name}: ends after the file")
            contents.places[name] = part["start"], part["size"]
            continue
        _sort_in(contents, name, part, data[start : start + part["bytes"]])
        start += part["bytes"]
    return contents


def _run(path: Path, request: dict[str, Any]) -> tuple[dict[str, Any], memoryview]:
    """Return the line and the bytes that the other process writes."""
    child = Path(__file__).with_name("hdf5_child.py")
    command = [sys.executable, "-P", str(child), str(Path(path).absolute()), json.dumps(request)]
    settings = {"OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::", "PYTHONPATH": os.pathsep.join(sys.path)}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env={**os.environ, **settings}, **streams) as process:  # type: ignore[call-overload]
        try:
            output = process.stdout.read()
        finally:
            process.kill()  # at Ctrl-C; one that has ended stays as it is
    line, _, data = output.partition(b"\n")
    if not line:
        late = process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
        how = f"did not end in {request['seconds']} s" if late else f"ended with {process.returncode}"
        raise ValueError(f"HDF5 {how}, the file is damaged")
    head = json.loads(line)
    if "error" in head:
        raise ValueError(head["error"])
    return head, memoryview(data)


def _sort_in(contents: Contents, name: str, part: dict[str, Any], data: memoryview) -> None:
    if part["kind"] != "text":
        contents.numbers[name] = np.frombuffer(data, part["kind"]).reshape(part["shape"]).copy()
        return
    count = part["shape"][0]
    ends = np.cumsum(np.frombuffer(data[: 8 * count], "<i8"))
    held = data[8 * count :]
    starts = [0, *ends.tolist()]
    contents.texts[name] = [str(held[a:b], "utf-8") for a, b in itertools.pairwise(starts)]
