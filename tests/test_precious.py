"""No command deletes, empties or overwrites a file that is not its own.

Every command of both packages runs in a small world of precious files, which are hashed before and after.

The commands, their options and the hostile places for their outputs are generated from the command lines themselves: a
new command without a case, or a new option that takes a path without a word on it, fails here.
"""

import hashlib
import importlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import torch

from ccharmony import console
from ccharmony.build.pipeline import build_dataset
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.study.make import make_study
from harmonize.study.store import Store
from harmonize.study.study import StudySettings
from harmonize.weights import checkpoint

from .ccharmony import kill_loop
from .harmonize.conftest import write_lights, write_pairs, write_photos

TRAIN = "--width 2 --size 32 --batch 2 --steps 2 --set reconstruct_steps=2 network.mlp_width=4 --no-tensorboard"


@dataclass(frozen=True)
class Case:
    """A call of a command that works.

    Attributes
    ----------
    words
        The call; its inputs are names in the world, its outputs begin with ``OUT``.
    files, folders
        Its options that name a file or a folder to write.
    code
        Its exit code.
    """

    words: str
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    code: int = 0


CASES = {
    "ccharmony build": Case("--src folder --data data --out OUT --test-share 0.5 --composites 1", folders=("--out",)),
    "ccharmony fits": Case("--release release --out OUT.h5", files=("--out",), code=1),
    "ccharmony inspect": Case("built --html OUT.html --sheet OUTS", files=("--html",), folders=("--sheet",)),
    "ccharmony detect": Case("data/folder/photos/p0.png --overlay OUT", folders=("--overlay",)),
    "ccharmony relight": Case(
        "data/folder/photos/p0.png data/folder/masks/p0_a.png --fits built/fits.h5 --from p0 --to p1 --out OUT.png",
        files=("--out",),
    ),
    "ccharmony verify": Case("built"),
    "ccharmony merge": Case("built built --out OUT", folders=("--out",)),
    "ccharmony pack": Case("built --to shards --out OUT", folders=("--out",)),
    "ccharmony pack h5": Case("built --to h5 --out OUT.h5", files=("--out",)),
    "harmonize train": Case(f"--data pairs --out OUT {TRAIN}", folders=("--out",)),
    "harmonize make-pairs": Case("--photos pictures --lights lights.h5 --held-lights 3 --out OUT", folders=("--out",)),
    "harmonize evaluate": Case(
        "--data pairs --weights w.safetensors --device cpu --threads 1 --out OUT", folders=("--out",)
    ),
    "harmonize apply": Case(
        "pairs/composite_images/p_1_a_1.png pairs/masks/p_1_a.png --model pih --device cpu --out OUT.png "
        "--params OUT.json --curves OUT.cube --plot OUTP.png --before-after OUTB.png",
        files=("--out", "--params", "--curves", "--plot", "--before-after"),
    ),
    "harmonize apply folders": Case(
        "pairs/composite_images pairs/masks --weights w.safetensors --size 32 --device cpu --out OUT",
        folders=("--out",),
    ),
    "harmonize weights": Case(""),
    "harmonize study make": Case(
        "--composites pairs/composite_images --masks pairs/masks --method net=w.safetensors --device cpu --out OUT",
        folders=("--out",),
    ),
    "harmonize study serve": Case("mine --port 0", code=1),  # no study: one would be served until Ctrl-C
    "harmonize study rank": Case("study --out OUT --html OUT.html", files=("--html",), folders=("--out",)),
    "harmonize study export": Case("study --out OUT.csv", files=("--out",)),
    "harmonize study plan": Case("--methods 2 --pictures 5 --votes 5 --raters 2 --studies 10"),
}

