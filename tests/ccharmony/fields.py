"""One field of a valid file changed at a time, the rest whole: faults that checks of bytes and of lengths do not see.

Each function takes a random generator and a file's bytes, and returns the bytes with one fault; :data:`BY_SUFFIX` says
which suits a file.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np

Change = Callable[[random.Random, bytes], bytes]

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 255, 65536, 2**31, 2**63 - 1, -(2**63), 10**18, 0.5, -0.5, 1e-320, 1e300, 1e308),
    *("", " ", "x", "../x", "/etc/passwd", "=1+1", "\x1b[2J", "a\nb", "x" * 5000, "é", "nan", "inf", "1e999", "-1"),
    *([], {}, [[]], [0, 1], [None], ["x"], {"a": 1}, [[1.5, 2.5], [3, 4]], list(range(300))),
)
RAW = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "9" * 6000,
    "[" * 4000,
    '{"a":' * 3000,
    '"\\ud800"',
    '{"a":1,"a":2}',
    "",
)
"""JSON that Python's `json` does not write, or no JSON at all."""


HDF5_FAULTS = ("one",) * 4 + ("shape", "kind", "remove", "link", "external", "virtual", "bomb", "group")


def change_json(draw: random.Random, data: bytes) -> bytes:
    """Change, remove, repeat or rename one value of a JSON text."""
    content = json.loads(data)
    places = list(_places(content))
    if not places:
        return draw.choice(RAW).encode()
    holder, key = draw.choice(places)
    fault = draw.choice(("value", "value", "value", "raw", "remove", "twice", "rename"))
    if fault == "raw":
        holder[key] = "@@RAW@@"
        return json.dumps(content).replace('"@@RAW@@"', draw.choice(RAW)).encode()
    if fault == "remove":
        del holder[key]
    elif fault == "twice" and isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(holder[key])] * draw.choice((1, 100))
    elif fault == "rename" and isinstance(holder, dict):
        holder[draw.choice(("", "x", key.upper(), key + " "))] = holder.pop(key)
    else:
        holder[key] = copy.deepcopy(draw.choice(VALUES))
    return json.dumps(content).encode()


def change_json_lines(draw: random.Random, data: bytes) -> bytes:
    """Change one value in one of many JSON texts, a line each."""
    lines = data.splitlines(keepends=True)
    number = draw.randrange(len(lines))
    lines[number] = change_json(draw, lines[number]) + b"\n"
    return b"".join(lines)


def change_lines(draw: random.Random, data: bytes) -> bytes:
    """Change one cell of a table or list, or its whole row."""
    rows = list(csv.reader(io.StringIO(data.decode(errors="replace"))))
    if not rows:
        return b","
    row = draw.randrange(len(rows))
    fault = draw.choice(("cell", "cell", "cell", "remove", "twice", "cut", "header"))
    if fault == "remove":
        del rows[row]
    elif fault == "twice":
        rows[row:row] = [rows[row]] * draw.choice((1, 50))
    elif fault == "cut":
        rows[row] = rows[row][: draw.randrange(len(rows[row]) + 1)]
    else:
        cells = rows[0] if fault == "header" else rows[row]
        if cells:
            cells[draw.randrange(len(cells))] = str(draw.choice(VALUES))
    text = io.StringIO()
    csv.writer(text, lineterminator=draw.choice(("\n", "\r\n"))).writerows(rows)
    return text.getvalue().encode(errors="surrogateescape")


def change_hdf5(draw: random.Random, data: bytes) -> bytes:
    """Change one dataset or attribute of an HDF5 file, or put a link or data of another file in its place."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, held: names.append(name) if isinstance(held, h5py.Dataset) else None)
        if draw.random() < 0.2 and len(file.attrs):
            name = draw.choice(sorted(file.attrs))
            value = draw.choice([0, -1, 99, "x", "", np.zeros(3), float("nan")])
            file.attrs[name] = value
            return _closed(file, buffer)
        name = draw.choice(sorted(names))
        stored = file[name]
        value = stored[()]
        fault = draw.choice(HDF5_FAULTS)
        if fault == "one" and stored.size:
            _change_one(draw, stored, value)
            return _closed(file, buffer)
        del file[name]
        if fault == "shape":
            file[name] = np.concatenate([value, value]) if value.ndim else value
        elif fault == "kind":
            file[name] = draw.choice([np.zeros(2, bool), np.zeros(2, "c16"), np.zeros(2, [("a", "f4")]), b"x", 3.5])
        elif fault == "link":
            file[name] = draw.choice([h5py.SoftLink("/id"), h5py.SoftLink("/" + name), h5py.ExternalLink("x.h5", "id")])
        elif fault == "external":
            file.create_dataset(name, (2,), "f8", external=[("/etc/passwd", 0, 16)])
        elif fault == "virtual":
            layout = h5py.VirtualLayout((2,), "f8")
            layout[:] = h5py.VirtualSource("x.h5", "id", (2,))
            file.create_virtual_dataset(name, layout)
        elif fault == "bomb":
            file.create_dataset(name, (2**28, *value.shape[1:]), "f8", chunks=(2**16, *value.shape[1:]))
        elif fault == "group":
            file.create_group(name)["inner"] = file["/"]
        return _closed(file, buffer)


def change_zip(draw: random.Random, data: bytes) -> bytes:
    """Change one field of one entry of a ZIP archive."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as whole, zipfile.ZipFile(result, "w") as changed:
        infos = whole.infolist()
        chosen = draw.randrange(len(infos))
        for number, info in enumerate(infos):
            content = whole.read(info)
            entry = copy.copy(info)
            if number == chosen:
                fault = draw.choice(("name", "twice", "link", "method", "big", "empty"))
                if fault == "name":
                    entry.filename = draw.choice(("../x", "/x", "C:\\x", "x" * 300, "a/b/../../../x", "\x1b[2J.csv"))
                elif fault == "link":
                    entry.external_attr = 0o120777 << 16
                elif fault == "method":
                    entry.compress_type = draw.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED))
                elif fault == "big":
                    content, entry.compress_type = b"1,2,3\n" * 500_000, zipfile.ZIP_DEFLATED
                elif fault == "empty":
                    content = b""
                elif fault == "twice":
                    changed.writestr(entry.filename + "x", content)
            changed.writestr(entry, content)
    return result.getvalue()


