"""HDF5 from strangers: data inside the file alone, within limits of memory and time that follow from its size."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from ccharmony.dataset import plain_hdf5

NAMES = ("values", "group", "text")


def refusal(path: Path, names: tuple[str, ...] = NAMES, **options: object) -> str:
    with pytest.raises(ValueError) as caught:
        plain_hdf5.read(path, names, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["values"] = np.arange(4.0)
    (tmp_path / "secret.raw").write_bytes(np.arange(4.0).tobytes())
    return tmp_path


def test_numbers_texts_attributes_and_places_are_those_of_h5py(tmp_path: Path) -> None:
    path, values = tmp_path / "a.h5", np.random.default_rng(0).random((5, 3))
    texts = ["", "größe", "x" * 5000, "\u3042", "last"] * 500
    with h5py.File(path, "w", track_order=True) as file:
        file.create_dataset("values", data=values, chunks=(2, 3), compression="gzip", shuffle=True)
        file["group/rows"] = np.arange(7, dtype=np.uint16)
        file.create_dataset("text", data=texts, dtype=h5py.string_dtype())
        file["empty"] = np.zeros((0, 3))
        file["bytes"] = np.frombuffer(b"content", np.uint8)
        file.attrs.update({"version": 3, "name": "größe", "list": [1, 2]})
    found = plain_hdf5.read(
        path, (*NAMES, "empty", "bytes", "absent"), attributes=("version", "name", "list", "no"), places=("bytes",)
    )
    np.testing.assert_array_equal(found.numbers["values"], values)
    assert found.numbers["group/rows"].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert found.numbers["empty"].shape == (0, 3)
    assert found.texts == {"text": texts}
    assert found.attributes == {"version": 3, "name": "größe", "list": None}
    start, size = found.places["bytes"]
    assert path.read_bytes()[start : start + size] == b"content"


def test_links_out_of_the_file_are_refused(secret: Path) -> None:
    for number, link in enumerate((h5py.ExternalLink("secret.h5", "values"), h5py.SoftLink("/other"))):
        for name in ("values", "group/rows"):
            path = secret / f"{number}{name[0]}.h5"
            with h5py.File(path, "w") as file:
                file["other"] = 1.0
                file[name] = link
            assert f"a {type(link).__name__}, wanted data inside the file" in refusal(path)


def test_data_in_other_files_are_refused(secret: Path) -> None:
    with h5py.File(secret / "raw.h5", "w") as file:
        file.create_dataset("values", (4,), "f8", external=[(str(secret / "secret.raw"), 0, 32)])
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(str(secret / "secret.h5"), "values", (4,))
    with h5py.File(secret / "virtual.h5", "w") as file:
        file.create_virtual_dataset("values", layout)
    for name in ("raw.h5", "virtual.h5"):
        assert refusal(secret / name) == "values: its data are in other files, wanted them inside the file"
    assert "wanted" in refusal(secret / "raw.h5", places=("values",))


def test_a_small_file_that_tells_gigabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("values", (2**30,), "f8", chunks=(2**20,), compression="gzip", fillvalue=1.0)
    assert path.stat().st_size < 10_000
    assert "values: 8589934592 bytes, the file has room for 6" in refusal(path)


def test_one_text_that_stands_for_many_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "texts.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("text", data=["x" * 1_000_000] + [""] * 99, dtype=h5py.string_dtype())
        place = file["text"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[place : place + 1600] = data[place : place + 16] * 100
    path.write_bytes(data)
    assert "again and again" in refusal(path)


def test_a_text_that_tells_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("text", data=["ridge"], dtype=h5py.string_dtype())
        place = file["text"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[place : place + 4] = struct.pack("<I", 0xFE000000)
    path.write_bytes(data)
    assert refusal(path)


def test_a_process_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_hdf5, "FREE_BYTES", 0)
    monkeypatch.setattr(plain_hdf5, "_BASE_SECONDS", 1)
    monkeypatch.setattr(plain_hdf5, "__file__", str(tmp_path / "plain_hdf5.py"))
    limits = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n"
    (tmp_path / "hdf5_child.py").write_text(f"{limits}while True: pass\n")
    (tmp_path / "a.h5").write_bytes(b"x")
    assert refusal(tmp_path / "a.h5") == "HDF5 did not end in 1 s, the file is damaged"
    (tmp_path / "hdf5_child.py").write_text("import os; os.abort()\n")
    assert refusal(tmp_path / "a.h5") == "HDF5 ended with -6, the file is damaged"


def test_groups_in_circles_and_other_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "circle.h5"
    with h5py.File(path, "w") as file:
        file.create_group("group")["group"] = file["/"]
        file["values"] = np.zeros(3, [("a", "f8")])
    assert "group/group: a Group, wanted a dataset" in refusal(path, ("group",))
    assert "wanted numbers or lines of text" in refusal(path, ("values",))
