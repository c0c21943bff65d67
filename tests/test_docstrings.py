"""Public docstrings are complete: a function with a section Parameters that returns something has a section Returns."""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def public_functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions, and methods of classes, whose names and whose class's name have no leading underscore."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node


def sections(node: ast.FunctionDef) -> set[str]:
    """Titles of the sections of a numpydoc docstring, each underlined with dashes."""
    lines = (ast.get_docstring(node) or "").splitlines()
    return {title for title, rule in itertools.pairwise(lines) if rule and not rule.strip("-")}


def lacks_returns(node: ast.FunctionDef) -> bool:
    returned = "None" if node.returns is None else ast.unparse(node.returns)
    found = sections(node)
    return "Parameters" in found and returned not in ("None", "NoReturn") and not found & {"Returns", "Yields"}


@pytest.mark.parametrize("package", ["ccharmony", "harmonize"])
def test_functions_with_parameters_say_what_they_return(package: str) -> None:
    incomplete = [
        f"{path.relative_to(ROOT)}:{node.lineno} {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name, node in public_functions(ast.parse(path.read_text(encoding="utf-8")).body)
        if lacks_returns(node)
    ]
    assert not incomplete, "\n".join(incomplete)


@pytest.mark.parametrize(
    ("docstring", "lacks"),
    [
        ("Add.\n\n    Parameters\n    ----------\n    one\n        A number.\n", True),
        (
            "Add.\n\n    Parameters\n    ----------\n    one\n        A number.\n\n    Returns\n    -------\n    int",
            False,
        ),
        ("Add one; returns the sum.", False),
    ],
)
def test_missing_section_is_noticed(docstring: str, lacks: bool) -> None:
    (node,) = ast.parse(f'def add(one: int) -> int:\n    """{docstring}"""').body
    assert isinstance(node, ast.FunctionDef)
    assert lacks_returns(node) is lacks
