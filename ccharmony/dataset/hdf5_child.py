"""Reads named parts of an HDF5 file in a process of its own, which :mod:`ccharmony.dataset.plain_hdf5` starts.

``python hdf5_child.py FILE REQUEST``: writes a line of JSON (attributes; of each dataset its kind, shape and number of
bytes), then those bytes one after the other. Imports nothing of the package, so that it starts fast.
"""

import contextlib
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

ROWS = 1000
"""Texts read at a time, so that few bytes that stand for many texts are noticed early."""


def main(path: str, request: dict[str, Any]) -> None:
    """Read the parts that a request names, and write them."""
    _limit(request["memory"], request["seconds"])
    budget, parts, blobs = request["budget"], {}, []
    with h5py.File(path, "r") as file:
        attributes = {name: _attribute(file, name) for name in request["attributes"] if name in file.attrs}
        for name, dataset in _find(file, request["names"]):
            if name in request["places"]:
                parts[name] = _place(dataset)
                continue
            kind, blob = _read(dataset, budget)
            budget -= len(blob)
            parts[name] = {**kind, "bytes": len(blob)}
            blobs.append(blob)
    sys.stdout.buffer.write(json.dumps({"attributes": attributes, "parts": parts}).encode() + b"\n")
    sys.stdout.buffer.writelines(blobs)


def _limit(memory: int, seconds: int) -> None:
    """Bound address space and processor time; the system ends a process that needs more time."""
    for kind, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is set already, or the system has none
            resource.setrlimit(kind, (value, value))


def _find(file: h5py.File, names: list[str]) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield the datasets of some names, and those in groups of these names; absent ones are left out."""
    for name in names:
        held = _child(file, name)
        if isinstance(held, h5py.Group):
            for inner in list(held)[:ROWS]:
                yield f"{name}/{inner}", _dataset(_child(held, inner), f"{name}/{inner}")
        elif held is not None:
            yield name, _dataset(held, name)


def _child(group: Any, name: str) -> Any:
    """Return what a name of one or more steps stands for inside the file itself; None where there is nothing."""
    for step in name.split("/"):
        link = group.get(step, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name}: a {type(link).__name__}, wanted data inside the file")
        group = group[step]
    return group


def _dataset(held: Any, name: str) -> h5py.Dataset:
    if not isinstance(held, h5py.Dataset):
        raise ValueError(f"{name}: a {type(held).__name__}, wanted a dataset")
    if held.external or held.is_virtual:
        raise ValueError(f"{name}: its data are in other files, wanted them inside the file")
    return held


def _attribute(file: h5py.File, name: str) -> Any:
    """Return a single number or text."""
    stored = file.attrs.get_id(name)
    if stored.shape == () and stored.dtype.kind in "iu":
        return int(file.attrs[name])
    value = file.attrs[name] if stored.shape == () and stored.get_storage_size() <= ROWS else None
    return value if isinstance(value, str) else None


def _place(dataset: h5py.Dataset) -> dict[str, Any]:
    """Return where the bytes of a dataset stand in the file."""
    start, count = dataset.id.get_offset(), dataset.size
    if dataset.dtype != np.uint8 or dataset.ndim != 1 or (count and start is None):
        raise ValueError(f"{dataset.name}: {dataset.dtype} of shape {dataset.shape}, wanted bytes in one piece")
    return {"kind": "place", "start": start or 0, "size": int(count)}


def _read(dataset: h5py.Dataset, budget: int) -> tuple[dict[str, Any], bytes]:
    told = dataset.size * (16 if h5py.check_string_dtype(dataset.dtype) else dataset.dtype.itemsize)
    if told > budget:
        raise ValueError(f"{dataset.name}: {told} bytes, the file has room for {budget}")
    if h5py.check_string_dtype(dataset.dtype) is not None and dataset.ndim == 1:
        return _read_texts(dataset, budget)
    if dataset.dtype.kind not in "iuf" or dataset.dtype.itemsize > 8:
        raise ValueError(f"{dataset.name}: {dataset.dtype}, wanted numbers or lines of text")
    values = np.asarray(dataset[()], np.float64 if dataset.dtype.kind == "f" else np.int64)
    return {"kind": values.dtype.str, "shape": dataset.shape}, values.tobytes()


def _read_texts(dataset: h5py.Dataset, budget: int) -> tuple[dict[str, Any], bytes]:
    """Return texts as their lengths and then their bytes."""
    lengths: list[int] = []
    blobs: list[bytes] = []
    for first in range(0, dataset.size, ROWS):
        texts = dataset[first : first + ROWS].tolist()
        lengths += map(len, texts)
        blobs.append(b"".join(texts))
        budget -= len(blobs[-1])
        if budget < 0:
            raise ValueError(f"{dataset.name}: texts that refer to the same bytes again and again")
    return {"kind": "text", "shape": dataset.shape}, np.array(lengths, "<i8").tobytes() + b"".join(blobs)


if __name__ == "__main__":
    try:
        main(sys.argv[1], json.loads(sys.argv[2]))
    except MemoryError:
        print(json.dumps({"error": "more memory needed than such a file may take"}))
    except Exception as error:  # a damaged file may raise any error in h5py and NumPy
        print(json.dumps({"error": (str(error).splitlines() or [type(error).__name__])[0]}))
