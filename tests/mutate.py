"""Mutation testing: change one module in one place at a time and see whether its tests notice.

    python -m tests.mutate ccharmony.color.polynomial tests/ccharmony/test_polynomial.py

A changed module, a mutant, is killed when a test fails. One that survives shows a line that no test checks, or a
change that makes no difference (an equivalent mutant). One that runs ten times as long as the module is stopped.

The libraries are imported once; each mutant then runs in a forked process, in which the changed source takes the
module's place. Tests that start another Python see the module unchanged, so they kill nothing here.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal, NoReturn, get_args

import pytest

Outcome = Literal["killed", "survived", "timed out"]

OWN = ("ccharmony", "harmonize", "tests", "conftest")
"""Packages that each process imports for itself, so that all of them see the mutant."""

OPPOSITES: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
"""Operators, each with the one that takes its place."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module's source with one change.

    Attributes
    ----------
    line
        Line of the change in the original file.
    change
        The code there, before and after.
    source
        The whole changed module.
    """

    line: int
    change: str
    source: str


def variants(node: ast.AST) -> Iterator[ast.AST | None]:
    """Give what may stand in the place of a node; None removes it from the list that holds it."""
    if type(node) in OPPOSITES:
        yield OPPOSITES[type(node)]()
    match node:
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float() as value):
            yield ast.Constant(1.5 * value if value else 1.0)
        case ast.Constant(value=str() as value):
            yield ast.Constant(f"{value}?")
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield type(node)(**{**dict(ast.iter_fields(node)), "test": ast.UnaryOp(ast.Not(), test)})
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.AugAssign() | ast.Assign(targets=[ast.Subscript()]):
            yield ast.Pass()
        case ast.keyword():
            yield None


def mutants(source: str) -> Iterator[Mutant]:
    """Give every module that differs from `source` in one place: annotations, docstrings and texts of errors stay."""
    tree = ast.parse(source)
    for parent, field, position, node in list(_places(tree)):
        whole, before = getattr(parent, field), ast.unparse(parent)
        line = getattr(node, "lineno", getattr(parent, "lineno", 0))
        for other in variants(node):
            setattr(parent, field, other if position is None else _replaced(whole, position, other))
            after = ast.unparse(parent)
            yield Mutant(line, f"{_differing(before, after)} -> {_differing(after, before)}", ast.unparse(tree))
            setattr(parent, field, whole)


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Give each node below `node` that may change, with where it stands: parent, field and position in the field."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "ctx") or _lists_texts(node, field):
            continue
        items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for position, item in items:
            if not isinstance(item, ast.AST) or _stays(item):
                continue
            yield node, field, position, item
            yield from _places(item)


def _lists_texts(node: ast.AST, field: str) -> bool:
    """Whether a field holds the texts of `Literal["a", "b"]`, which type checkers read."""
    return field == "slice" and isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal")


def _stays(node: ast.AST) -> bool:
    """Whether a node is a docstring, an import, a type variable, an error that is made, or an f-string (a message)."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Error", "TypeVar")):
        return True
    return isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr)


def _replaced(nodes: list[ast.AST], position: int, other: ast.AST | None) -> list[ast.AST]:
    return [*nodes[:position], *([] if other is None else [other]), *nodes[position + 1 :]]


def _differing(text: str, other: str) -> str:
    """Return the first line of `text` that `other` has not in its place, without its indentation."""
    others = other.splitlines()
    for position, line in enumerate(text.splitlines()):
        if others[position : position + 1] != [line]:
            return line.strip()
    return "(nothing)"


class Replacement(MetaPathFinder, Loader):
    """Imports one module from changed source; everything else is imported as ever."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self.name, self.path, self.source = name, path, source

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Claim the one module."""
        return spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self.source, self.path, "exec", dont_inherit=True), vars(module))


def run(name: str, path: Path, source: str, tests: Sequence[str], limit: float) -> Outcome:
    """Run the tests of the module `name` in a forked process, with `source` in its place, for `limit` seconds."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _run_and_leave(Replacement(name, path, source), tests)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "killed" if os.waitstatus_to_exitcode(status) else "survived"
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timed out"


def _run_and_leave(replacement: Replacement, tests: Sequence[str]) -> NoReturn:
    os.setsid()  # whatever a test starts dies with it
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    code = 1
    try:
        _forget_own_modules()
        sys.meta_path.insert(0, replacement)
        importlib.import_module(replacement.name)
        code = int(_pytest("-x", *tests))
    finally:
        os._exit(code)


def _forget_own_modules() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in OWN and name != "tests.mutate"]:
        del sys.modules[name]


def _pytest(*options: str) -> int:
    return int(pytest.main(["-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning", *options]))


def main() -> None:
    """Print the mutants that survive, then how many there were."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__.splitlines()[0])
    parser.add_argument("module", help="dotted name; its doctests count as tests")
    parser.add_argument("tests", nargs="+", help="files of tests")
    options = parser.parse_args()
    specification = find_spec(options.module)
    assert specification is not None
    assert specification.origin is not None
    path = Path(specification.origin)
    source, tests = path.read_text(encoding="utf-8"), [*options.tests, str(path)]
    _pytest("--collect-only", "-qq", *tests)  # imports the libraries, once for all processes
    start = time.monotonic()
    if run(options.module, path, source, tests, limit=600) != "survived":
        sys.exit("the tests fail on the unchanged module")
    limit = 10 * (time.monotonic() - start) + 5
    outcomes: Counter[Outcome] = Counter()
    for mutant in mutants(source):
        outcome = run(options.module, path, mutant.source, tests, limit)
        outcomes[outcome] += 1
        if outcome != "killed":
            print(f"{outcome}: {path.name}:{mutant.line}: {mutant.change}", flush=True)
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in get_args(Outcome))
    print(f"{options.module}: {outcomes.total()} mutants, {counts}")


if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"  # a fork does not take threads along
    main()
