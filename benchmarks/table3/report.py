"""docs/results.md, docs/ablation.svg and docs/ablation_strip.webp from whatever runs are finished."""

from __future__ import annotations

from pathlib import Path

from benchmarks import page
from benchmarks.table3 import figure, results, strip, tables
from benchmarks.table3.results import Result
from benchmarks.table3.study import Study
from ccharmony import files
from ccharmony.images import pixels

DIAGNOSIS = "diagnosis.md"
"""In a study's folder: what `diagnosis.report` found last."""

PAGE = """# Results

## The ablation of the paper's Table 3

What the rows of the GiftNet paper's Table 3 score when all of them are trained and scored alike. The parts between
markers are written by `python -m benchmarks.ablation report`; the rest is written by hand and stays.

<!-- generated: setting -->
<!-- end of setting -->

<!-- generated: figure -->
<!-- end of figure -->

<!-- generated: rows -->
<!-- end of rows -->

### Rows 1, 5 and 8 in pairs

<!-- generated: pairs -->
<!-- end of pairs -->

### Which of the paper's findings hold

A gain is a lower fMSE. In brackets the 95 % interval over photos, in parentheses what the paper's table gives.

<!-- generated: findings -->
<!-- end of findings -->

### Sensitivity of row 8

<!-- generated: sensitivity -->
<!-- end of sensitivity -->

### How much each reading of the distillation loss has to say

<!-- generated: diagnosis -->
<!-- end of diagnosis -->

### The same composites

<!-- generated: strip -->
<!-- end of strip -->
"""


def write(study: Study, docs: Path, demo: Path | None = None) -> list[Path]:
    """Write the page and its pictures.

    Parameters
    ----------
    study
        Its finished runs are reported.
    docs
        Folder of the page; what people wrote there outside the generated parts stays.
    demo
        Rendered dataset in iHarmony4's layout for the strip; without it the strip stays as it is.

    Returns
    -------
    list[Path]
        The files written.

    Raises
    ------
    CcharmonyError
        A table is damaged, the dataset is broken, or a file cannot be written.
    """
    found = results.read(study)
    files.make_folder(docs)
    text = docs / "results.md"
    written = [text]
    if found:
        written.append(docs / "ablation.svg")
        files.write_bytes(written[-1], figure.draw(found))
    drawn = None if demo is None else strip.draw(study, found, demo)
    if drawn is not None:
        written.append(docs / "ablation_strip.webp")
        pixels.write_image(written[-1], drawn, 80)
    former = text.read_text(encoding="utf-8") if text.is_file() else PAGE
    blocks = {
        **tables.make(study, found),
        "figure": "![fMSE by row](ablation.svg)" if found else "Not drawn yet.",
        "diagnosis": _diagnosis(study),
        "strip": _strip(docs, found),
    }
    files.write_bytes(text, page.fill(former, blocks).encode())
    return written


def _diagnosis(study: Study) -> str:
    file = study.path / DIAGNOSIS
    return file.read_text(encoding="utf-8") if file.is_file() else "Not measured yet."


def _strip(docs: Path, found: list[Result]) -> str:
    if not found or not (docs / "ablation_strip.webp").is_file():
        return "Not drawn yet."
    return f"From top to bottom {', '.join(strip.LINES)}; rendered pairs.\n\n![strip](ablation_strip.webp)"
