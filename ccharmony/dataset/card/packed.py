"""The card of a packed dataset: README.md, croissant.json and contact_sheet.jpg beside its shards.

Contents: :func:`make_packed_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ccharmony import inputs
from ccharmony.dataset import tables
from ccharmony.dataset.card import croissant, readme, sheet
from ccharmony.dataset.card.facts import Facts
from ccharmony.dataset.checksums import Checksum
from ccharmony.dataset.fits import read_fits
from ccharmony.dataset.formats import shards
from ccharmony.dataset.formats.pair_files import PARTS
from ccharmony.dataset.formats.shards import Shard
from ccharmony.dataset.manifest import COLUMNS, read_manifest
from ccharmony.records import SPLITS

_TARS = {
    "{split}/shard-<number>.tar": "pairs as WebDataset reads them: .composite, .mask, .real, and .json with their row",
    "{split}/shard-<number>.json": "where each picture stands in that tar",
}
_PARQUET = {
    "data/{split}-<number>-of-<count>.parquet": "a row a pair: its pictures, and the columns of the manifest",
    "tables/{split}-<number>-of-<count>.json": "where each picture stands in that file",
}
_INDEX = "size and SHA-256 of every file; `ccharmony verify` compares them"
_LOADING = {
    shards.TARS: (
        "from datasets import load_dataset  # pip install datasets",
        "",
        'pairs = load_dataset("path/of/this/folder", split="train", streaming=True)',
        'next(iter(pairs))["composite.{suffix}"]  # a Pillow image; and mask.png, real.{suffix}, json',
    ),
    shards.PARQUET: (
        "from datasets import load_dataset  # pip install datasets",
        "",
        'pairs = load_dataset("path/of/this/folder", split="train")',
        'pairs[0]["composite"], pairs[0]["mask"], pairs[0]["real"]  # Pillow images',
    ),
}


def make_packed_files(root: Path, composites: Sequence[str], written: Sequence[Shard], form: str) -> dict[str, bytes]:
    """Return the files by name.

    Parameters
    ----------
    root
        The dataset that was packed.
    composites
        Names of the composites that were packed, as its manifest has them.
    written
        The shards.
    form
        `shards.TARS` or `shards.PARQUET`.

    Returns
    -------
    dict[str, bytes]
        Content by name; nothing where the dataset is not one that a build or a merge wrote, such as a folder of
        several, since then nothing is known of its photos and their terms.

    Raises
    ------
    ManifestError
        Its manifest or its fits cannot be read.
    """
    report = tables.read_report(root)
    if not report or not all((root / name).is_file() for name in (tables.MANIFEST, tables.FITS)):
        return {}
    packed = set(composites)
    rows = [row for row in read_manifest(root / tables.MANIFEST) if row.composite in packed]
    if not rows:
        return {}
    lights = {record.id: record for record in read_fits(root / tables.FITS)}
    facts = Facts(rows, lights, report.get("settings", {}), report)
    suffix = Path(rows[0].composite).suffix.lstrip(".")
    loading = [line.replace("{suffix}", suffix) for line in _LOADING[form]]
    known = {shard.file: Checksum(shard.bytes, shard.sha256) for shard in written}
    return {
        readme.NAME: readme.write_card(facts, _config(written, form), _files(form), loading, _features(form)),
        croissant.NAME: croissant.describe_packed(facts, known, form == shards.PARQUET),
        sheet.NAME: _sheet(root, facts),
    }


def _config(written: Sequence[Shard], form: str) -> readme.Config:
    """Return how `datasets` finds the shards of each split."""
    splits = [split for split in SPLITS if any(shard.split == split for shard in written)]
    pattern = "data/{}-*.parquet" if form == shards.PARQUET else "{}/*.tar"
    return {"config_name": "default", "data_files": [{"split": name, "path": pattern.format(name)} for name in splits]}


def _features(form: str) -> list[dict[str, str]]:
    """Return the columns of Parquet: a stream would give pictures as bytes, though the files say what they are."""
    if form != shards.PARQUET:
        return []
    rest = {name for name in COLUMNS if name not in (*PARTS, "split") and not name.endswith("_sha256")}
    kinds = {"position": "int64", "set": "string", "name": "string", "split": "string"}
    kinds |= dict.fromkeys(PARTS, "image")
    kinds |= {name: "float64" if name in croissant.NUMBERS else "string" for name in sorted(rest)}
    return [{"name": name, "dtype": kind} for name, kind in {**kinds, "row": "string"}.items()]


def _files(form: str) -> Mapping[str, str]:
    found = _PARQUET if form == shards.PARQUET else _TARS
    return {name.replace("{split}", "<split>"): text for name, text in found.items()} | {shards.INDEX: _INDEX}


def _sheet(root: Path, facts: Facts) -> bytes:
    """Return the dataset's own sheet, or one drawn anew where it has none."""
    try:
        return inputs.read_bytes(root / sheet.NAME, inputs.PICTURE_BYTES)
    except OSError:
        return sheet.draw_sheet(root, facts.rows)
