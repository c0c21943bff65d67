"""The files that describe a dataset, made of its tables and pictures.

Contents: :data:`NAMES`, :func:`make_files`.
"""

from __future__ import annotations

from pathlib import Path

from ccharmony.dataset import checksums, tables
from ccharmony.dataset.card import croissant, metadata, readme, sheet
from ccharmony.dataset.card.facts import Facts

NAMES = (readme.NAME, croissant.NAME, metadata.NAME, *metadata.OF_SPLIT.values(), sheet.NAME)
"""What a dataset may have of them; a split without pairs has no metadata."""

_LOADING = (
    "from datasets import load_dataset  # pip install datasets",
    "",
    'pairs = load_dataset("path/of/this/folder", split="train")',
    'pairs[0]["image"], pairs[0]["mask"], pairs[0]["real"]  # Pillow images: composite, mask, real picture',
)
_CONTENT = {
    tables.MANIFEST: "one row a pair: names, light, fit kinds, clipped share, ΔE2000, hashes",
    tables.FITS: "the light of every photo: patch colors, two matrices, errors",
    tables.LISTS[0]: "composites of the train split, one a line",
    tables.LISTS[1]: "composites of the test split, one a line",
    metadata.NAME: "the pairs for readers of plain folders of pictures",
    croissant.NAME: "the dataset in MLCommons Croissant 1.0",
    checksums.NAME: "size and SHA-256 of every file; `ccharmony verify` compares them",
    tables.REPORT: "settings, versions, what was left out and why",
}
_PICTURES = {
    f"{tables.FOLDERS[0]}/<photo>_<foreground>_<k>": "composites",
    f"{tables.FOLDERS[1]}/<photo>_<foreground>.png": "masks: 255 in the foreground, 0 elsewhere",
    f"{tables.FOLDERS[2]}/<photo>": "real pictures",
}


def make_files(root: Path, facts: Facts) -> dict[str, bytes]:
    """Return the files by name.

    Parameters
    ----------
    root
        The dataset; its pictures, lists, manifest and fits are written.
    facts
        What is stated.

    Returns
    -------
    dict[str, bytes]
        Content by name; the same dataset gives the same bytes.

    Raises
    ------
    OSError
        A table cannot be read.
    """
    made = {sheet.NAME: sheet.draw_sheet(root, facts.rows), **metadata.tabulate(facts.rows)}
    config = readme.folder_config([split for split, name in metadata.OF_SPLIT.items() if name in made])
    described = [tables.MANIFEST, tables.FITS, *tables.LISTS]
    known = {name: checksums.measure(root / name) for name in described}
    return {
        readme.NAME: readme.write_card(facts, config, {**_PICTURES, **_CONTENT}, _LOADING),
        croissant.NAME: croissant.describe(facts, known, tables.FOLDERS),
        **made,
    }
