"""Files that are none, or too large, are refused in one line wherever they are read, before anything waits for them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ccharmony import inputs
from ccharmony.build.pipeline import build_dataset
from ccharmony.dataset.fits import read_fits
from ccharmony.dataset.formats import hdf5, iharmony4, shards, triplets
from ccharmony.dataset.manifest import read_manifest
from ccharmony.dataset.verify import verify_folder
from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.images import headers, pixels
from ccharmony.images.raw import raw_size, read_raw
from ccharmony.inspection import marks
from ccharmony.sources import reading
from ccharmony.sources.files import read_rows
from ccharmony.sources.nus.matlab import read_matlab
from ccharmony.sources.release import archive

from . import kill_loop

HUGE = 30 * 10**9

READERS: dict[str, Callable[[Path], object]] = {
    "image": pixels.read_image,
    "mask": pixels.read_mask,
    "size": headers.image_size,
    "raw": read_raw,
    "raw size": raw_size,
    "fits": read_fits,
    "packed": lambda path: hdf5.read_pairs(path, "all"),
    "manifest": read_manifest,
    "marks": marks.read_overrides,
    "numbers": read_rows,
    "matlab": read_matlab,
    "member of a ZIP": lambda path: archive.Member(path, "x.csv").read_bytes(),
}


def pipe(path: Path) -> str:
    os.mkfifo(path)
    return "a named pipe"


def device(path: Path) -> str:
    path.symlink_to("/dev/zero")
    return "a device"


def local_socket(path: Path) -> str:
    here = os.open(".", os.O_RDONLY)
    try:  # by a short name: the name of a socket has 107 characters at most
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as file:
            file.bind(path.name)
    finally:
        os.fchdir(here)
    return "a socket"


def sparse(path: Path) -> str:
    path.touch()
    os.truncate(path, HUGE)
    return f"{HUGE} bytes"


@pytest.mark.parametrize("make", [pipe, device, local_socket, sparse])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_or_too_large_is_refused_in_one_line(
    tmp_path: Path, reader: str, make: Callable[[Path], str]
) -> None:
    path = tmp_path / "x.h5"
    said = make(path)
    with pytest.raises(CcharmonyError) as caught:
        READERS[reader](path)
    assert "x.h5" in str(caught.value)
    assert "\n" not in str(caught.value)
    if make is not sparse or reader not in ("packed", "member of a ZIP"):  # those two are not read as a whole
        assert said in str(caught.value)


def test_a_file_that_is_longer_than_it_says_is_read_up_to_the_limit() -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc, whose files say that they have no bytes")
    code = "from ccharmony import inputs; inputs.read_bytes('/proc/self/environ', 10)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, "MANY": "x" * 50}
    )
    assert "more than 10 bytes, the limit" in done.stderr


def test_links_to_files_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to("a")
    assert inputs.read_bytes(tmp_path / "b", 7) == b"content"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "absent", "."])
def test_a_name_that_no_file_has_or_can_have_is_that_of_no_file(tmp_path: Path, name: str) -> None:
    assert not inputs.is_file(tmp_path / name)
    with pytest.raises(OSError, match=r"too long|null byte|No such file|a folder"):
        inputs.check(tmp_path / name)
    table = tmp_path / "pairs.csv"
    table.write_text(f"composite,mask,real\n{name.replace(chr(0), '')},b.png,c.png\n")
    with pytest.raises(SourceError, match="no complete pair"):
        triplets.read_pairs(table, "all")


def test_checksums_of_names_that_no_file_can_have_are_problems_of_the_dataset(tmp_path: Path) -> None:
    build_dataset(kill_loop.write_source(tmp_path / "data", 2), tmp_path / "built")
    table = tmp_path / "built" / "checksums.csv"
    for name in ("x" * 300, "a\0b"):
        table.write_text(table.read_text() + f"{name},1,{'0' * 64},\n")
        assert f"{name}: absent" in verify_folder(tmp_path / "built").problems


def test_lists_of_pairs_and_shards_are_files(tmp_path: Path) -> None:
    folder = tmp_path / "HX"
    for name in ("composite_images", "masks", "real_images"):
        (folder / name).mkdir(parents=True)
    os.mkfifo(folder / "HX_train.txt")
    with pytest.raises(CcharmonyError, match="a named pipe, wanted a regular file"):
        iharmony4.read_pairs(tmp_path, "train")
    (tmp_path / "train").mkdir()
    (tmp_path / "index.json").symlink_to("/dev/zero")
    with pytest.raises(CcharmonyError, match="a device, wanted a regular file"):
        shards.read_index(tmp_path)


def test_what_is_no_file_among_photos_is_named_by_a_build_which_goes_on(tmp_path: Path) -> None:
    settings = kill_loop.write_source(tmp_path / "data", 4)
    photos = tmp_path / "data" / "folder" / "photos"
    kinds = {name: make(photos / name) for name, make in (("a.png", pipe), ("b.png", device), ("c.png", local_socket))}
    pipe(photos / "without suffix")
    (photos / "lost.jpg").symlink_to("nowhere")
    report = build_dataset(settings, tmp_path / "built")
    assert sum(report.pairs.values()) > 0
    assert sorted(report.problems) == sorted(
        [
            f"{photos}/without suffix: {reading.PASSED_OVER}",
            f"{photos}/lost.jpg: cannot be read (No such file or directory)",
            *(f"{photos}/{name}: cannot be read ({kind}, wanted a regular file)" for name, kind in kinds.items()),
        ]
    )
