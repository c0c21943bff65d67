"""`harmonize study make`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from ccharmony.arguments import LocalPath, Number, WholeNumber
from ccharmony.console import echo, progress_bar
from ccharmony.errors import SettingsError
from ccharmony.outputs import Job, claim_folder
from harmonize.commands import shared

_JOB = Job("harmonize study make", ("pictures", "outlines"))
_FOLDER = LocalPath(exists=True, file_okay=False)


def _read_methods(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read `NAME=WEIGHTS|DIR`, several times."""
    methods: dict[str, str] = {}
    for value in values:
        name, equals, what = value.partition("=")
        if not (name and equals and what):
            raise click.BadParameter(f"{value}: wanted NAME=WEIGHTS or NAME=FOLDER")
        if name in methods:
            raise click.BadParameter(f"{name} is given twice")
        methods[name] = what
    return methods


@click.command("make", short_help="Apply methods to composites and write a study.")
@click.option("--composites", type=_FOLDER, required=True, help="Folder of composites.")
@click.option("--masks", type=_FOLDER, required=True, help="Folder of their masks.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    required=True,
    callback=_read_methods,
    metavar="NAME=WEIGHTS|DIR",
    help="Bundled weights, a file of weights, or a folder of another method's pictures; once a method.",
)
@click.option("--out", type=LocalPath(file_okay=False), required=True, help="Folder of the study.")
@click.option("--size", type=WholeNumber(), default=1024, show_default=True, help="Longest side of the pictures shown.")
@click.option("--quality", type=WholeNumber(), default=95, show_default=True, help="Of the pictures, as WebP.")
@click.option(
    "--pairs-per-picture", type=WholeNumber(), help="Pairs of methods asked of each picture; all if not given."
)
@click.option("--questions-per-rater", type=WholeNumber(), help="Questions for each rater; all if not given.")
@click.option("--catch-share", type=Number(), default=0.05, show_default=True, help="Share of questions asked twice.")
@click.option("--ties", is_flag=True, help='Offer "no difference" as an answer.')
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Of all random choices.")
@shared.device_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    composites: Path,
    masks: Path,
    methods: dict[str, str],
    out: Path,
    device: str,
    **options: Any,
) -> None:
    """Apply each method to each composite and write a folder that `study serve` shows to people.

    The composite itself is one more method. All pairs of methods of a picture are asked, or a random share in which
    every pair comes equally often.
    """
    from harmonize.study.make import make_study
    from harmonize.study.study import FILE, StudySettings

    settings = StudySettings(**options)
    if (out / FILE).exists():
        raise SettingsError(f"{out}: holds a study already, whose votes belong to its pictures; wanted another folder")
    read = [composites, masks, *(Path(value) for value in methods.values())]
    with claim_folder(out, _JOB, read), progress_bar() as progress:
        study, problems = make_study(
            composites, masks, methods, out, settings, device=device, progress=partial(progress, "pictures")
        )
    asked = len(study.questions())
    each = len(study.trials(0))
    echo(f"{out}: {len(study.names)} pictures, {len(study.methods)} methods, {asked} questions, {each} for each rater")
    if problems:
        echo(f"left out: {len(problems)} pictures, the first: {problems[0]}", err=True)
        ctx.exit(1)
