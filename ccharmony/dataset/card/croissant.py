"""croissant.json: the dataset described in MLCommons Croissant 1.0, a JSON-LD vocabulary that tools load data by.

See https://docs.mlcommons.org/croissant/docs/croissant-spec.html. A record set has the pairs, the rows of
manifest.csv; another one the pictures of each folder. A pair names its pictures by their paths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ccharmony import __version__
from ccharmony.dataset.card.facts import Facts
from ccharmony.dataset.checksums import Checksum
from ccharmony.dataset.formats.pair_files import PARTS
from ccharmony.dataset.manifest import COLUMNS

NAME = "croissant.json"
SPEC = "http://mlcommons.org/croissant/1.0"
MANIFEST = "manifest.csv"

_PACKED = "parquet-files"
NUMBERS = ("clipped_share", "delta_e")
"""Columns of the manifest that are numbers."""
_TERMS = {
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **_TERMS,
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}
"""The context that the specification gives."""

_KINDS = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".h5": "application/x-hdf5",
    ".tar": "application/x-tar",
    ".parquet": "application/x-parquet",
}


def describe(facts: Facts, files: Mapping[str, Checksum], folders: Sequence[str]) -> bytes:
    """Return the description.

    Parameters
    ----------
    facts
        What is stated.
    files
        Tables of the dataset, by name.
    folders
        Its folders of pictures.

    Returns
    -------
    bytes
        JSON, UTF-8.
    """
    distribution = [*(_table(name, files[name]) for name in files), *(_pictures(facts, name) for name in folders)]
    return _write(facts, distribution, [_pairs(), *map(_record_of_pictures, folders)])


def describe_packed(facts: Facts, files: Mapping[str, Checksum], is_parquet: bool) -> bytes:
    """Return the description of a packed dataset.

    Parameters
    ----------
    facts
        What is stated.
    files
        Its shards, by name.
    is_parquet
        Whether they are Parquet, of which each pair is a record with its pictures, or tars, of which each picture is
        one: Croissant does not join the members of a tar.

    Returns
    -------
    bytes
        JSON, UTF-8.
    """
    tables = [_table(name, files[name]) for name in files]
    if is_parquet:
        rows = {"@type": "cr:FileSet", "@id": _PACKED, "name": _PACKED, "encodingFormat": "application/x-parquet"}
        return _write(facts, [*tables, {**rows, "includes": "data/*.parquet"}], [_packed_pairs()])
    sets = [_members(part, list(files)) for part in PARTS]
    return _write(facts, [*tables, *sets], [_record_of_pictures(part) for part in PARTS])


def _write(facts: Facts, distribution: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]]) -> bytes:
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": SPEC,
        "name": facts.title,
        "description": f"{len(facts.rows)} composites with masks and real pictures, for image harmonization.",
        "license": [f"{source.name}: {source.terms}" for source in facts.sources],
        "url": [source.page for source in facts.sources if source.page],
        "version": __version__,
        "citeAs": "\n".join(facts.citations),
        "distribution": distribution,
        "recordSet": records,
    }
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _table(name: str, known: Checksum) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{known.bytes} B",
        "encodingFormat": _KINDS[PurePosixPath(name).suffix],
        "sha256": known.sha256,
    }


def _pictures(facts: Facts, folder: str) -> dict[str, Any]:
    names = {
        name for row in facts.rows for name in (row.composite, row.mask, row.real) if name.startswith(f"{folder}/")
    }
    suffixes = sorted({PurePosixPath(name).suffix for name in names})
    return {
        "@type": "cr:FileSet",
        "@id": _files_of(folder),
        "name": _files_of(folder),
        "encodingFormat": [_KINDS.get(suffix, "image/*") for suffix in suffixes],
        "includes": [f"{folder}/*{suffix}" for suffix in suffixes],
    }


def _members(part: str, tars: Sequence[str]) -> dict[str, Any]:
    """Return the pictures of one kind in all tars."""
    return {
        "@type": "cr:FileSet",
        "@id": _files_of(part),
        "name": _files_of(part),
        "containedIn": [{"@id": name} for name in tars],
        "encodingFormat": "image/*",
        "includes": f"*.{part}.*",
    }


def _packed_pairs() -> dict[str, Any]:
    """Return the record set of a Parquet dataset: pictures are bytes in a column."""
    pictures = [_field("pairs", part, "sc:ImageObject", _packed_column(part, jsonPath="bytes")) for part in PARTS]
    rest = [
        _field("pairs", name, "sc:Float" if name in NUMBERS else "sc:Text", _packed_column(name))
        for name in ("name", *COLUMNS)
        if name not in PARTS and not name.endswith("_sha256")
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": "pairs",
        "name": "pairs",
        "description": "One record a pair: its pictures, and the columns of manifest.csv.",
        "field": [*pictures, *rest],
    }


def _packed_column(name: str, **transform: str) -> dict[str, Any]:
    source = {"fileSet": {"@id": _PACKED}, "extract": {"column": name}}
    return {**source, "transform": transform} if transform else source


def _pairs() -> dict[str, Any]:
    fields = [_field("pairs", name, "sc:Float" if name in NUMBERS else "sc:Text", _column(name)) for name in COLUMNS]
    return {
        "@type": "cr:RecordSet",
        "@id": "pairs",
        "name": "pairs",
        "description": "One record a pair: the rows of manifest.csv. The pictures are named by their paths.",
        "key": {"@id": "pairs/composite"},
        "field": fields,
    }


def _record_of_pictures(folder: str) -> dict[str, Any]:
    path = _field(folder, "path", "sc:Text", _file(folder, "fullpath"))
    picture = _field(folder, "image", "sc:ImageObject", _file(folder, "content"))
    return {
        "@type": "cr:RecordSet",
        "@id": folder,
        "name": folder,
        "description": f"The files of {folder}.",
        "key": {"@id": f"{folder}/path"},
        "field": [path, picture],
    }


def _field(owner: str, name: str, kind: str, source: Mapping[str, Any]) -> dict[str, Any]:
    identity = f"{owner}/{name}"
    return {"@type": "cr:Field", "@id": identity, "name": identity, "dataType": kind, "source": source}


def _column(name: str) -> dict[str, Any]:
    return {"fileObject": {"@id": MANIFEST}, "extract": {"column": name}}


def _file(folder: str, what: str) -> dict[str, Any]:
    return {"fileSet": {"@id": _files_of(folder)}, "extract": {"fileProperty": what}}


def _files_of(folder: str) -> str:
    return f"{folder}-files"
