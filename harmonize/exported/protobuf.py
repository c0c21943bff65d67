"""The few lines of protobuf that ONNX files get from here: metadata, a checksum, and weights as initializers.

What is appended to a message belongs to it: fields that may be repeated are added, messages inside are merged. So
nothing is parsed, and the library onnx is not needed.

References
----------
onnx.proto3 of ONNX 1.16: ModelProto, GraphProto, TensorProto, StringStringEntryProto.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from ccharmony.arrays import Float32

_GRAPH, _METADATA = 7, 14
_INITIALIZER = 5
_DIMS, _TYPE, _NAME, _BYTES = 1, 2, 8, 9
_FLOAT = 1
_SEAL = "sha256"
_KEY, _VALUE = 1, 2


def metadata(notes: Mapping[str, str]) -> bytes:
    """Return notes as lines of metadata, to be appended to a model."""
    entries = (_field(_KEY, key.encode()) + _field(_VALUE, value.encode()) for key, value in notes.items())
    return b"".join(_field(_METADATA, entry) for entry in entries)


def seal(model: bytes) -> bytes:
    """Return a model with its SHA-256 as the last line of its metadata."""
    return model + metadata({_SEAL: hashlib.sha256(model).hexdigest()})


def is_sealed(data: bytes) -> bool:
    """Return whether a file ends with the checksum of all that stands before it."""
    return data == seal(data[: -len(seal(b""))])


def initializers(arrays: Mapping[str, Float32]) -> bytes:
    """Return arrays as values of a model's names, to be appended to the model."""
    return _field(_GRAPH, b"".join(_field(_INITIALIZER, _tensor(name, array)) for name, array in arrays.items()))


def _tensor(name: str, array: Float32) -> bytes:
    dims = b"".join(_number(_DIMS, length) for length in array.shape)
    values = array.astype("<f4").tobytes()
    return dims + _number(_TYPE, _FLOAT) + _field(_NAME, name.encode()) + _field(_BYTES, values)


def _field(number: int, content: bytes) -> bytes:
    """Return a text, bytes, or a message, with its length before it."""
    return _integer(number << 3 | 2) + _integer(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _integer(field << 3) + _integer(value)


def _integer(value: int) -> bytes:
    """Return a number of 0 or more as protobuf has it: seven bits a byte, the lowest first."""
    found = []
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
