"""The paper's ablation (Table 3) with one data set, budget, augmentation and evaluation for all rows.

    python -m benchmarks.ablation --out STUDY --photos DIR --lights fits.h5 --jobs 2 --minutes 9    # again and again
    python -m benchmarks.ablation list --out STUDY
    python -m benchmarks.ablation report --out STUDY --demo out/demo
    python -m benchmarks.ablation diagnose --out STUDY
    python -m benchmarks.ablation hide --out STUDY
    python -m benchmarks.ablation --smoke

``run``, the default, trains what is not finished yet, each run in a process of its own that resumes exactly; the order
is that of `benchmarks.table3.plan`. The first call decides data and budget, which later calls read and cannot
change. ``list`` says how far each run is. ``report`` writes docs/results.md and its pictures from whatever is finished,
``diagnose`` measures how large each reading of the distillation loss is compared with the loss of the image. ``hide``
scores what is finished with the seams hidden.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, get_args

import click

from benchmarks import scene
from benchmarks.table3 import diagnosis, hidden, plan, report
from benchmarks.table3.plan import ORDER, TEACHER, VARIED, Trial
from benchmarks.table3.schedule import Pace, Schedule
from benchmarks.table3.study import Budget, Study, open_study
from ccharmony import files
from ccharmony.command_classes import VariadicCommand
from ccharmony.errors import CcharmonyError
from harmonize.settings import hints
from harmonize.training import progress
from harmonize.training.data_paths import DataPaths
from harmonize.training.named_settings import parse_value
from harmonize.training.settings import Decay, Loss, Precision, TrainSettings

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_ACTIONS = ("run", "list", "report", "diagnose", "hide")
_DEFAULT = Budget()
_TINY = {"width": 4, "steps": 3, "reconstruct_steps": 2, "size": 32, "batch": 2, "held_lights": 4}
_DOCS = Path(__file__).resolve().parents[1] / "docs"


def _run(action: str, smoke: bool, out: Path | None, **given: Any) -> None:
    """Do what the command line asks; exit code 1 where something failed."""
    try:
        if smoke:
            sys.exit(_rehearse(given))
        if out is None:
            raise click.UsageError("wanted --out STUDY")
        study = _open(out, given)
        if action == "report":
            _report(study, given["docs"], given["demo"])
        elif action == "diagnose":
            _diagnose(study, given["only"])
        elif action == "hide":
            click.echo(hidden.report(study, given["device"]))
        elif action == "list":
            _list(study, _select(study, given))
        else:
            sys.exit(_train(study, _select(study, given), given))
    except CcharmonyError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _rehearse(given: dict[str, Any]) -> int:
    """Run a tiny study of rendered pictures from the first step to the page; return the exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos, lights = scene.write_photos(folder, train=6, val=6)
        study = open_study(folder / "study", _TINY, DataPaths(photos=(photos,), lights=lights))
        trials = plan.list_trials(study.budget.loss, rows=(1, 8), seeds=1, varied=())
        code = _train(study, trials, given)
        if code == 0:
            _diagnose(study, ())
            _report(study, folder / "docs", None)
            click.echo((folder / "docs" / "results.md").read_text(encoding="utf-8"))
        return code


