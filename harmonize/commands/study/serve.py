"""`harmonize study serve`."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony.arguments import LocalPath, WholeNumber
from ccharmony.console import echo
from ccharmony.errors import SettingsError


@click.command("serve", short_help="Show a study to raters, as a page.")
@click.argument("study", type=LocalPath(file_okay=False))
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 opens the study to other machines, by a link with a key.",
)
@click.option("--port", type=WholeNumber(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
def command(study: Path, host: str, port: int) -> None:
    """Serve the page on which people vote, until Ctrl-C.

    Every answer is on the disk before it is acknowledged. Each rater gets a link that goes on where the rater stopped.
    """
    from harmonize.study.study import read_study

    found = read_study(study)
    try:
        from harmonize.study.serve import serve_study
    except ModuleNotFoundError as error:
        raise SettingsError(f'{error.name} is not installed: pip install "ccharmony[serve]"') from error

    serve_study(found, host, port, lambda link: echo(f"{link}  (Ctrl-C ends it)"))
