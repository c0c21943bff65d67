"""The pictures of a folder before and after, most changed first, as one HTML page that needs nothing else.

Nothing that comes from a file name is parsed as HTML: the template escapes, and a content security policy allows the
page's own style and pictures inside the page alone.

Contents: :class:`Review`, :func:`write_page`; :data:`MOST`, :data:`PICTURE_BYTES`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from markupsafe import Markup

from ccharmony import __version__, files
from ccharmony.arrays import Float32, UInt8
from ccharmony.images.thumbnails import PAGE_BYTES
from harmonize.inspection.changes import Change, measure

MOST = 1000
"""Pictures shown; of more, those that were changed most."""

PICTURE_BYTES = 120_000
"""Most bytes that the three pictures of a composite take on a page of few."""


@dataclass
class Review:
    """What a page shows.

    Attributes
    ----------
    title
        Folder of the composites.
    how
        What they were harmonized with, in a few words.
    expected
        Number of pictures that will be added, by which they share the page's bytes.
    left_out
        One line for each picture that was not harmonized.
    changes
        What was added.
    """

    title: str
    how: str
    expected: int
    left_out: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def add(self, name: str, composite: UInt8, result: UInt8, mask: Float32) -> None:
        """Add a picture before and after, (H, W, 3), sRGB, and its mask (H, W), in [0, 1]; from any thread."""
        share = min(PICTURE_BYTES, PAGE_BYTES // max(min(self.expected, MOST), 1))
        self.changes.append(measure(name, composite, result, mask, share))


def write_page(path: Path, review: Review) -> None:
    """Write the page; raises OutputError."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harmonize.inspection", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    assert environment.loader is not None
    style = environment.loader.get_source(environment, "changes.css")[0]
    changes = sorted(review.changes, key=lambda change: (-change.levels, change.name))
    page = environment.get_template("changes.html.j2").render(
        version=__version__,
        style=Markup(style),
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        review=review,
        shown=changes[:MOST],
    )
    files.write_bytes(path, page.encode("utf-8", errors="replace"))