def _report(study: Study, docs: Path, demo: Path | None) -> None:
    for path in report.write_page(study, docs, demo):
        click.echo(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def _diagnose(study: Study, names: tuple[str, ...]) -> None:
    """Measure a fresh network and the runs named, by default row 8's first, as far as it is."""
    first = "row8_seed0"
    begun = (first,) if (study.folder(first) / "last.safetensors").is_file() else ()
    tables = diagnosis.report(study, names or begun)
    files.write_bytes(study.path / report.DIAGNOSIS, (tables + "\n").encode())
    click.echo(tables)


def _open(out: Path, given: dict[str, Any]) -> Study:
    places = None
    if given["data"] or given["photos"] or given["lights"]:
        places = DataPaths(data=given["data"], photos=given["photos"], lights=given["lights"])
    return open_study(out, {name: given[name] for name in _BUDGET if given[name] is not None}, places)


def _select(study: Study, given: dict[str, Any]) -> list[Trial]:
    """Return the runs that the options name, in their order."""
    if given["only"]:
        return [plan.parse_name(name) for name in given["only"]]
    return plan.list_trials(
        study.budget.loss,
        rows=given["rows"] or ORDER,
        seeds=given["seeds"],
        other_seeds=given["other_seeds"],
        varied=() if given["vary"] == ("none",) else given["vary"] or VARIED,
    )


def _train(study: Study, trials: list[Trial], given: dict[str, Any]) -> int:
    """Train the runs that are not finished and return the exit code: 1 where one of them failed."""
    pace = Pace(given["jobs"], given["threads"], given["minutes"], given["device"])
    work = Schedule(study, pace, click.echo)
    complete = work.run(trials)
    left = [trial.name for trial in trials if not study.finished(trial.name)]
    click.echo(f"{study.path}: {len(trials) - len(left)} of {len(trials)} runs finished")
    if not complete and not work.failed:
        click.echo("the same call resumes here")
    return 1 if work.failed else 0


def _list(study: Study, trials: list[Trial]) -> None:
    for name in [TEACHER, *(trial.name for trial in trials)]:
        click.echo(f"{name:32s} {_state(study, name)}")


def _state(study: Study, name: str) -> str:
    if study.finished(name):
        return "finished"
    rows = progress.read_rows(study.folder(name) / "log.csv")
    return f"{rows[-1]['stage']}, step {rows[-1]['step']}" if rows else "to come"


def _option(name: str, kind: Any, text: str, **more: Any) -> click.Option:
    """Return an option of `Budget`; not given, it is None, and the study's or the default's value holds."""
    flag = "--" + name.replace("_", "-")
    default = getattr(_DEFAULT, name)
    return click.Option([flag], type=kind, default=None, help=f"{text} [{default}]" if default != () else text, **more)


def _read_grow(
    _ctx: click.Context, _param: click.Parameter, words: tuple[str, ...]
) -> tuple[tuple[float, int], ...] | None:
    """Read `0.7:256`, a share of the steps and the size from there on."""
    kind = hints(TrainSettings)["grow"]
    return parse_value("--grow", ",".join(words), kind) or None


_SHARED = [
    _option("width", int, "Channels of the finest block; the paper's networks have 32."),
    _option("steps", int, "Length of each run."),
    _option("reconstruct_steps", int, "Length of the reconstruction branch's training."),
    _option("size", int, "Side of the training pictures."),
    _option(
        "grow",
        str,
        "Share of the steps and a larger size from there on.",
        multiple=True,
        callback=_read_grow,
        metavar="SHARE:SIZE…",
    ),
    _option("batch", int, "Pictures a step."),
    _option("loss", click.Choice(get_args(Loss)), "The loss of the image; l1 is the paper's."),
    _option("relit", float, "Share of --photos that are relit whole first."),
    _option("rate", float, "Adam's learning rate."),
    _option("decay", click.Choice(get_args(Decay)), "How it falls."),
    _option("decay_from", float, "Share of the steps at which it begins to."),
    _option("ema", float, "Decay of the averaged weights."),
    _option("precision", click.Choice(get_args(Precision)), "Half precisions run under autocast."),
    _option("side", int, "Side at which the networks are scored; 0 is the largest of the training."),
    _option("held_lights", int, "Lights that only validation sees."),
]
_BUDGET = [str(option.name) for option in _SHARED]

_PLACES = [
    click.Option(["--out"], type=_FOLDER, help="Folder of the study."),
    click.Option(["--photos"], type=_FOLDER, multiple=True, help="Photos with masks, lit on the fly."),
    click.Option(["--lights"], type=_FILE, help="fits.h5 whose train lights are their donors."),
    click.Option(["--data"], type=_FOLDER, multiple=True, help="Datasets in iHarmony4's layout."),
]
_REPORT = [
    click.Option(["--docs"], type=_FOLDER, default=_DOCS, help="report: folder of results.md. [docs]"),
    click.Option(["--demo"], type=_FOLDER, help="report: rendered dataset for the strip (ccharmony build --src demo)."),
]
_CHOICE = [
    click.Option(["--rows"], type=int, multiple=True, help="Rows of Table 3. [all]"),
    click.Option(["--seeds"], type=click.IntRange(1), default=2, show_default=True, help="Of rows 1, 5 and 8."),
    click.Option(["--other-seeds"], type=click.IntRange(0), default=1, show_default=True, help="Of the other rows."),
    click.Option(
        ["--vary"], multiple=True, metavar="ITEM…", help=f"What is varied on row 8, or none. [{' '.join(VARIED)}]"
    ),
    click.Option(["--only"], multiple=True, metavar="NAME…", help="Runs by name, such as row8_gamma=0.1_seed0."),
]
_PACE = [
    click.Option(["--minutes"], type=click.FloatRange(0), help="Stop after these minutes; the next call resumes."),
    click.Option(["--jobs"], type=click.IntRange(1), default=1, show_default=True, help="Runs at a time."),
    click.Option(["--threads"], type=click.IntRange(1), default=1, show_default=True, help="Threads of each run."),
    click.Option(["--device"], default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.Option(
        ["--smoke"], is_flag=True, help="A tiny study of rendered pictures, from the first step to the report."
    ),
]

main = VariadicCommand(
    "ablation",
    params=[
        click.Argument(["action"], type=click.Choice(_ACTIONS), default="run"),
        *_PLACES,
        *_CHOICE,
        *_SHARED,
        *_PACE,
        *_REPORT,
    ],
    callback=_run,
    variadic=("--data", "--rows", "--vary", "--only", "--grow"),
    help="Run the rows of Table 3, or report on them.",
)

if __name__ == "__main__":
    main()
