"""docs/limits.md states every limit as the code has it."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "limits.md"
ROWS = re.findall(r"^\| .+? \| ([\d,]+)[^|]* \| `([\w.]+)\.(\w+)` \|$", PAGE.read_text(encoding="utf-8"), re.M)


def test_the_page_has_a_row_for_each_line_of_its_table() -> None:
    assert len(ROWS) == sum(line.startswith("| ") for line in PAGE.read_text().splitlines()) - 1
    assert len(ROWS) >= 13


@pytest.mark.parametrize(("stated", "module", "name"), ROWS, ids=[name for *_, name in ROWS])
def test_each_limit_is_that_of_the_code(stated: str, module: str, name: str) -> None:
    assert int(stated.replace(",", "")) == getattr(importlib.import_module(module), name)
