"""`harmonize serve`."""

from __future__ import annotations

import click

from ccharmony.arguments import WholeNumber
from ccharmony.console import echo
from ccharmony.errors import SettingsError
from harmonize.commands import shared


@click.command("serve")
@shared.weights_option
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 opens the page to other machines, by a link with a key.",
)
@click.option("--port", type=WholeNumber(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
def command(weights: str | None, host: str, port: int) -> None:
    """Serve a page on which pictures are dropped, harmonized, turned to taste and taken away, until Ctrl-C.

    Pictures stay on this machine, in a temporary folder that goes when the command ends.
    """
    try:
        from harmonize.studio.serve import serve_page
    except ModuleNotFoundError as error:
        raise SettingsError(f'{error.name} is not installed: pip install "ccharmony[serve]"') from error

    serve_page(weights, host, port, lambda link: echo(f"{link}  (Ctrl-C ends it)"))
