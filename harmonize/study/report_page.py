"""The report of a study as one HTML page that needs nothing else."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from ccharmony import __version__, files
from harmonize.study import plot, report
from harmonize.study.report import StudyReport


def write_page(path: Path, content: StudyReport) -> None:
    """Write the page; raises OutputError."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harmonize.study", "page"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    drawing = plot.draw_strengths(content.ranking).decode()
    page = environment.get_template("report.html.j2").render(
        version=__version__,
        summary=report.describe(content),
        plot=Markup(drawing[drawing.index("<svg") :]),
        tables=report.tables(content),
        remarks=list(report.remarks(content)),
    )
    files.write_bytes(path, page.encode("utf-8", errors="replace"))
