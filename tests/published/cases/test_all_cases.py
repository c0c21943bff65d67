"""Every case (../shared/cases) has its test: that of ccharmony/NN_name.md begins with `test_ccharmony_NN`."""

import re
from pathlib import Path

import pytest

from .case_files import CASES

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here")


def test_each_case_has_its_test() -> None:
    """A case is a Markdown file; its test is called after its number."""
    wanted = {
        f"{package}_{path.stem[:2]}"
        for package in ("ccharmony", "harmonize")
        for path in (CASES / package).glob("*.md")
    }
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*_cases.py"))
    assert set(re.findall(r"^def test_((?:ccharmony|harmonize)_\d\d)_", tests, re.M)) == wanted
    assert len(wanted) == 38
