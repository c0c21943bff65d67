"""The layers of ARCHITECTURE.md, enforced: dependencies point downwards, each foreign library has one door."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path for package in ("ccharmony", "harmonize") for path in (ROOT / package).rglob("*.py"))

DOORS = {
    "rawpy": {"ccharmony/photo.py"},
    # fits.h5, and whole datasets in one file: two formats that have nothing in common.
    "h5py": {"ccharmony/store.py", "ccharmony/pack_h5.py"},
    "ray": {"ccharmony/ray_engine.py"},
    # Two protocols resize as their authors did, with Pillow.
    "PIL": {"ccharmony/headers.py", "ccharmony/pixels.py", "harmonize/protocols.py"},
}
COMMAND_LINE = {"click"}
MEETING_POINTS = {"errors", "disk", "pixels", "polynomial", "layout", "store", "console", "__version__"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, those inside functions too; `from a import b` counts as a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_imports(path: Path) -> set[Path]:
    """The files of this project that a file imports when it is loaded."""
    found: set[Path] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("ccharmony", "harmonize"):
            base = ROOT.joinpath(*node.module.split("."))
            for alias in node.names:
                inner = base / f"{alias.name}.py"
                found.add(inner if inner.is_file() else base.with_suffix(".py"))
    return {target for target in found if target.is_file()}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_foreign_libraries_have_one_door(path: Path) -> None:
    heads = {name.split(".")[0] for name in imports_of(path)}
    for library, doors in DOORS.items():
        assert library not in heads or name_of(path) in doors
    if not (path.name in ("cli.py", "console.py") or path.parent.name == "commands"):
        assert not heads & COMMAND_LINE
    if path.parts[len(ROOT.parts)] == "ccharmony":
        assert "torch" not in heads
        assert "harmonize" not in heads


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith("harmonize")], ids=name_of)
def test_harmonize_meets_ccharmony_at_few_points(path: Path) -> None:
    met = {name.split(".")[1] for name in imports_of(path) if name.startswith("ccharmony.")}
    assert met <= MEETING_POINTS


def test_no_import_leads_in_a_circle() -> None:
    graph = {path: own_imports(path) for path in MODULES}
    done: set[Path] = set()

    def visit(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, " -> ".join(name_of(step) for step in (*trail, path))
        if path in done:
            return
        for target in graph.get(path, ()):
            visit(target, (*trail, path))
        done.add(path)

    for path in MODULES:
        visit(path, ())


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("ccharmony.cli", ["numpy", "cv2", "colour", "torch"]),
        ("ccharmony.commands.build", ["colour", "matplotlib", "ray"]),
        ("ccharmony.commands.fits", ["colour", "matplotlib"]),
        ("ccharmony.commands.inspect", ["colour", "matplotlib", "jinja2"]),
        ("ccharmony.commands.merge", ["colour", "matplotlib"]),
        ("harmonize.cli", ["numpy", "cv2", "torch"]),
        ("harmonize.models.giftnet", ["colour", "rawpy", "scipy"]),
        ("harmonize.training.train", ["colour", "rawpy"]),
        ("ccharmony.dataset.formats.iharmony4", ["colour", "rawpy", "cv2"]),
    ],
)
def test_what_a_module_does_not_need_is_not_loaded(module: str, absent: list[str]) -> None:
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_no_file_is_called_a_drawer() -> None:
    assert not [path for path in MODULES if path.stem in ("utils", "util", "base", "common", "helpers", "misc")]
