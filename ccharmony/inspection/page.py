"""The report as one HTML page that needs nothing else: no network, no other file, no server.

Python computes every number; the page's script sorts, filters and draws. Nothing that comes from a file name or a table
is ever parsed as HTML: the template escapes, the data stand in JSON blocks whose ``<`` is escaped, the script makes
text nodes, and a content security policy names the hashes of the page's own script and style and allows nothing else.

Contents: :func:`write_page`, :func:`render`, :func:`tabulate`.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ccharmony import __version__, files
from ccharmony.arrays import Float64
from ccharmony.checker.chart import NAMES, RELEASE_TO_CHART, STANDARD
from ccharmony.color import difference, polynomial, residuals
from ccharmony.color.polynomial import apply_polynomial
from ccharmony.images.thumbnails import Thumbnail
from ccharmony.inspection import report
from ccharmony.inspection.patch_errors import Direction
from ccharmony.inspection.report import FitReport, PhotoReport
from ccharmony.inspection.thumbnails import PhotoPictures
from ccharmony.progress import Progress

_TEMPLATE, _STYLE = "report.html.j2", "report.css"
_SCRIPTS = ("dom.js", "plots.js", "checker.js", "summary.js", "marks.js", "table.js", "panel.js", "main.js")
_CHART = RELEASE_TO_CHART
_CURVE_POINTS = 33
_LIMITS = {
    "rmse": residuals.RMSE_LIMIT,
    "left_out": residuals.LEFT_OUT_LIMIT,
    "cube_clipped": residuals.CLIPPED_LIMIT,
    "cube_folded": residuals.FOLDED_LIMIT,
}


def write_page(
    path: Path, content: FitReport, pictures: Mapping[str, PhotoPictures], progress: Progress | None = None
) -> None:
    """Write the page atomically; raises OutputError."""
    files.write_bytes(path, render(content, pictures, progress).encode("utf-8", errors="replace"))


def render(content: FitReport, pictures: Mapping[str, PhotoPictures], progress: Progress | None = None) -> str:
    """Return the page.

    Parameters
    ----------
    content
        The fits.
    pictures
        Pictures by photo id; photos may be absent.
    progress
        Called after each photo.

    Returns
    -------
    str
        The page, HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ccharmony.inspection"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    # ASCII, so that even a file name that is no valid Unicode can be carried; NaN would be no JSON.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":"), "sort_keys": False}
    style = _source(environment, _STYLE)
    script = "\n".join(_source(environment, name) for name in _SCRIPTS)
    return environment.get_template(_TEMPLATE).render(
        title=content.title,
        version=__version__,
        style=Markup(style),
        script=Markup(script),
        style_hash=_digest(style),
        script_hash=_digest(script),
        data=tabulate(content, progress),
        pictures={name: _pictures(found) for name, found in pictures.items()},
    )


def tabulate(content: FitReport, progress: Progress | None = None) -> dict[str, Any]:
    """Return all that the page shows but for pictures, as plain values; patches in chart order, colors in levels."""
    photos = []
    for count, photo in enumerate(content.photos, start=1):
        photos.append(_photo(photo))
        if progress:
            progress("figures", count, len(content.photos))
    return {
        "title": content.title,
        "problems": list(content.problems),
        "patches": [NAMES[patch] for patch in _CHART],
        "standard": _levels(STANDARD),
        "standardLab": _numbers(difference.to_lab(STANDARD)[_CHART]),
        "kinds": list(polynomial.KINDS),
        "figures": {name: list(words) for name, words in report.FIGURES.items()},
        "limits": _LIMITS,
        "causes": {name: words for name, (words, _) in report.CAUSES.items()},
        "findings": [{"text": found.text, "photos": list(found.photos)} for found in report.findings(content)],
        "photos": photos,
    }


