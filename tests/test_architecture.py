"""The layers of ARCHITECTURE.md: imports lead downwards only, each foreign library has one door."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ccharmony", "harmonize")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# From the lowest layer to the highest. A room is a folder or a module right below the package; rooms of one layer do
# not know each other.
LAYERS = {
    "ccharmony": [
        {"arrays", "errors", "names", "progress", "roles", "urls", "__init__"},
        {"files", "console", "arguments", "command_classes", "listing"},
        {"inputs"},
        {"hand_written", "strict_json", "stores"},
        {"outputs"},
        {"images", "checker"},
        {"catalog", "records"},
        {"color"},
        {"dataset", "sources"},
        {"jobs"},
        {"build"},
        {"inspection"},
        {"commands"},
        {"cli"},
        {"__main__"},
    ],
    "harmonize": [
        {"__init__", "settings", "devices", "memory", "processors", "markdown", "web"},
        {"models"},
        {"weights"},
        {"exported"},
        {"inference", "data"},
        {"evaluation", "inspection", "video"},
        {"training", "study", "studio"},
        {"table3"},
        {"commands"},
        {"cli"},
        {"__main__"},
    ],
}
MEETING_POINTS = {
    "__version__",
    "arguments",
    "arrays",
    "command_classes",
    "console",
    "dataset",
    "errors",
    "files",
    "hand_written",
    "images",
    "inputs",
    "listing",
    "names",
    "outputs",
    "progress",
    "roles",
    "strict_json",
    "urls",
}
"""What harmonize uses of ccharmony."""

DOORS = {
    "simplejpeg": {"ccharmony/images/jpeg.py"},
    "rawpy": {"ccharmony/images/raw.py"},
    # Two formats that are written, fits.h5 and whole datasets in one file; both are read by another process.
    "h5py": {
        "ccharmony/dataset/fits.py",
        "ccharmony/dataset/hdf5_child.py",
        "ccharmony/dataset/packing/write_hdf5.py",
    },
    "fsspec": {"ccharmony/stores/client.py"},
    "ray": {"ccharmony/jobs/ray_engine.py"},
    "pyarrow": {"ccharmony/dataset/packing/write_parquet.py"},  # written; read by the places of its pictures
    # Two protocols resize as their authors did, with Pillow.
    "PIL": {
        "ccharmony/images/headers.py",
        "ccharmony/images/mask_files.py",
        "ccharmony/images/profiles.py",
        "ccharmony/images/stored.py",
        "ccharmony/images/tags.py",
        "ccharmony/images/thumbnails.py",
        "ccharmony/images/write_picture.py",
        "harmonize/evaluation/protocols.py",
    },
    "pillow_heif": {"ccharmony/images/headers.py"},
    "imagecodecs": {"ccharmony/images/profiles.py", "ccharmony/images/write_picture.py"},
    "huggingface_hub": {"harmonize/weights/hub.py"},
    "onnxruntime": {"harmonize/exported/session.py"},
    "tifffile": {"ccharmony/images/tiff.py"},
    "av": {"harmonize/video/container.py"},
    "starlette": {
        "harmonize/studio/server.py",
        "harmonize/studio/uploads.py",
        "harmonize/study/server.py",
        "harmonize/web/guards.py",
        "harmonize/web/listening.py",
    },
    "uvicorn": {"harmonize/web/connections.py", "harmonize/web/listening.py"},
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    """The folder or module right below the package that a file belongs to."""
    return Path(path.relative_to(ROOT).parts[1]).stem


def imports_of(path: Path) -> Iterator[str]:
    """Every module or name that a file imports, also inside functions; `from a import b` counts as a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: a relative import, wanted the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> set[Path]:
    """The files of the two packages that a file imports, also inside functions."""
    found: set[Path] = set()
    for name in imports_of(path):
        if name.split(".")[0] not in PACKAGES:
            continue
        base = ROOT.joinpath(*name.split("."))
        candidates = (base.with_suffix(".py"), base / "__init__.py", base.parent.with_suffix(".py"))
        found |= {next((file for file in candidates if file.is_file()), base.parent / "__init__.py")}
    return found - {path}


