"""`harmonize study export`."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony.arguments import LocalPath, force_option
from ccharmony.console import echo
from ccharmony.outputs import check_files


@click.command("export", short_help="Write the votes as a table.")
@click.argument("study", type=LocalPath(file_okay=False))
@click.option("-o", "--out", type=LocalPath(dir_okay=False), required=True, help="CSV file to write.")
@force_option
def command(study: Path, out: Path, force: bool) -> None:
    """Write all votes as CSV: picture, left, right, choice, rater, seconds. `study rank` reads it, too."""
    from harmonize.study.collect import collect_votes
    from harmonize.study.votes import write_votes

    check_files([out], [study], force=force)
    votes = collect_votes([study])
    write_votes(out, votes)
    echo(f"{out}: {len(votes)} votes")
