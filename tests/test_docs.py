"""What the README and the pages say is held to the code: numbers, columns, keys, options."""

import ast
import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest

from ccharmony.color.residuals import Residuals
from ccharmony.dataset import manifest
from ccharmony.dataset.build_report import BuildReport
from ccharmony.dataset.card import metadata
from harmonize.evaluation import protocols, report

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def _section(page: str, title: str) -> str:
    """Return what stands below a heading of docs/<page>.md, up to the next heading of any level."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found, f"{page}.md has no section {title}"
    return found[1]


def _tables(section: str) -> list[list[list[str]]]:
    """Return each table as rows of cells, without its head."""
    blocks = re.findall(r"(?:^\|.*\n?)+", section, re.M)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]] for block in blocks
    ]


def _names(table: list[list[str]]) -> list[str]:
    """Return the names in backticks of a table's first column."""
    return [name for row in table for name in re.findall(r"`([^`]+)`", row[0])]


def test_the_four_pixel_example_scores_as_its_page_says():
    pixels, scores = _tables(_section("evaluate", "One picture, six protocols"))[1:]
    real, prediction, error, mask = (np.array([float(cell) for cell in row[1:]]) for row in pixels)
    np.testing.assert_allclose(prediction - real, error, atol=1e-9)
    pictures = [np.repeat(row[None, :, None], 3, axis=2) for row in (prediction, real)]
    assert [row[0].strip("`") for row in scores] == list(protocols.PROTOCOLS)
    for name, *told in scores:
        found = protocols.score(protocols.find(name.strip("`")), *pictures, mask[None].astype(np.float32))
        assert told == [f"{value:.3f}" for value in (found.mse, found.fmse, found.psnr)]


def test_every_column_of_the_manifest_is_explained():
    [table] = _tables(_section("formats", "manifest.csv"))
    assert tuple(_names([row[:1] for row in table])) == manifest.COLUMNS


def test_every_column_of_the_metadata_is_explained():
    [table] = _tables(_section("formats", "metadata.csv"))
    assert tuple(_names([row[:1] for row in table])) == metadata.COLUMNS


def test_every_figure_of_a_fit_is_explained():
    figures = _tables(_section("formats", "fits.h5"))[1]
    assert sorted(_names(figures)) == sorted(field.name for field in dataclasses.fields(Residuals))


def test_every_key_of_the_build_report_is_explained():
    [table] = _tables(_section("formats", "build.json"))
    assert sorted(_names(table)) == sorted([*BuildReport().as_dict(), "settings", "versions"])


def test_every_column_of_an_evaluation_is_explained():
    [table] = _tables(_section("formats", "images.csv of an evaluation"))
    *plain, first, last = _names(table)
    assert (*plain, *report.COLUMNS[-6:]) == report.COLUMNS
    assert (first, last) == (report.COLUMNS[-6], report.COLUMNS[-1])


@pytest.mark.parametrize("package", ["ccharmony", "harmonize"])
def test_the_pages_of_the_python_api_have_every_exported_name_once(package):
    text = (ROOT / "docs" / f"api_{package}.md").read_text(encoding="utf-8")
    named = re.findall(rf"^::: {package}\.(\w+)$", text, re.M)
    assert sorted(named) == sorted(importlib.import_module(package).__all__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_a_page_imports_exported_names(page):
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                exported = importlib.import_module(str(node.module)).__all__
                assert {alias.name for alias in node.names} <= set(exported)


def _options(package: str, name: str, *words: str) -> set[str]:
    """Return the options of a command; the first word after the name of a group is the command's."""
    context = click.Context(click.Group())
    command = importlib.import_module(f"{package}.cli").group.get_command(context, name)
    if isinstance(command, click.Group) and words:
        command = command.get_command(context, words[0])
    assert command is not None, f"no command {package} {name}"
    return {
        option for parameter in command.get_params(context) for option in (*parameter.opts, *parameter.secondary_opts)
    }


def _shown(page: Path) -> list[str]:
    """Return the lines of a page's blocks, and the code within its sentences."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```(?:bash)?\n(.*?)^```", text, re.M | re.S)
    inline = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [*(line for block in blocks for line in block.splitlines()), *(code.replace("\n", " ") for code in inline)]


def _command_lines() -> list[tuple[str, str, str]]:
    """Return every command that is shown as page, package and the rest of its line."""
    pattern = re.compile(r"(?:^\$? ?|&& |-m )(ccharmony|harmonize) ([a-z-]+ .*)")
    found = [(page.name, pattern.search(line)) for page in PAGES for line in _shown(page)]
    return [(page, match[1], match[2].partition(" # ")[0].strip()) for page, match in found if match]


def test_the_pages_show_every_command_of_both_packages():
    shown = {(package, line.split()[0]) for _, package, line in _command_lines()}
    for package in ("ccharmony", "harmonize"):
        commands = importlib.import_module(f"{package}.cli").group.list_commands(click.Context(click.Group()))
        assert {name for shown_of, name in shown if shown_of == package} == set(commands)


@pytest.mark.parametrize(("page", "package", "line"), _command_lines())
def test_every_option_of_a_command_that_a_page_shows_is_one(page, package, line):
    name, *words = shlex.split(line)
    given = {word for word in words if re.match(r"--?[a-z]", word)}
    assert given <= _options(package, name, *words), page


@pytest.mark.parametrize(
    ("page", "package", "name"),
    [
        ("build", "ccharmony", "build"),
        ("train", "harmonize", "train"),
        ("evaluate", "harmonize", "evaluate"),
        ("apply", "harmonize", "apply"),
    ],
)
def test_every_option_that_the_page_of_a_command_explains_is_one(page, package, name):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(--[a-z-]+)", text))
    assert len(named) >= 5
    assert named <= _options(package, name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_module_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    folders = "ccharmony|harmonize|tests|benchmarks|data_manifests|docs"
    files = re.findall(rf"(?<![\w/.-])((?:{folders})/[\w/.-]*\w/?)", text)
    modules = re.findall(r"python -m\s+((?:benchmarks|tests)\.[\w.]*\w)", text)
    places = {*files, *(f"{module.replace('.', '/')}.py" for module in modules)}
    assert {place for place in places if not (ROOT / place).exists()} == set()


def test_the_first_two_commands_of_the_readme_are_those_that_ci_runs():
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert blocks == [
        "pip install -c constraints.txt -e . && ccharmony build --src demo --out out/demo\n",
        'pip install -c constraints.txt -e ".[dev]" && pytest -n 2\n',
    ]
