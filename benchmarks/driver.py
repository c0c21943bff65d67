"""What a build costs besides the work on its photos: donors, journal, tables, and the memory they take.

Rows and lights are made up, no picture is read or written. Printed are seconds on the clock and, in parentheses,
seconds of the processor, which other work on the machine hardly changes.

`python -m benchmarks.driver [--photos 100000] [--smoke]`
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import click
import numpy as np

from benchmarks.timing import MEGABYTE, peak_megabytes
from ccharmony.build import donors, light
from ccharmony.build.pairs import PhotoPairs
from ccharmony.checker.chart import STANDARD
from ccharmony.color import residuals
from ccharmony.color.polynomial import fit_polynomial
from ccharmony.dataset import fits, tables, write_tables
from ccharmony.dataset.manifest import read_manifest
from ccharmony.jobs import journal
from ccharmony.records import FitRecord, Pair, Photo

COMPOSITES = 10

Made = TypeVar("Made")


@click.command()
@click.option("--photos", "count", type=click.IntRange(min=20), default=100_000, show_default=True, help="Made up.")
@click.option("--smoke", is_flag=True, help="Two hundred photos: shows that it runs.")
def main(count: int, smoke: bool) -> None:
    """Print seconds, megabytes and bytes for a build of that many photos, one foreground and ten composites each."""
    count = 200 if smoke else count
    click.echo(f"{count} photos, {COMPOSITES * count} pairs:")
    book = _measured("lights in memory", lambda: _lights(count))
    made = _measured("rows in memory", lambda: _results(list(book)))
    _timed("train or test", lambda: donors.assign_splits([_photo(name) for name in book]))
    candidates = {name: record.from_standard for name, record in book.items()}
    names = [f"foreground {number}" for number in range(5)]
    _timed(
        "donors of five foregrounds",
        lambda: [_first(donors.order_candidates(name, candidates, 0)) for name in names],
    )
    with tempfile.TemporaryDirectory() as folder:
        _journal(Path(folder) / "journal", book, made)
        _tables(Path(folder) / "tables", book, [row for result in made for row in result.pairs])


def _journal(root: Path, book: Mapping[str, FitRecord], made: Sequence[PhotoPairs]) -> None:
    with journal.begin_journal(root) as opened:
        opened.start("plan", {})
        _timed("journal: lights saved", lambda: _save_lights(opened, book.values()))
        _timed("journal: rows saved", lambda: _save_rows(opened, made))
        _timed("journal: lights read again", lambda: opened.load("lights", light.from_json))
        _timed("journal: rows read again", lambda: opened.load("pairs", PhotoPairs.from_json))
        files = [path for path in opened.folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        click.echo(f"  {'journal on disk':32s}  {size / MEGABYTE:9.1f} MB in {len(files)} files")
        _timed("journal: removed", opened.clear)


def _tables(root: Path, book: Mapping[str, FitRecord], rows: Sequence[Pair]) -> None:
    write_tables.prepare_folders(root)
    for name in tables.pictures_of(rows):
        (root / name).touch()  # checksums.csv has the size of every picture
    peak = 0.0

    def write() -> None:
        nonlocal peak
        peak = peak_megabytes(lambda: write_tables.write_tables(root, rows, book, {}, {}))

    _timed("tables written", write)
    click.echo(f"  {'tables, memory while written':32s}  {peak:9.1f} MB")
    for name in (tables.MANIFEST, tables.FITS, "ccHarmony_train.txt"):
        click.echo(f"  {name:32s}  {(root / name).stat().st_size / MEGABYTE:9.1f} MB")
    _timed("manifest.csv read again", lambda: read_manifest(root / tables.MANIFEST))
    _timed("fits.h5 read again", lambda: fits.read_fits(root / tables.FITS))


def _lights(count: int) -> dict[str, FitRecord]:
    """Return lights that differ from each other, as a folder of photos would give them."""
    random = np.random.default_rng(0)
    kinds = fit_polynomial(STANDARD, STANDARD, "ridge")
    figures = [field.name for field in dataclasses.fields(residuals.Residuals)]
    records = {}
    for number in range(count):
        name = f"photo_{number:08d}"
        patches = np.clip(STANDARD + random.normal(0, 0.02, (24, 3)), 0, 1)
        matrix = kinds + random.normal(0, 0.01, kinds.shape)
        split = "test" if number % 7 < 2 else "train"
        values = dict(zip(figures, random.random(len(figures)).tolist(), strict=True))
        records[name] = FitRecord(
            name, "camera", "nus", "ridge", patches, matrix, matrix.copy(), split, residuals=values
        )
    return records


def _results(names: Sequence[str]) -> list[PhotoPairs]:
    """Return what each photo gave, as it comes back from the journal or from another machine."""
    return [
        PhotoPairs([_row(name, names[(row + k) % len(names)], k) for k in range(1, COMPOSITES + 1)])
        for row, name in enumerate(names)
    ]


def _row(photo: str, donor: str, number: int) -> Pair:
    hashes = [hashlib.sha256(f"{photo}{number}{part}".encode()).hexdigest() for part in range(3)]
    names = f"composite_images/{photo}_a_{number}.jpg", f"masks/{photo}_a.png", f"real_images/{photo}.jpg"
    figures = number / 1000, 2 + number / 7
    return Pair(*names, photo, "a", donor, "nus", "camera", "train", "ridge", "ridge", *figures, "", *hashes)


def _photo(name: str) -> Photo:
    return Photo(name, "nus", "camera", Path(name))


def _first(ordered: object) -> list[str]:
    return [donor for donor, _ in zip(ordered, range(COMPOSITES), strict=False)]  # type: ignore[call-overload]


def _save_lights(opened: journal.Journal, records: Iterable[FitRecord]) -> None:
    for record in records:
        opened.save("lights", record.id, light.to_json(light.RecordedLight(record, None)))


def _save_rows(opened: journal.Journal, made: Iterable[PhotoPairs]) -> None:
    for result in made:
        opened.save("pairs", result.pairs[0].photo, result.to_json())


def _timed(what: str, run: Callable[[], object]) -> None:
    passed, worked = time.perf_counter(), time.process_time()
    run()
    passed, worked = time.perf_counter() - passed, time.process_time() - worked
    click.echo(f"  {what:32s}  {passed:9.2f} s  ({worked:.2f})")


def _measured(what: str, make: Callable[[], Made]) -> Made:
    made: list[Made] = []
    grown = peak_megabytes(lambda: made.append(make()))
    click.echo(f"  {what:32s}  {grown:9.1f} MB")
    return made[0]


if __name__ == "__main__":
    main()
