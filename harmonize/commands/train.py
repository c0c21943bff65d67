"""`harmonize train`: both stages in one folder, from stored pairs, from photos relit on the fly, or from both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

from ccharmony.arguments import LocalPath, Name, Number, PlaceOfData, WholeNumber
from ccharmony.command_classes import VariadicCommand
from ccharmony.console import echo, echo_lines
from ccharmony.errors import SettingsError
from ccharmony.urls import Place
from harmonize import table3
from harmonize.commands import shared
from harmonize.training.named_settings import list_settings, write_value
from harmonize.training.settings import TrainSettings

if TYPE_CHECKING:
    from harmonize.training.options import RunOptions
    from harmonize.training.state import RunState

_FOLDER = LocalPath(file_okay=False)
_FILE = LocalPath(dir_okay=False)
_DATASET = PlaceOfData()
_DEFAULTS = list_settings(TrainSettings())

SHORT = {
    "model": "network.model",
    "width": "network.width",
    "gift": "network.gift",
    "loss": "loss",
    "size": "size",
    "grow": "grow",
    "batch": "batch",
    "steps": "steps",
    "rate": "rate",
    "precision": "precision",
    "seed": "seed",
    "validate_every": "pace.validate_every",
    "val_share": "data.val_share",
}
"""Options that are a setting's short form, by their names without the dashes: the setting's name."""

_FORMER = {
    "lambda": "distill.weight=VALUE",
    "curves_only": "network.shading=false",
    "supervised_only": "streams.unpaired=0",
    "jitter": "streams.brightness=VALUE streams.contrast=VALUE streams.shift=VALUE",
    "compile": "pace.compiled=true",
}
"""Former options whose settings have other names, by their names without the dashes: what replaces them."""


class SettingError(click.ClickException):
    """A setting that does not exist or has a wrong value: one line, and the exit code of wrong usage."""

    exit_code = 2


class TrainCommand(VariadicCommand):
    """The command; an option that became a setting is refused with the `--set` that replaces it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as the other commands do."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from harmonize.training import changes  # torch takes seconds; --help should not

            name = error.option_name.removeprefix("--").removeprefix("no-").replace("-", "_")
            found = [f"{setting}=VALUE" for setting in changes.list_names() if setting.rpartition(".")[2] == name]
            replacement = _FORMER.get(name) or next(iter(found), None)
            if replacement is None:
                raise
            raise SettingError(f"{error.option_name}: no such option, wanted --set {replacement}") from error


def _short(flag: str, text: str, *, several: bool = False, default: str = "") -> Callable[..., Any]:
    """Return an option that is the short form of a setting: its choices and default are the setting's."""
    setting = _DEFAULTS.get(SHORT[flag.removeprefix("--").replace("-", "_")])
    choices = () if setting is None or get_origin(setting.kind) is not Literal else get_args(setting.kind)
    default = default or ("" if setting is None else write_value(setting.value).replace(",", " "))
    shown = f"{text} [{default}]" if default else text
    return click.option(flag, multiple=several, metavar="|".join(choices) or "VALUE" + "…" * several, help=shown)


def _read_changes(ctx: click.Context, _param: click.Parameter, words: Sequence[str]) -> dict[str, str]:
    """Read `name=value`; `help` prints what there is."""
    if "help" in words:
        from harmonize.training import changes

        echo_lines(changes.to_table())
        ctx.exit()
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise SettingError(f"--set {word}: wanted NAME=VALUE, or help")
        found[name] = value
    return found


def _read_distill(_ctx: click.Context, _param: click.Parameter, words: Sequence[str]) -> dict[str, str]:
    """Read `E D2`, `feature`, `relation E`, `none`."""
    kinds = [word for word in words if word in ("none", "relation", "feature")]
    sites = [word for word in words if word not in kinds]
    if len(kinds) > 1 or (kinds == ["none"] and sites):
        raise SettingError(f"--distill {' '.join(words)}: wanted none, or relation or feature with sites E, D2, D3")
    if not words:
        return {}
    kind = kinds[0] if kinds else "relation"
    return {"distill.kind": kind, "distill.sites": "" if kind == "none" else ",".join(sites) or "E"}


