"""`harmonize train`: both stages in one folder, from stored pairs, from photos under lent lights, or from both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccharmony.console import VariadicCommand
from ccharmony.errors import SettingsError
from harmonize.models.settings import FORMS, NetworkSettings, PihSettings
from harmonize.table3 import TABLE_3
from harmonize.training.settings import DECAYS, LOSSES, PRECISIONS, REGIONS, DistillSettings, TrainSettings
from harmonize.training.stream_settings import DUAL, StreamSettings

if TYPE_CHECKING:
    from harmonize.models.registry import AnySettings
    from harmonize.training.state import RunState

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_DATASET = click.Path(path_type=Path)
_DEFAULTS = TrainSettings()
_NETWORK = NetworkSettings()
_NOTHING = DistillSettings(kind="none", sites=())


def _run(out: Path, resume: bool, **given: Any) -> int:
    """Train, and return the exit code: 0 done or out of minutes, 1 stopped by a signal."""
    from harmonize.training import data, run, train  # torch takes seconds; --help should not

    settings, state = _settle(out, resume, given)
    places = data.Places(
        data=given["data"],
        photos=given["photos"],
        lights=given["lights"],
        held_lights=given["held_lights"],
        strict=given["strict"],
    )
    pace = run.Pace(given["log_every"], given["validate_every"], given["save_minutes"], given["compile"])
    outcome, stop = train.train(
        settings,
        places,
        out,
        pace=pace,
        device=given["device"],
        minutes=given["minutes"],
        resume=state,
        begin_from=given["begin_from"],
        teacher_from=given["reconstruction"],
        tensorboard=given["tensorboard"],
    )
    if outcome.complete:
        click.echo(f"{out}: done, step {outcome.step}, lowest validation fMSE {outcome.best:.1f}", err=True)
    return 1 if stop.signal is not None else 0


def _settle(out: Path, resume: bool, given: dict[str, Any]) -> tuple[TrainSettings, RunState | None]:
    """Return the settings of the run and, where it goes on, its state."""
    from harmonize.training.run_folder import RunFolder

    folder = RunFolder(out)
    changes = {name: given[name] for name in _PLAIN if given[name] is not None}
    if resume and folder.state.exists():
        saved, _ = folder.take_up({})
        inner: dict[str, Any] = {
            "network": _read_network(given, saved.network),
            "distill": _read_distill(given, saved.distill),
        }
        if isinstance(saved.network, PihSettings):
            inner["streams"] = _read_streams(given, saved.streams)
        return folder.take_up({**inner, **changes})
    if folder.state.exists():
        raise SettingsError(f"{out}: holds a run already, wanted --resume or another folder")
    if given["model"] == "pih":
        network, distill = _read_network(given, PihSettings()), _read_distill(given, _NOTHING)
        return TrainSettings(network, distill, _read_streams(given, DUAL), **changes), None
    network, distill = TABLE_3[given["row"]] if given["row"] else (_NETWORK, _DEFAULTS.distill)
    arguments = _read_network(given, network), _read_distill(given, distill), _read_streams(given, StreamSettings())
    return TrainSettings(*arguments, **changes), None


def _read_network(given: dict[str, Any], start: AnySettings) -> AnySettings:
    """Change the network that the options start from by those that were given."""
    if isinstance(start, PihSettings):
        return _read_pih(given, start)
    values = start.to_dict()
    if given["model"] == "issam":
        values |= {"model": "issam", "gift": ()}
    changes = {name: given[name] for name in ("model", "width", "guidance") if given[name] is not None}
    if given["gift"]:
        changes["gift"] = () if given["gift"] == ("none",) else given["gift"]
    return NetworkSettings.from_dict({**values, **changes})


def _read_pih(given: dict[str, Any], start: PihSettings) -> PihSettings:
    """Change the parametric harmonizer that the options start from by those that were given."""
    for name in ("row", "gift", "guidance"):
        if given[name]:
            raise SettingsError(f"--{name}: belongs to GiftNet, found with --model pih")
    changes = {name: given[name] for name in ("form", "shading", "background", "width") if given[name] is not None}
    return PihSettings.from_dict({**start.to_dict(), **changes})


def _read_streams(given: dict[str, Any], start: StreamSettings) -> StreamSettings:
    """Change the streams that the options start from by those that were given."""
    values = start.to_dict()
    if given["supervised_only"]:
        values["unpaired"] = 0.0
    if given["adversarial"] is not None:
        values["adversarial"] = given["adversarial"]
    if given["jitter"] is False:
        values |= dict.fromkeys(("brightness", "contrast", "shift"), 0.0)
    return StreamSettings.from_dict(values)


def _read_distill(given: dict[str, Any], start: DistillSettings) -> DistillSettings:
    """Read `--distill E D2`, `--distill feature`, `--distill none`, the two weights and the region."""
    given_names = [name for name in ("gamma", "weight", "region") if given[name] is not None]
    values = {**start.to_dict(), **{name: given[name] for name in given_names}}
    words = given["distill"]
    if words:
        kinds = [word for word in words if word in ("none", "relation", "feature")]
        sites = tuple(word for word in words if word not in kinds)
        if len(kinds) > 1 or (kinds == ["none"] and sites):
            raise SettingsError(
                f"--distill {' '.join(words)}: wanted none, or relation or feature with sites E, D2, D3"
            )
        kind = kinds[0] if kinds else "relation"
        values |= {"kind": kind, "sites": () if kind == "none" else sites or ("E",)}
    return DistillSettings.from_dict(values)


def read_grow(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[float, int], ...] | None:
    """Read `0.7:256`, a share of the steps and the size from there on."""
    pairs = []
    for value in values:
        share, _, size = value.partition(":")
        try:
            pairs.append((float(share), int(size)))
        except ValueError as error:
            raise click.BadParameter(f"{value}: wanted SHARE:SIZE such as 0.7:256") from error
    return tuple(pairs) or None


def _option(flag: str, kind: Any, text: str, **more: Any) -> click.Option:
    """Return an option of `TrainSettings`; not given, it is None, and its default is the dataclass's."""
    name = flag.removeprefix("--").partition("/")[0].replace("-", "_")
    default = getattr(_DEFAULTS, name)
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
    return click.Option([flag], type=kind, default=None, help=f"{text} [{shown}]" if shown != () else text, **more)


