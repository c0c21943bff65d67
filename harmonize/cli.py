"""The `harmonize` command line."""

from __future__ import annotations

import click

from ccharmony import __version__, console
from ccharmony.command_classes import LazyGroup
from harmonize import memory, processors


@click.group(
    cls=LazyGroup,
    package="harmonize.commands",
    lazy={
        "train": "Train a network, both stages.",
        "make-pairs": "Write the validation pairs of photos under donor lights.",
        "evaluate": "Score a network or another method's pictures on datasets.",
        "apply": "Give the foreground of pictures the light of their background.",
        "serve": "A page to drop pictures on, and to turn the result to taste.",
        "export": "Write a network as an ONNX file, for programs without torch.",
        "study": "Ask people which method they prefer, and rank the methods.",
        "weights": "List the weights that come with the package.",
    },
)
@click.version_option(__version__)
def group() -> None:
    """Train, evaluate and apply networks that harmonize composite pictures."""


def main() -> None:
    """Run the command line; the entry point of the console script."""
    memory.keep_freed_memory()
    processors.let_waiting_threads_sleep()
    console.run(group)
