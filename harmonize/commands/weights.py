"""`harmonize weights`."""

from __future__ import annotations

import click


@click.command("weights")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the weights that come with the package; with NAME, show its card: data, scores, licence."""
    from harmonize.weights import cards  # torch takes seconds; --help should not

    click.echo(cards.read(name) if name else cards.to_table())