_SHAPING = [
    _option("--loss", click.Choice(LOSSES), "l1 is the paper's; foreground is iSSAM's squared error over the area."),
    _option("--min-share", float, "Smallest foreground that the foreground loss divides by, of the picture."),
    _option("--relit", float, "Share of --photos that are lit as a whole first."),
    _option("--mixed", float, "Share of the lights lent to --photos that are a mixture of two."),
    _option("--size", int, "Side of the training pictures."),
    _option(
        "--grow",
        str,
        "Share of the steps and a larger size from there on.",
        multiple=True,
        callback=read_grow,
        metavar="SHARE:SIZE",
    ),
    _option("--batch", int, "Pictures a step, over all processes."),
    _option("--epochs", float, "Length of the harmonize stage."),
    _option("--reconstruct-epochs", float, "Length of the reconstruct stage."),
    _option("--steps", int, "Length of the harmonize stage in steps instead."),
    _option("--reconstruct-steps", int, "Length of the reconstruct stage in steps instead."),
    _option("--warm-start/--no-warm-start", bool, "Begin to harmonize with the reconstruction branch's weights."),
    _option("--rate", float, "Adam's learning rate."),
    _option("--warmup", int, "Steps over which the rate rises."),
    _option("--decay", click.Choice(DECAYS), "How the rate falls."),
    _option(
        "--milestones",
        float,
        "Shares of the steps at which it falls to a tenth.",
        multiple=True,
        callback=lambda _c, _p, v: v or None,
    ),
    _option("--decay-from", float, "Share of the steps at which a linear or cosine decay begins."),
    _option("--clip", float, "Largest norm of the gradient; 0 leaves it."),
    _option("--ema", float, "Decay of the averaged weights; 0 keeps the raw ones."),
    _option("--precision", click.Choice(PRECISIONS), "Half precisions run under autocast; fp16 needs a GPU."),
    _option("--channels-last/--no-channels-last", bool, "Layout of tensors in memory."),
    _option("--seed", int, "Seed of weights, order, crops and lights."),
]
_PLAIN = [str(option.name) for option in _SHAPING]