@click.command(
    "train",
    cls=TrainCommand,
    variadic=("--data", "--gift", "--distill", "--grow", "--set"),
    short_help="Train a network, both stages.",
)
@click.option(
    "--data",
    type=_DATASET,
    multiple=True,
    help="Datasets in iHarmony4's layout or in folders composite, mask and real of equal names, a root that holds "
    "several, a table composite,mask,real,split (.csv), or what `ccharmony pack` made of them, shards also by URL (s3://…).",
)
@click.option(
    "--photos",
    type=_FOLDER,
    multiple=True,
    help="Folders of photos with masks (index.csv, images, masks), relit on the fly.",
)
@click.option("--lights", type=_FILE, help="fits.h5 whose train lights are the photos' donor lights.")
@click.option("--out", type=_FOLDER, required=True, help="Folder of the run.")
@click.option(
    "--resume",
    is_flag=True,
    help="Resume the run in --out, if it holds one: data and options are its own; those given now count from here on.",
)
@click.option("--force", is_flag=True, help="Train anew in a folder that holds a run, and overwrite its weights.")
@click.option("--from", "begin_from", type=Name(), metavar="NAME|FILE", help="Weights to finetune.")
@click.option(
    "--reconstruction", type=Name(), metavar="FILE", help="Weights of a reconstruction branch that is trained already."
)
@click.option("--settings", "saved", type=_FILE, help="Start from the settings.json of another run.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    is_eager=True,
    callback=_read_changes,
    metavar="NAME=VALUE…",
    help="Any other setting, such as network.mlp_width=128; `--set help` lists them all.",
)
@click.option(
    "--model",
    callback=shared.read_model,
    metavar="NAME",
    help="giftnet, the basic network issam, pih, the parametric one, or a registered network. [giftnet]",
)
@click.option("--row", type=WholeNumber(1, 10), help="Network and distillation of a row of the paper's Table 3.")
@_short("--width", "Channels of the finest block.")
@_short("--gift", "Maps that GIFT transforms: D1 D2 D3 E, or none.", several=True)
@click.option(
    "--distill",
    multiple=True,
    callback=_read_distill,
    metavar="KIND SITE…",
    help="none, or relation or feature on E D2 D3. [relation E]",
)
@_short("--loss", "l1 is the paper's; foreground is iSSAM's squared error over the area.")
@_short("--size", "Side of the training pictures.")
@_short("--grow", "SHARE:SIZE, a share of the steps and a larger size from there on.", several=True)
@_short("--batch", "Pictures a step, over all processes.")
@_short("--steps", "Length of the harmonize stage in steps; 0 is 120 epochs, see `--set help`.")
@_short("--rate", "Adam's learning rate.")
@_short("--precision", "Half precisions run under autocast; fp16 needs a GPU.")
@_short("--seed", "Seed of weights, order, crops and lights.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--minutes", type=Number(0), help="Stop after these minutes, with a state to resume from.")
@_short("--validate-every", "Steps between validations.", default="an epoch")
@_short(
    "--val-share",
    "Share of the photos of the train lists that choose best.safetensors; 0: the test lists do.",
    default="0.05",
)
@click.option("--tensorboard/--no-tensorboard", default=True, help="Write event files.")
def command(
    data: tuple[Place, ...],
    photos: tuple[Path, ...],
    lights: Path | None,
    out: Path,
    resume: bool,
    force: bool,
    begin_from: str | None,
    reconstruction: str | None,
    saved: Path | None,
    device: str,
    minutes: float | None,
    tensorboard: bool,
    **given: Any,
) -> int:
    """Train a network: the reconstruction branch, then the harmonization branch that learns from it.

    The folder --out holds weights (safetensors), a log, scores, strips of pictures, and a state that --resume starts
    from; on a CPU exactly as if the run had never stopped. best.safetensors is chosen on photos of the train lists that
    are held back (--val-share), never on the test lists. torchrun starts it on several processes or machines.

    Settings are those of --settings or of the model, then those of options, then those of --set.
    """
    from harmonize.training import train  # torch takes seconds; --help should not

    if resume and force:
        raise click.UsageError("--resume and --force exclude each other")
    named = {"data": data, "photos": photos, "lights": lights}
    places = {name: value for name, value in named.items() if value}
    settings, options, state = _settle(out, resume, force, saved, places, begin_from, _gather(**given))
    outcome, stop = train.train(
        settings,
        options.paths,
        out,
        pace=options.pace,
        device=device,
        minutes=minutes,
        resume=state,
        begin_from=options.begin_from,
        teacher_from=reconstruction,
        tensorboard=tensorboard,
        force=force,
    )
    if outcome.complete:
        echo(f"{out}: done, step {outcome.step}, lowest validation fMSE {outcome.best:.1f}", err=True)
    return 1 if stop.signal is not None else 0


def _settle(
    out: Path,
    resume: bool,
    force: bool,
    saved: Path | None,
    places: dict[str, Any],
    begin_from: str | None,
    texts: dict[str, str],
) -> tuple[TrainSettings, RunOptions, RunState | None]:
    """Return settings and options of the run with the changes that are asked for and, if it is resumed, its state."""
    from harmonize.training import changes, run_folder
    from harmonize.training.data_paths import DataPaths
    from harmonize.training.options import RunOptions, read_options
    from harmonize.training.pace import Pace

    folder = run_folder.RunFolder(out)
    run_folder.refuse_finished(out, resume=resume, force=force)
    if resume and folder.state.exists():
        start, state = folder.read_state()
        options = read_options(out, places)
    else:
        start, state = _read_start(saved, begin_from), None
        options = RunOptions(DataPaths(**places), Pace())
    try:
        settings, paths, pace = changes.change(start, options.paths, options.pace, texts)
    except SettingsError as error:
        raise SettingError(str(error)) from error
    if state is not None:
        folder.check_resumable(start, settings)
    return settings, RunOptions(paths, pace, options.first_weights(begin_from, state)), state


def _read_start(saved: Path | None, begin_from: str | None) -> TrainSettings:
    """Return the settings that options change: those of another run, or the defaults with the network finetuned."""
    from harmonize.training import run_folder
    from harmonize.weights import bundled, checkpoint

    if saved is not None:
        return run_folder.read_settings(saved)
    if begin_from is None:
        return TrainSettings()
    network = checkpoint.read_notes(bundled.find(begin_from))[0]
    return replace(TrainSettings().of_model(network.model), network=network)


def _gather(
    row: int | None, distill: dict[str, str], changes: dict[str, str], **short: str | tuple[str, ...] | None
) -> dict[str, str]:
    """Return the settings that the options give, by name, as text; a later one of the same name wins."""
    found = {} if row is None else table3.changes_of(row)
    for option, text in short.items():
        if isinstance(text, tuple) and text:
            found[SHORT[option]] = "" if text == ("none",) else ",".join(text)
        elif isinstance(text, str):
            found[SHORT[option]] = text
    return found | distill | changes
