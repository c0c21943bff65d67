"""The reader of MATLAB files against what scipy, an independent implementation, writes."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from ccharmony.errors import SourceError
from ccharmony.sources.nus import matlab
from ccharmony.sources.nus.matlab import read_matlab

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def names(*texts: str) -> np.ndarray:
    cells = np.empty((len(texts), 1), object)
    cells[:, 0] = texts
    return cells


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", ["f8", "f4", "i2", "u1", "i8"])
def test_numbers_and_names_come_back(tmp_path: Path, compressed: bool, kind: str) -> None:
    numbers = np.arange(24).reshape(2, 3, 4).astype(kind)
    fields = {"numbers": numbers, "level": 1024.0, "names": names("Canon_0001", "a", ""), "line": "Größe"}
    scipy.io.savemat(tmp_path / "x.mat", fields, do_compression=compressed)
    content = read_matlab(tmp_path / "x.mat")
    np.testing.assert_array_equal(content["numbers"], numbers)
    assert content["level"] == np.array([[1024.0]])
    assert content["names"][:2] == ["Canon_0001", "a"]
    assert content["line"] == "Größe"


def test_structures_and_complex_numbers_are_left_out(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "x.mat", {"s": {"a": 1}, "z": np.array([1j]), "n": 5})
    assert set(read_matlab(tmp_path / "x.mat")) == {"n"}


def test_a_file_of_the_other_byte_order_is_read(tmp_path: Path) -> None:
    flags, sides = struct.pack(">IIII", 6, 8, 6, 0), struct.pack(">IIii", 5, 8, 1, 1)
    name, value = struct.pack(">HHc3x", 1, 1, b"n"), struct.pack(">IId", 9, 8, 2.5)
    array = flags + sides + name + value
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "x.mat").write_bytes(head + struct.pack(">II", 14, len(array)) + array)
    np.testing.assert_array_equal(read_matlab(tmp_path / "x.mat")["n"], [[2.5]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header of one"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", "version 0x0200, wanted 0x0100"),
        (HEADER + struct.pack("<II", 14, 2**31), "an element of 2147483648 bytes, the file has 0"),
        (HEADER + struct.pack("<II", 15, 4) + b"nope", "incorrect header check"),
        (HEADER + struct.pack("<IIII", 14, 8, 0, 0), "an array without flags, sides and name"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(SourceError, match=f"x.mat: not a MATLAB 5 file, or damaged .*{message}"):
        read_matlab(tmp_path / "x.mat")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(matlab.LIMIT + 1), 9)
    (tmp_path / "x.mat").write_bytes(HEADER + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(SourceError, match="more than 67108864 bytes when unpacked"):
        read_matlab(tmp_path / "x.mat")


def test_cells_in_cells_without_end_are_refused(tmp_path: Path) -> None:
    cell = b""
    for _ in range(1000):
        inside = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 1, 1) + struct.pack("<II", 1, 0)
        cell = struct.pack("<II", 14, len(inside) + len(cell)) + inside + cell
    (tmp_path / "x.mat").write_bytes(HEADER + cell)
    with pytest.raises(SourceError, match="more than 8 deep"):
        read_matlab(tmp_path / "x.mat")


def test_scipy_reads_the_same_from_the_files_of_nus_and_gehler(shared_data: Path) -> None:
    for name, field in (("nus/Canon1DsMkIII_gt.mat", "CC_coords"), ("gehler/ground_truth.mat", "real_rgb")):
        path = shared_data / name
        np.testing.assert_array_equal(read_matlab(path)[field], scipy.io.loadmat(path)[field])