READ = {
    "ccharmony build": {"data", "release", "lights", "exclude", "override"},
    "ccharmony fits": {"release"},
    "ccharmony inspect": {"target", "data", "release"},
    "ccharmony detect": {"photos", "by_hand"},
    "ccharmony relight": {"photo", "mask", "fits"},
    "ccharmony verify": {"dataset"},
    "ccharmony merge": {"datasets"},
    "ccharmony pack": {"dataset"},
    "harmonize train": {"data", "photos", "lights", "saved"},
    "harmonize make-pairs": {"photos", "lights"},
    "harmonize evaluate": {"data", "predictions", "compare"},
    "harmonize apply": {"composite", "mask", "background", "from_params"},
    "harmonize weights": set(),
    "harmonize study make": {"composites", "masks"},
    "harmonize study serve": {"study"},
    "harmonize study rank": {"studies"},
    "harmonize study export": {"study"},
    "harmonize study plan": set(),
}
"""Parameters of each command that name a file or a folder to read."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of every command, and files of somebody who trusts the commands."""
    root = tmp_path_factory.mktemp("world")
    settings = kill_loop.write_source(root / "data", 4)
    build_dataset(settings, root / "built")
    write_pairs(root / "pairs", train=4, test=2)
    write_photos(root / "pictures", train=2, val=2)
    write_lights(root / "lights.h5")
    torch.manual_seed(0)
    network = NetworkSettings(width=2, mlp_width=4)
    checkpoint.save_weights(root / "w.safetensors", giftnet.build(network), network, metadata={"data": "none"})
    write_study(root / "study", root / "pairs")
    for name in ("release/README.md", "mine/diary.txt", "mine/deep/picture.png", "mine/masks/a.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"written by hand: {name}")
    return root


def write_study(folder: Path, pairs: Path) -> None:
    """A study of the composites and the real pictures, with votes for both."""
    methods = {"real": str(pairs / "real")}
    shutil.copytree(pairs / "composite_images", pairs / "real")
    study, _ = make_study(pairs / "composite_images", pairs / "masks", methods, folder, StudySettings())
    store = Store(study)
    store.add_rater()
    for trial in range(len(study.trials(0))):
        store.save(0, trial, "left" if trial % 2 else "right", 1.0)
    store.close()


def hashes(root: Path) -> dict[str, str]:
    """The content of every file below a folder, and where every link leads."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(root))] = f"link to {path.readlink()}"
        elif path.is_file():
            found[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def call(package: str, words: list[str]) -> int:
    """Run a command line in this process, and return its exit code."""
    group = importlib.import_module(f"{package}.cli").group
    with pytest.raises(SystemExit) as stop:
        console.run(group, words)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def commands() -> Iterator[tuple[str, click.Command]]:
    for package in ("ccharmony", "harmonize"):
        group = importlib.import_module(f"{package}.cli").group
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if not isinstance(command, click.Group):
                yield f"{package} {name}", command
                continue
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                yield f"{package} {name} {inner}", found


def command_of(case: str) -> str:
    """The command that a case calls: some have two, named with a word more."""
    return next(name for name in READ if case in (name, f"{name} {case.split()[-1]}"))


def fill(name: str, out: Path) -> list[str]:
    """The words of a case, its outputs below a folder."""
    words = CASES[name].words.replace("OUT", f"{out}/new").split()
    return [*command_of(name).split()[1:], *words]


def inputs_of(name: str, world: Path) -> list[Path]:
    return [world / word for word in CASES[name].words.split() if not word.startswith("-") and (world / word).exists()]


def hostile_files(name: str, world: Path, out: Path) -> Iterator[Path]:
    """Paths of files that no command may write."""
    yield world / "mine" / "deep" / "picture.png"
    inputs = [path for path in inputs_of(name, world) if path.is_file()] or [world / "built" / "fits.h5"]
    for number, path in enumerate(inputs):
        yield path
        yield path.parent / ".." / path.parent.name / path.name
        for link in (os.link, os.symlink):
            linked = out / f"{link.__name__}_{number}{path.suffix}"
            link(path, linked)
            yield linked
    dangling = out / "dangling.png"
    dangling.symlink_to(world / "mine" / "not there yet.png")
    yield dangling


def hostile_folders(name: str, world: Path, out: Path) -> Iterator[Path]:
    """Folders that no command may write into."""
    yield world / "mine"
    yield world / "mine" / "diary.txt"
    yield world
    yield world / ".." / world.name
    linked = out / "linked"
    linked.symlink_to(world / "mine")
    yield linked
    for path in (path for path in inputs_of(name, world) if path.is_dir()):
        yield path
        yield (path / "folder" if path.name == "data" else path) / "inside"


def cases(kind: str) -> list[tuple[str, str]]:
    return [(name, option) for name, case in CASES.items() for option in getattr(case, kind)]


def test_every_command_has_a_case_and_every_path_that_it_takes_is_read_or_written() -> None:
    found = dict(commands())
    assert {command_of(name) for name in CASES} == set(found) == set(READ)
    for name, command in found.items():
        written = {
            option
            for case, value in CASES.items()
            if command_of(case) == name
            for option in (*value.files, *value.folders)
        }
        for parameter in command.params:
            is_path = isinstance(parameter.type, click.Path)
            is_written = bool(written.intersection(parameter.opts))
            assert is_written or is_path == (parameter.name in READ[name]), (name, parameter.name)


@pytest.mark.parametrize("name", CASES)
def test_a_command_that_works_changes_nothing_but_its_outputs_also_when_it_is_called_again(
    name: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    before, beside = hashes(world), tmp_path / "beside"
    (tmp_path / "out").mkdir()
    beside.write_text("not an output")
    first = call(name.split()[0], fill(name, tmp_path / "out"))
    assert first == CASES[name].code
    call(name.split()[0], fill(name, tmp_path / "out"))
    assert hashes(world) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside", "out"]
    assert beside.read_text() == "not an output"


@pytest.mark.parametrize(("name", "option"), cases("files") + cases("folders"))
def test_an_output_that_is_an_input_or_somebody_elses_is_refused_in_one_line_before_any_work(
    name: str,
    option: str,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world)
    (tmp_path / "out").mkdir()
    is_file = option in CASES[name].files
    for path in (hostile_files if is_file else hostile_folders)(name, world, tmp_path):
        before, outside = hashes(world), hashes(tmp_path)
        words = fill(name, tmp_path / "out")
        words[words.index(option) + 1] = str(path)
        code, printed = call(name.split()[0], words), capsys.readouterr()
        assert code in (1, 2), (path, printed)
        assert (printed.err.lower().splitlines()[-1][:7], printed.out) == ("error: ", ""), (path, printed)
        assert hashes(world) == before, path
        assert hashes(tmp_path) == outside, path
