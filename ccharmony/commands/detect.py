"""`ccharmony detect`."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from ccharmony.arguments import LocalPath
from ccharmony.arrays import UInt8
from ccharmony.checker import overlay
from ccharmony.checker.chart import NAMES
from ccharmony.checker.detect import checker_from_corners, find_checker
from ccharmony.checker.findings import Detection
from ccharmony.color.misfits import mark_misfits
from ccharmony.console import echo
from ccharmony.errors import CcharmonyError, CheckerError, ImageError, SourceError
from ccharmony.images import pixels
from ccharmony.outputs import Job, claim_folder
from ccharmony.sources import folder, reading
from ccharmony.sources.files import files_below

_OVERLAYS = Job("ccharmony detect")


@click.command("detect")
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO…", type=LocalPath())
@click.option("--overlay", "overlays", type=LocalPath(), metavar="DIR", help="Draw the findings there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a photo, colors in 8-bit levels, white first.")
@click.option(
    "--corners",
    "by_hand",
    type=LocalPath(),
    metavar="CSV",
    help="Corners by hand, which always win: photo,x1,y1,…,x4,y4, from dark skin along the first row.",
)
def command(photos: tuple[Path, ...], overlays: Path | None, as_json: bool, by_hand: Path | None) -> None:
    """Find the color checker in photos (or in all photos of a folder)."""
    paths = _files(photos)
    given = _read_corners(by_hand, paths) if by_hand else {}
    with claim_folder(overlays, _OVERLAYS, photos) if overlays else contextlib.nullcontext():
        unreadable = _detect_all(paths, given, overlays, as_json)
    passed = _passed_over(photos)
    for path in passed:
        echo(f"error: {path}: {reading.PASSED_OVER}", err=True)
    if unreadable or passed:
        others = f", {len(passed)} files passed over" if passed else ""
        raise SourceError(f"{unreadable} of {len(paths)} photos failed{others}")


def _detect_all(paths: list[Path], given: dict[Path, list[list[float]]], overlays: Path | None, as_json: bool) -> int:
    """Print what each photo shows, and draw it; return how many photos could not be used."""
    names, unreadable = _overlay_names(paths), 0
    for path in paths:
        try:
            image, found = _detect(path, given.get(path))
            if overlays is not None:
                pixels.write_image(overlays / names[path], overlay.draw_finding(image, found))
        except (ImageError, CheckerError) as error:
            unreadable += 1
            echo(f"error: {_named(path, error)}", err=True)
            found = Detection(None, None, math.nan, math.nan, str(error))
            if not as_json:
                continue
        echo(json.dumps(_as_object(path, found), ensure_ascii=False) if as_json else f"{path}: {_as_text(found)}")
        if found.closest is not None and not as_json:
            echo(f"  the closest finding, if it is the chart, as a row of checkers.csv: {_row(path, found)}")
    return unreadable


def _files(photos: Sequence[Path]) -> list[Path]:
    """Replace each folder by its photos; name each file once."""
    paths: list[Path] = []
    for path in photos:
        paths += [file for file in files_below(path) if reading.is_photo(file)] if path.is_dir() else [path]
    if not paths:
        passed = _passed_over(photos)
        first = f"; {len(passed)} files passed over, such as {passed[0]}: {reading.PASSED_OVER}" if passed else ""
        raise SourceError(f"no photo in {', '.join(map(str, photos))}{first}")
    return list(dict.fromkeys(paths))


def _passed_over(photos: Iterable[Path]) -> list[Path]:
    """Return the files of the folders that are neither photos nor notes."""
    return [file for path in photos if path.is_dir() for file in files_below(path) if reading.is_passed_over(file)]


def _read_corners(table: Path, paths: list[Path]) -> dict[Path, list[list[float]]]:
    """Read corners by photo; a row that cannot be used, or belongs to another photo, is reported and skipped."""
    if not table.is_file():
        raise SourceError(f"{table}: no such file, wanted corners as {','.join(folder.COLUMNS)}")
    corners, problems = folder.read_checkers(table, {path.stem: path for path in paths})
    for problem in problems:
        echo(f"note: {problem}", err=True)
    return {path: corners[path.stem] for path in paths if path.stem in corners}


def _detect(path: Path, charts: list[list[float]] | None) -> tuple[UInt8, Detection]:
    image = reading.read_file(path)
    if charts is None:
        found = find_checker(image)
    else:
        found, *others = (checker_from_corners(image, np.array(corners).reshape(4, 2)) for corners in charts)
        found = replace(found, others=tuple(others))
    return image, found if found.patches is None else replace(found, patches=mark_misfits(found.patches))


def _named(path: Path, error: CcharmonyError) -> str:
    """Put the file's name before a message that lacks it."""
    return str(error) if str(error).startswith(str(path)) else f"{path}: {error}"


def _overlay_names(paths: list[Path]) -> dict[Path, str]:
    """Return the name of each photo's overlay: different names, even where two folders have files of one name."""
    names: dict[Path, str] = {}
    for path in paths:
        name, count = f"{path.stem}.jpg", 1
        while name in names.values():
            count += 1
            name = f"{path.stem}_{count}.jpg"
        names[path] = name
    return names


def _as_text(found: Detection) -> str:
    if found.corners is None or found.patches is None:
        return found.reason
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in found.corners)
    parts = [f"chart at {corners}", f"turned {found.orientation}°", f"residual {found.residual:.1f}"]
    parts += [] if math.isnan(found.cost) else [f"cost {found.cost:.4f}"]
    parts.append(f"{found.patches.usable.sum()} of 24 patches usable")
    flagged = [f"{name}: {flag}" for name, flag in zip(NAMES, found.patches.flags(), strict=True) if flag]
    parts += [] if found.patches.gray_ramp_falls else ["the gray ramp does not fall"]
    parts += [f"another chart ({other.reason or f'residual {other.residual:.1f}'})" for other in found.others]
    return ", ".join(parts) + (f" ({'; '.join(flagged)})" if flagged else "")


def _as_object(path: Path, found: Detection) -> dict[str, Any]:
    patches = found.patches
    return {
        "photo": str(path),
        **_describe_position(found),
        "closest": None if found.closest is None else _plain(found.closest, 2),
        "row": _row(path, found),
        "patches": patches and _plain(255 * patches.colors, 2),
        "spread": patches and _plain(patches.spread, 2),
        "count": patches and patches.count.tolist(),
        "clipped": patches and _plain(patches.clipped, 4),
        "flags": patches and list(patches.flags()),
        "gray_ramp_falls": patches and patches.gray_ramp_falls,
        "others": [{**_describe_position(other), "row": _row(path, other)} for other in found.others],
    }


def _row(path: Path, found: Detection) -> str | None:
    """Return a finding, or the closest, as a row of checkers.csv."""
    corners = found.closest if found.corners is None else found.corners
    if corners is None:
        return None
    cells = io.StringIO()
    csv.writer(cells, lineterminator="").writerow([path.stem, *(f"{value:.1f}" for value in corners.ravel())])
    return cells.getvalue()


def _describe_position(found: Detection) -> dict[str, Any]:
    return {
        "corners": None if found.corners is None else _plain(found.corners, 2),
        "orientation": found.orientation,
        "cost": _plain(found.cost, 4),
        "residual": _plain(found.residual, 2),
        "reason": found.reason,
    }


def _plain(values: Any, digits: int) -> Any:
    """Make an array or a number ready for JSON: rounded, and null where it is not a number."""
    if np.ndim(values) > 0:
        return [_plain(value, digits) for value in values]
    return round(float(values), digits) if math.isfinite(values) else None