def change_safetensors(draw: random.Random, data: bytes) -> bytes:
    """Change one field of the header, or of the settings in its metadata."""
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + size])
    notes = header.get("__metadata__", {})
    if notes and draw.random() < 0.7:
        name = draw.choice(sorted(notes))
        inner = name in ("settings", "metadata") and draw.random() < 0.8
        notes[name] = change_json(draw, notes[name].encode()).decode() if inner else str(draw.choice((*VALUES, *RAW)))
        text = json.dumps(header).encode()
    else:
        text = change_json(draw, json.dumps(header).encode())
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def change_png(draw: random.Random, data: bytes) -> bytes:
    """Change one field of a chunk of a PNG, its checksum whole."""
    chunks = [(kind, bytearray(content)) for kind, content in _png_chunks(data)]
    number = draw.choice((0, draw.randrange(len(chunks))))
    kind, content = chunks[number]
    if number == 0:
        field = draw.choice((0, 4))
        content[field : field + 4] = struct.pack(">I", draw.choice((0, 1, 7, 300, 20_000, 100_000, 2**31 - 1)))
    elif content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    if draw.random() < 0.2:
        chunks[number:number] = [(kind, content)] * draw.choice((1, 30))
    return data[:8] + b"".join(png_chunk(kind, bytes(content)) for kind, content in chunks)


def change_chunk(draw: random.Random, data: bytes, change: Change) -> bytes:
    """Change the content of one chunk of a PNG that is not its pixels; a profile is unpacked for it."""
    chunks = _png_chunks(data)
    number = draw.choice([number for number, (kind, _) in enumerate(chunks) if kind not in (b"IDAT", b"IEND")])
    kind, content = chunks[number]
    if kind == b"iCCP" and draw.random() < 0.8:
        name, _, packed = content.partition(b"\0\0")
        changed = name + b"\0\0" + zlib.compress(change(draw, zlib.decompress(packed)))
    else:
        changed = change(draw, content)
    chunks[number] = (draw.choice((kind, kind, kind, b"cICP", b"gAMA", b"cHRM", b"sRGB", b"eXIf")), changed)
    return data[:8] + b"".join(png_chunk(*chunk) for chunk in chunks)


def change_jpeg(draw: random.Random, data: bytes) -> bytes:
    """Change size, components or tables in the segments of a JPEG, repeat a segment, or lose part of its scan."""
    position, starts = 2, []
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != 0xDA:
        starts.append(position)
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    changed = bytearray(data)
    fault = draw.choice(("segment", "segment", "scan", "cut", "repeat"))
    if fault == "segment":
        start = draw.choice(starts)
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        changed[start + 4 + draw.randrange(max(1, length - 2))] = draw.choice((0, 1, 2, 3, 4, 17, 0x44, 0x7F, 0xFF))
    elif fault == "scan":
        middle = draw.randrange(position, len(data))
        changed[middle : middle + 200] = bytes(min(200, len(data) - middle))
    elif fault == "cut":
        return data[: draw.randrange(position, len(data))] + b"\xff\xd9"
    else:
        end = data.rfind(b"\xff\xd9")
        return data[:end] + data[position:end] * draw.choice((1, 40)) + data[end:]
    return bytes(changed)


BY_SUFFIX: dict[str, Change] = {
    **{".json": change_json, ".jsonl": change_json_lines},
    **dict.fromkeys((".csv", ".txt"), change_lines),
    **dict.fromkeys((".h5",), change_hdf5),
    **{".zip": change_zip, ".safetensors": change_safetensors, ".png": change_png, ".jpg": change_jpeg},
}


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each holder of a value in JSON, with its key or number."""
    keys = list(content) if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for key in keys:
        yield content, key
        yield from _places(content[key])


def _change_one(draw: random.Random, stored: h5py.Dataset, value: Any) -> None:
    """Put one other value into a dataset."""
    place = tuple(draw.randrange(side) for side in value.shape)
    if value.dtype.kind in "iuf":
        numbers = [0, 1, 7] if value.dtype.kind == "u" else [0, -1, 2**40]
        stored[place] = draw.choice([*numbers, np.nan, np.inf, -1e300] if value.dtype.kind == "f" else numbers)
    else:
        stored[place] = draw.choice(["", "x", "../x", "[" * 3000, "9" * 5000, "\x1b[2J", "a\nb", "train", '{"a": NaN}'])


def _closed(file: h5py.File, buffer: io.BytesIO) -> bytes:
    file.close()
    return buffer.getvalue()


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and content of each chunk."""
    position, chunks = 8, []
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        chunks.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + size]))
        position += 12 + size
    return chunks


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