def layer_of(package: str, room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS[package]) if room in rooms)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_layers_name_every_room_once(package: str) -> None:
    named = [room for rooms in LAYERS[package] for room in rooms]
    assert sorted(named) == sorted({room_of(path) for path in MODULES if name_of(path).startswith(package)})


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_lead_to_a_lower_layer_or_stay_in_the_room(path: Path) -> None:
    package, room = name_of(path).split("/")[0], room_of(path)
    for target in own_imports(path):
        if name_of(target).startswith(package) and room_of(target) != room:
            arrow = f"{name_of(path)} imports {name_of(target)}"
            assert layer_of(package, room_of(target)) < layer_of(package, room), arrow


def test_no_import_leads_in_a_circle() -> None:
    graph = {path: own_imports(path) for path in MODULES}
    done: set[Path] = set()

    def visit(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, " -> ".join(name_of(step) for step in (*trail, path))
        if path in done:
            return
        for target in graph[path]:
            visit(target, (*trail, path))
        done.add(path)

    for path in MODULES:
        visit(path, ())


def test_the_check_sees_imports_inside_functions(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text("def run():\n    from ccharmony.jobs import ray_engine\n    import harmonize.cli\n")
    found = {name_of(target) for target in own_imports(file)}
    assert found == {"ccharmony/jobs/ray_engine.py", "harmonize/cli.py"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_foreign_libraries_have_one_door(path: Path) -> None:
    heads = {name.split(".")[0] for name in imports_of(path)}
    for library, doors in DOORS.items():
        assert library not in heads or name_of(path) in doors
    if room_of(path) not in ("cli", "console", "arguments", "command_classes", "commands"):
        assert "click" not in heads
    if name_of(path).startswith("ccharmony"):
        assert not heads & {"torch", "harmonize"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_goes_to_a_terminal_goes_through_one_function(path: Path) -> None:
    """`console.echo` escapes names; colored swatches of `inspect` and the pipe of `hdf5_child` are no names."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    called = {ast.unparse(function) for function in calls}
    if name_of(path) not in (
        "ccharmony/console.py",
        "ccharmony/commands/inspect.py",
        "ccharmony/dataset/hdf5_child.py",
    ):
        assert not called & {"click.echo", "click.secho", "print", "sys.stdout.write", "sys.stderr.write"}


OWN_FILES = {
    "ccharmony/inputs.py",
    "ccharmony/strict_json.py",
    "ccharmony/jobs/ray_engine.py",  # a text that the driver has just written
    "ccharmony/dataset/packing/work_folder.py",  # a digest in the folder of unfinished work
    "ccharmony/dataset/plain_hdf5.py",  # what its own child says
    "ccharmony/dataset/hdf5_child.py",
    "ccharmony/dataset/formats/pair_files.py",  # opens by descriptor, for pread
    "ccharmony/catalog.py",  # files of the package
    "harmonize/memory.py",  # the kernel's
    "harmonize/processors.py",
    "harmonize/weights/bundled.py",
    "harmonize/weights/cards.py",
}
"""Modules that open files to read them, or parse JSON, without `inputs` and `strict_json`."""


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_are_opened_and_json_is_parsed_in_one_place(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    found = [node.lineno for node in calls if isinstance(node.func, ast.Attribute) and _reads(node.func, node)]
    assert not found or name_of(path) in OWN_FILES, f"{name_of(path)}: {found}"


def _reads(function: ast.Attribute, call: ast.Call) -> bool:
    """Whether a call is `path.read_text()`, `path.open()` to read, or `json.loads`."""
    owner = ast.unparse(function.value)
    mode = ast.unparse(call.args[0]) if call.args else "'r'"
    opens = function.attr == "open" and owner.endswith(("path", "file", "root", ")")) and mode in ("'r'", "'rb'")
    return opens or function.attr == "read_text" or (owner == "json" and function.attr in ("load", "loads"))


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith("harmonize")], ids=name_of)
def test_harmonize_meets_ccharmony_at_few_points(path: Path) -> None:
    met = {name.split(".")[1] for name in imports_of(path) if name.startswith("ccharmony.")}
    assert met <= MEETING_POINTS


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
        ("harmonize.training.changes", ["numpy", "cv2", "torch"]),
        ("ccharmony.dataset.find_pairs", ["colour", "rawpy", "cv2", "fsspec"]),
        ("harmonize.inference.harmonizer", ["torch", "scipy", "colour"]),
    ],
)
def test_what_a_module_does_not_need_is_not_loaded(module: str, absent: list[str]) -> None:
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_no_file_is_called_a_drawer() -> None:
    assert not [path for path in MODULES if path.stem in ("utils", "util", "base", "common", "helpers", "misc")]
