"""`harmonize study rank`."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony.arguments import LocalPath, WholeNumber, force_option
from ccharmony.console import echo_lines
from ccharmony.outputs import Job, check_files, check_folder, claim_folder

_JOB = Job("harmonize study rank")
_FILE = LocalPath(dir_okay=False)


@click.command("rank", short_help="Rank the methods by the votes.")
@click.argument("studies", nargs=-1, required=True, metavar="STUDY|VOTES.csv...", type=LocalPath())
@click.option("--out", type=LocalPath(file_okay=False), help="Folder for tables and plot.")
@click.option("--html", type=_FILE, help="Write one page with tables and plot.")
@click.option("--without-failed", is_flag=True, help="Leave out raters who failed the catch trials.")
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Of the bootstrap.")
@force_option
def command(
    studies: tuple[Path, ...], out: Path | None, html: Path | None, without_failed: bool, seed: int, force: bool
) -> None:
    """Rank the methods by the votes of a study, or of tables with the columns picture,left,right,choice,rater,seconds.

    Strengths are by Bradley and Terry's model, with 95 % intervals over pictures and raters. Raters who answer the
    questions that are asked twice no better than at random are named.
    """
    from harmonize.study import report
    from harmonize.study.collect import collect_votes

    if out is not None:
        check_folder(out, _JOB, studies)
    check_files([html] if html else [], studies, force=force)
    found = report.make_report(collect_votes(studies), without_failed=without_failed, seed=seed)
    if out is not None:
        with claim_folder(out, _JOB, studies):
            report.write_report(out, found)
    if html is not None:
        from harmonize.study.report_page import write_page

        write_page(html, found)
    echo_lines(report.to_markdown(found))
