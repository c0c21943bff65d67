"""`harmonize weights`."""

from __future__ import annotations

import click

from ccharmony.console import echo_lines


@click.command("weights")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the weights that come with the package; with NAME, show its card: data, scores, licence."""
    from harmonize.weights import cards  # torch takes seconds; --help should not

    echo_lines(cards.read(name) if name else cards.to_table())
