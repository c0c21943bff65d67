"""`harmonize study`: a user study made, served, ranked, planned and exported."""

from __future__ import annotations

from ccharmony.command_classes import LazyGroup

command = LazyGroup(
    name="study",
    help="Ask people which of several methods they prefer, and rank the methods.",
    package="harmonize.commands.study",
    lazy={
        "make": "Apply methods to composites and write a study.",
        "serve": "Show a study to raters, as a page.",
        "rank": "Rank the methods by the votes.",
        "export": "Write the votes as a table.",
        "plan": "Simulate how many raters a study needs.",
    },
)