def _photo(photo: PhotoReport) -> dict[str, Any]:
    record = photo.record
    return {
        "id": record.id,
        "camera": record.camera,
        "source": record.source,
        "split": record.split,
        "fit": record.kind,
        "reasons": list(photo.reasons),
        "causes": sorted(photo.causes),
        "score": _number(photo.there_and_back, 3),
        "figures": {name: _number(value, 4) for name, value in photo.figures.items()},
        "notes": [record.notes[patch] for patch in _CHART] if record.notes else [],
        "measured": _levels(record.patches),
        "measuredLab": _numbers(difference.to_lab(record.patches)[_CHART]),
        "forward": _direction(photo.forward) | {"curve": _forward_curve(photo)},
        "inverse": _direction(photo.inverse) | {"curve": _inverse_curve(photo)},
        "kinds": {
            kind: {name: _number(value, 4) for name, value in figures.items()} for kind, figures in photo.kinds.items()
        },
        "foregrounds": _foregrounds(photo),
    }


def _direction(direction: Direction) -> dict[str, Any]:
    return {
        "carried": _levels(direction.carried),
        "lab": _numbers(difference.to_lab(direction.carried)[_CHART]),
        "deltaE": _numbers(direction.delta_e[_CHART], 2),
        "leftOut": _numbers(direction.left_out[_CHART], 2),
        "hueShift": _numbers(direction.hue_shift[_CHART]),
    }


def _forward_curve(photo: PhotoReport) -> list[list[float | None]]:
    """Return gray level of the standard and the three channels that T_a gives, along the ramp as it was measured.

    Between two patches of the ramp, measured colors and standard grays are interpolated alike.
    """
    grays = STANDARD[5::-1].mean(axis=1)  # black to white, (6,)
    measured = photo.record.patches[5::-1]
    levels = np.linspace(grays[0], grays[-1], _CURVE_POINTS)
    path = np.stack([np.interp(levels, grays, channel) for channel in measured.T], axis=1)  # (points, 3)
    return _curve(levels, apply_polynomial(photo.record.to_standard, path))


def _inverse_curve(photo: PhotoReport) -> list[list[float | None]]:
    """Return gray levels from 0 to 255 and what T'_a makes of them."""
    levels = np.linspace(0, 1, _CURVE_POINTS)
    return _curve(levels, apply_polynomial(photo.record.from_standard, np.repeat(levels[:, None], 3, axis=1)))


def _curve(levels: Float64, colors: Float64) -> list[list[float | None]]:
    return [[_number(255 * level), *_numbers(255 * color)] for level, color in zip(levels, colors, strict=True)]


def _foregrounds(photo: PhotoReport) -> dict[str, list[dict[str, Any]]]:
    """Return donors and figures of the composites by foreground, in the manifest's order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for pair in photo.pairs:
        row = {
            "donor": pair.donor,
            "deltaE": _number(pair.delta_e, 2),
            "clipped": _number(pair.clipped_share, 4),
            "note": pair.note,
        }
        found.setdefault(pair.foreground, []).append(row)
    return found


def _pictures(found: PhotoPictures) -> dict[str, Any]:
    return {
        "photo": found.photo and _thumbnail(found.photo),
        "chart": found.chart and _thumbnail(found.chart),
        "reals": {letter: _thumbnail(real) for letter, real in found.reals.items()},
        "composites": {letter: [_thumbnail(one) for one in strip] for letter, strip in found.composites.items()},
        "problems": list(found.problems),
    }


def _thumbnail(picture: Thumbnail) -> dict[str, Any]:
    return {"uri": picture.uri, "width": picture.size[0], "height": picture.size[1], "outlines": picture.outlines}


def _levels(colors: Float64) -> list[float | None]:
    """Return colors (24, 3), release order, in [0, 1], as 72 levels in chart order."""
    return _numbers(255 * colors[_CHART])


def _numbers(values: Float64, digits: int = 1) -> list[float | None]:
    return [_number(value, digits) for value in values.ravel().tolist()]


def _number(value: float, digits: int = 1) -> float | None:
    """Return a number in few digits, or None, which is null in JSON, if it is not finite."""
    return round(float(value), digits) if math.isfinite(value) else None


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(text: str) -> str:
    """Return a hash as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
