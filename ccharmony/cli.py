"""The `ccharmony` command line."""

from __future__ import annotations

import click

from ccharmony import __version__, console
from ccharmony.command_classes import LazyGroup


@click.group(
    cls=LazyGroup,
    package="ccharmony.commands",
    lazy={
        "build": "Make composite/real pairs from photos that show a color checker.",
        "fits": "Write the lights of the published release to one file, without its photos.",
        "lights": "Make lights of recorded ones.",
        "inspect": "Show how well each checker was fitted, worst first.",
        "detect": "Find the color checker in photos.",
        "stats": "Show the figures of a dataset that a paper prints.",
        "relight": "Carry one foreground into another photo's light.",
        "verify": "Check a built dataset, file by file.",
        "merge": "Join built datasets into one.",
        "pack": "Pack a dataset into shards or one file, for training.",
    },
)
@click.version_option(__version__)
def group() -> None:
    """Build the ccHarmony dataset: photos with a color checker in, composite/real pairs out."""


def main() -> None:
    """Run the command line; the entry point of the console script."""
    console.run(group)
