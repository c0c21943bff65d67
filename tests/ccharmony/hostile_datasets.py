"""Built and packed datasets, the files of which are damaged one at a time, and what reads them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np

from ccharmony.build import light, pairs, resume
from ccharmony.build.pipeline import build_dataset
from ccharmony.dataset import checksums, fits, tables
from ccharmony.dataset.card import croissant, metadata, readme
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats import hdf5, pair_folder, shards
from ccharmony.dataset.manifest import write_manifest
from ccharmony.dataset.packing import contents
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.verify import verify_dataset
from ccharmony.dataset.verify import verify_folder
from ccharmony.errors import CcharmonyError, ManifestError
from ccharmony.files import make_folder
from ccharmony.images import pixels
from ccharmony.inspection import statistics, target
from ccharmony.jobs import journal
from ccharmony.records import Pair

from . import kill_loop
from .hostile import Target


def targets(root: Path) -> Iterator[Target]:
    """The tables of a small folder, those of a built dataset, and packed ones."""
    yield from _folder(root / "dataset")
    yield from _built(root / "whole")
    yield from _packed(root / "packed")


def _folder(root: Path) -> Iterator[Target]:
    for folder, name in ((pair_folder.COMPOSITES, "p_a_1"), (pair_folder.MASKS, "p_a"), (pair_folder.REALS, "p")):
        pixels.write_image(make_folder(root / folder) / f"{name}.png", np.full((9, 9, 3), 255, np.uint8))
    files = (f"{pair_folder.COMPOSITES}/p_a_1.png", f"{pair_folder.MASKS}/p_a.png", f"{pair_folder.REALS}/p.png")
    row = Pair(*files, "p", "a", "q", "s", "c", "train", "ridge", "ridge", 0.1, 3.2, "", "0" * 64, "1" * 64, "2" * 64)
    write_manifest(root / tables.MANIFEST, [row])
    settings = b'{"settings": {"pair": {"soft": true}, "fit": "ridge"}, "plan": "x", "photos": {"train": 1}}'
    (root / tables.REPORT).write_bytes(settings)
    (root / "ccHarmony_train.txt").write_bytes(b"p_a_1.png\n")

    def read() -> None:
        verify_folder(root)
        tables.is_soft(root)
        resume.read_finished(root, "x")

    for name in (tables.MANIFEST, tables.REPORT, "ccHarmony_train.txt"):
        yield Target(name, root / name, ((root / name).read_bytes(),), read)


def _built(root: Path) -> Iterator[Target]:
    """Files of a built dataset, of which `verify` sees every change, and which readers of pairs take as well."""
    settings = kill_loop.write_source(root / "data", 2)
    built = root / "built"
    build_dataset(settings, built)
    readers: dict[str, Callable[[], object]] = {
        checksums.NAME: lambda: None,
        tables.MANIFEST: lambda: find_pairs(built / tables.MANIFEST, "train"),
        tables.REPORT: lambda: target.read_target(built),
        tables.FITS: lambda: statistics.measure_dataset(built),
        tables.LISTS[0]: lambda: contents.read_contents(built),
        metadata.NAME: lambda: find_pairs(built, "all"),
        croissant.NAME: lambda: None,
        readme.NAME: lambda: None,
        journal.KEPT: lambda: _restore(built, root / "again"),
    }
    lights = fits.read_fits(built / tables.FITS)
    for name, read in readers.items():
        path = built / name
        whole = path.read_bytes()
        reading = functools.partial(_verify_and_read, path, whole, read, None if name == tables.FITS else lights)
        yield Target(f"dataset's {name}", path, (whole,), reading, slow=name == tables.FITS)


def _verify_and_read(path: Path, whole: bytes, read: Callable[[], object], lights: fits.Fits | None) -> None:
    """Verify and read a dataset; lights that are given are not read: it takes 0.3 s, and their file has its turn."""
    found = contextlib.nullcontext() if lights is None else mock.patch.object(fits, "read_fits", return_value=lights)
    try:
        with found:
            problems = verify_folder(path.parent).problems
    except CcharmonyError as error:
        problems = [str(error)]
    if not problems and path.read_bytes() != whole:
        raise AssertionError(f"{path.name} was changed, which verify does not see")
    read()
    if problems:
        raise ManifestError(problems[0])


def _restore(built: Path, again: Path) -> None:
    """Take results from the journal of a finished dataset, as a build that resumes does."""
    shutil.rmtree(again, ignore_errors=True)
    (again / journal.FOLDER).mkdir(parents=True)
    shutil.copy(built / journal.KEPT, again)
    plan = tables.read_report(built)["plan"]
    found = journal.Journal(again)
    found.restore(plan, {}, "")
    found.load("lights", light.from_json)
    found.load("pairs", pairs.PhotoPairs.from_json)


def _packed(root: Path) -> Iterator[Target]:
    """The index, a table and a tar of shards, their hashes made to fit, and a packed HDF5 file."""
    plain = root / "plain"
    for folder, name in ((pair_folder.COMPOSITES, "p_a_1"), (pair_folder.MASKS, "p_a"), (pair_folder.REALS, "p")):
        pixels.write_image(make_folder(plain / folder) / f"{name}.png", np.full((9, 9, 3), 255, np.uint8))
    (plain / "plain_train.txt").write_bytes(b"p_a_1.png\n")
    pack_dataset(plain, "shards", root / "shards")
    pack_dataset(plain, "h5", root / "set.h5")
    index, tar = root / "shards" / "index.json", root / "shards" / "train" / "shard-000000.tar"

    def read_shards() -> None:
        entry = json.loads(index.read_bytes())
        table = tar.with_suffix(".json").read_bytes()
        entry["shards"][0] |= {"bytes": tar.stat().st_size, "table_sha256": hashlib.sha256(table).hexdigest()}
        index.write_text(json.dumps(entry))
        verify_dataset(root / "shards")
        shards.read_contents_digest(root / "shards")
        find_pairs(root / "shards", "all")

    def read_file() -> None:
        verify_dataset(root / "set.h5")
        hdf5.read_contents_digest(root / "set.h5")

    yield Target("shards' index", index, (index.read_bytes(),), lambda: verify_dataset(root / "shards"))
    for path in (tar, tar.with_suffix(".json")):
        yield Target(f"shards' {path.suffix[1:]}", path, (path.read_bytes(),), read_shards)
    yield from _parquet(plain, root / "parquet")
    yield Target("packed h5", root / "set.h5", ((root / "set.h5").read_bytes(),), read_file, slow=True)


def _parquet(plain: Path, root: Path) -> Iterator[Target]:
    """The index, a table and a file of Parquet, their hashes made to fit, where pyarrow can write it."""
    if find_spec("pyarrow") is None:
        return
    pack_dataset(plain, "parquet", root)
    index, file, table = root / "index.json", *root.glob("data/*"), *root.glob("tables/*")

    def read() -> None:
        entry = json.loads(index.read_bytes())
        hashes = {"table_sha256": hashlib.sha256(table.read_bytes()).hexdigest(), "bytes": file.stat().st_size}
        entry["shards"][0] |= hashes
        index.write_text(json.dumps(entry))
        verify_dataset(root)

    yield Target("Parquet's index", index, (index.read_bytes(),), lambda: verify_dataset(root))
    for name, path in (("Parquet", file), ("Parquet's table", table)):
        yield Target(name, path, (path.read_bytes(),), read)
