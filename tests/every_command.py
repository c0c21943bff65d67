"""A call of every command of both packages that works, and a small world of its inputs.

Tests that hold for all commands are generated from this: a new command without a case, or a new option that takes a
path without a word on it, fails in `test_precious`.
"""

import ctypes
import hashlib
import importlib
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
from .harmonize.video.conftest import draw_frames, draw_masks, gray, write_video

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
    "ccharmony stats": Case("built --html OUT.html", files=("--html",)),
    "ccharmony lights sample": Case("built/fits.h5 --count 3 --out OUT.h5 --plot OUT.png", files=("--out", "--plot")),
    "ccharmony relight": Case(
        "data/folder/photos/p0.png data/folder/masks/p0_a.png --fits built/fits.h5 --from p0 --to p1 --out OUT.png",
        files=("--out",),
    ),
    "ccharmony verify": Case("built"),
    "ccharmony merge": Case("built built --out OUT", folders=("--out",)),
    "ccharmony pack": Case("built --to shards --out OUT", folders=("--out",)),
    "ccharmony pack parquet": Case("built --to parquet --out OUT", folders=("--out",)),
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
        "pairs/composite_images pairs/masks --weights w.safetensors --size 32 --device cpu --out OUT --report OUT.html",
        files=("--report",),
        folders=("--out",),
    ),
    "harmonize apply defringe": Case(
        "pairs/composite_images/p_1_a_1.png pairs/masks/p_1_a.png --weights w.safetensors --size 32 --device cpu "
        "--defringe --out OUT.png",
        files=("--out",),
    ),
    "harmonize apply frames": Case(
        "pairs/composite_images pairs/masks --video --weights w.safetensors --size 32 --device cpu --out OUT",
        folders=("--out",),
    ),
    "harmonize apply video": Case(
        "clip.mkv clip_masks.mkv --weights w.safetensors --size 32 --device cpu --out OUT.mkv", files=("--out",)
    ),
    "harmonize serve": Case("--weights absent --port 0", code=1),  # it would serve until Ctrl-C
    "harmonize export": Case("--onnx OUT.onnx --weights w.safetensors", files=("--onnx",)),
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
    "ccharmony fits": {"release", "data"},
    "ccharmony inspect": {"target", "data", "release"},
    "ccharmony detect": {"photos", "by_hand"},
    "ccharmony stats": {"dataset", "against"},
    "ccharmony lights sample": {"recorded"},
    "ccharmony relight": {"photo", "mask", "fits"},
    "ccharmony verify": {"dataset"},
    "ccharmony merge": {"datasets"},
    "ccharmony pack": {"dataset"},
    "harmonize train": {"data", "photos", "lights", "saved"},
    "harmonize make-pairs": {"photos", "lights"},
    "harmonize evaluate": {"data", "predictions", "compare"},
    "harmonize apply": {"composite", "mask", "background", "from_params"},
    "harmonize serve": set(),
    "harmonize export": set(),
    "harmonize weights": set(),
    "harmonize study make": {"composites", "masks"},
    "harmonize study serve": {"study"},
    "harmonize study rank": {"studies"},
    "harmonize study export": {"study"},
    "harmonize study plan": set(),
}
"""Parameters of each command that name a file or a folder to read."""


def write_world(root: Path) -> None:
    """Write inputs of every command, and files of somebody who trusts the commands."""
    settings = kill_loop.write_source(root / "data", 4)
    build_dataset(settings, root / "built")
    write_pairs(root / "pairs", train=4, test=2)
    write_photos(root / "pictures", train=2, val=2)
    write_lights(root / "lights.h5")
    torch.manual_seed(0)
    network = NetworkSettings(width=2, mlp_width=4)
    checkpoint.save_weights(root / "w.safetensors", giftnet.build(network), network, metadata={"data": "none"})
    write_study(root / "study", root / "pairs")
    write_video(root / "clip.mkv", draw_frames(3))
    write_video(root / "clip_masks.mkv", gray(draw_masks(3)))
    for name in ("release/README.md", "mine/diary.txt", "mine/deep/picture.png", "mine/masks/a.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"written by hand: {name}")


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


def words_again(name: str) -> list[str]:
    """What a call needs beside its words where an earlier one has left something."""
    options = {option for parameter in dict(commands())[command_of(name)].params for option in parameter.opts}
    return [option for option in ("--resume", "--force") if option in options][:1]


def obey_permissions() -> None:
    """Make the process to be started, were it root's, heed permission bits: it gives up what overrides them."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