_PLACES = [
    click.Option(
        ["--data"],
        type=_DATASET,
        multiple=True,
        help="Datasets in iHarmony4's layout, a root that holds several, or what `ccharmony pack` made of them.",
    ),
    click.Option(["--photos"], type=_FOLDER, help="Photos with masks (index.csv, images, masks), lit on the fly."),
    click.Option(["--lights"], type=_FILE, help="fits.h5 whose train lights are lent to the photos."),
    click.Option(["--held-lights"], type=int, default=50, show_default=True, help="Lights kept for validation."),
    click.Option(["--strict"], is_flag=True, help="A broken pair ends the run."),
    click.Option(["--out"], type=_FOLDER, required=True, help="Folder of the run."),
    click.Option(
        ["--resume"],
        is_flag=True,
        help="Go on with the run in --out, if it holds one; options given now count from here on.",
    ),
    click.Option(["--from", "begin_from"], help="Weights to finetune: a bundled name or a file."),
    click.Option(["--reconstruction"], help="Weights of a reconstruction branch that is trained already."),
]

_NETWORKS = [
    click.Option(
        ["--row"],
        type=click.IntRange(1, 10),
        help="Row of the paper's Table 3 that network and distillation are taken from.",
    ),
    click.Option(
        ["--model"],
        type=click.Choice(["giftnet", "issam", "pih"]),
        help="issam is the basic network, pih the parametric one. [giftnet]",
    ),
    click.Option(["--form"], type=click.Choice(FORMS), help="PIH: small, or as the paper's release. [light]"),
    click.Option(["--shading/--curves-only"], default=None, help="PIH: whether a shading map follows the curves."),
    click.Option(["--supervised-only"], is_flag=True, help="PIH: no unpaired composites; half of the steps otherwise."),
    click.Option(["--adversarial"], type=float, help="PIH: weight of the critic; 0 trains none. [0.08]"),
    click.Option(["--jitter/--no-jitter"], default=None, help="PIH: change and move the foregrounds of pairs."),
    click.Option(["--background/--no-background"], default=None, help="PIH: see a clean background too, 7 channels."),
    click.Option(["--width"], type=int, help="Channels of the finest block. [32]"),
    click.Option(
        ["--gift"], multiple=True, metavar="SITE…", help="Maps that GIFT transforms: D1 D2 D3 E, or none. [D2 D3 E]"
    ),
    click.Option(
        ["--guidance"], type=click.Choice(["global", "none", "self"]), help="What the scales are read from. [global]"
    ),
    click.Option(
        ["--distill"], multiple=True, metavar="KIND SITE…", help="none, or relation or feature on E D2 D3. [relation E]"
    ),
    click.Option(
        ["--region"],
        type=click.Choice(REGIONS),
        help="Where relations are compared: at all pixels or in the background alone. [all]",
    ),
    click.Option(["--gamma"], type=float, help="γ of the relation. [0.01]"),
    click.Option(["--lambda", "weight"], type=float, help="λ, the weight of distillation. [0.001]"),
]

_PACE = [
    click.Option(["--device"], default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.Option(["--compile"], is_flag=True, help="Send the network through torch.compile."),
    click.Option(
        ["--minutes"], type=click.FloatRange(0), help="Stop after these minutes, with a state to resume from."
    ),
    click.Option(
        ["--log-every"], type=click.IntRange(1), default=50, show_default=True, help="Steps between rows of the log."
    ),
    click.Option(["--validate-every"], type=click.IntRange(0), default=0, help="Steps between validations. [an epoch]"),
    click.Option(
        ["--save-minutes"], type=click.FloatRange(0), default=5, show_default=True, help="Minutes between states."
    ),
    click.Option(["--tensorboard/--no-tensorboard"], default=True, help="Write event files."),
]

command = VariadicCommand(
    "train",
    params=[*_PLACES, *_NETWORKS, *_SHAPING, *_PACE],
    callback=_run,
    variadic=("--data", "--gift", "--distill", "--milestones", "--grow"),
    short_help="Train a network, both stages.",
    help="""Train a network: the reconstruction branch, then the harmonization branch that learns from it.

    The folder --out holds weights (safetensors), a log, scores, strips of pictures, and a state that --resume goes
    on from; on a CPU exactly as if the run had never stopped. torchrun starts it on several processes or machines.""",
)
