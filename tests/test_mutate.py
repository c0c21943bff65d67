import ast

import pytest

from . import mutate


def changes(source: str) -> list[str]:
    return [mutant.change for mutant in mutate.mutants(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < 3", ["a < 3 -> a <= 3", "a < 3 -> a < 4"]),
        ("x = 2.0 * a", ["2.0 * a -> 3.0 * a", "2.0 * a -> 2.0 / a"]),
        ("x = not a", ["x = not a -> x = a"]),
        ("x = f(a, flag=True)", ["f(a, flag=True) -> f(a)", "flag=True -> flag=False"]),
        ("x[0] = a", ["x[0] = a -> pass", "x[0] -> x[1]"]),
        ("def f(a):\n    return a", ["return a -> return None"]),
        ("x = 'a'", ["x = 'a' -> x = 'a?'"]),
        ("if a:\n    x = b", ["if a: -> if not a:"]),
        ("if a:\n    raise ValueError('a')", ["if a: -> if not a:", "raise ValueError('a') -> pass"]),
    ],
)
def test_each_change_is_made_once(source: str, expected: list[str]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source", ["'Says what it is.'", "import a", "x: Literal['a'] = b", "X = Literal['a', 'b']", "x = f'{a} of {1}'"]
)
def test_what_no_test_should_see_stays(source: str) -> None:
    assert changes(source) == []


def test_a_mutant_is_a_whole_module_with_one_change_and_its_line() -> None:
    source = "'A module.'\n\ndef f(a, b):\n    return a + b\n"
    add, gone = sorted(mutate.mutants(source), key=lambda mutant: mutant.change)
    assert (add.line, add.source) == (4, ast.unparse(ast.parse(source.replace("+", "-"))))
    assert (gone.line, gone.source) == (4, ast.unparse(ast.parse(source.replace("a + b", "None"))))
