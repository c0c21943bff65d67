"""README.md: the dataset's card, in the form of Hugging Face: a YAML head for programs, sections for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ccharmony import __version__, catalog
from ccharmony.dataset.card import metadata, sheet
from ccharmony.dataset.card.facts import PAPER, Facts
from ccharmony.names import shown

NAME = "README.md"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Pairs below which a dataset has each size category of Hugging Face."""

Config = Mapping[str, Any]
"""How `datasets` finds the files of each split: an entry of ``configs`` in the card's head."""

_TEMPLATE = "README.md.j2"


def write_card(
    facts: Facts,
    config: Config,
    files: Mapping[str, str],
    loading: Sequence[str],
    features: Sequence[Mapping[str, str]] = (),
) -> bytes:
    """Return the card; the same dataset gives the same bytes.

    Parameters
    ----------
    facts
        What is stated.
    config
        How `datasets` finds the splits.
    files
        Name of each file, and what it holds.
    loading
        Lines of Python that load the dataset.
    features
        Name and type of each column, where `datasets` would not know all of them; else nothing.

    Returns
    -------
    bytes
        Markdown, UTF-8.
    """
    import jinja2  # here, since it takes 50 ms and most commands write no card

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ccharmony.dataset.card", "."),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"json": _to_json, "cell": _to_cell}
    text = environment.get_template(_TEMPLATE).render(
        head=_head(facts, config) | ({"dataset_info": {"features": list(features)}} if features else {}),
        facts=facts,
        sheet=sheet.NAME,
        loading=loading,
        files=files,
        release=catalog.read_source(PAPER),
        version=__version__,
    )
    return text.encode()


def folder_config(splits: Sequence[str]) -> Config:
    """Return how `datasets` reads a plain folder: rows of each split's metadata, and the pictures that they name."""
    names = [metadata.OF_SPLIT[split] for split in splits]
    parts = [{"split": split, "path": [name, "composite_images/*"]} for split, name in zip(splits, names, strict=True)]
    return {"config_name": "default", "data_files": parts, "metadata_filenames": names}


def _head(facts: Facts, config: Config) -> dict[str, Any]:
    count = len(facts.rows)
    return {
        "pretty_name": facts.title,
        "license": facts.license,
        "task_categories": ["image-to-image"],
        "tags": ["image-harmonization", "color-constancy"],
        "size_categories": [next((name for most, name in SIZES if count < most), "n>1M")],
        "configs": [config],
    }


def _to_json(value: Any) -> str:
    """Return a value as JSON, which is YAML, too."""
    return json.dumps(value, ensure_ascii=False)


def _to_cell(value: object) -> str:
    """Return a text that no reader of Markdown takes for a mark: names of cameras and folders come from elsewhere."""
    text = shown(str(value))
    for mark in "\\|<[*_`":
        text = text.replace(mark, f"\\{mark}")
    return text
