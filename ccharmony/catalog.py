"""The facts about each source that are known before a file is opened: cameras, counts, levels, sizes, page and terms.

The facts are in ``data_manifests/<source>.toml`` next to the package, one file a source, with the origin of every
number. This module gives them types.

Contents: :class:`Camera`, :class:`Source`, :func:`read_source`.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccharmony.errors import SourceError
from ccharmony.images.camera import Matrix, Triple

FOLDER = Path(__file__).resolve().parents[1] / "data_manifests"
"""In a checkout and in an installation alike, the folder is next to the package."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Camera:
    """One camera of a source.

    Attributes
    ----------
    name, model
        Name in ids and tables; name in the shop.
    ids
        Regular expression that the ids of its photos match.
    photos, published
        How many photos the source has of it, and how many of them are in the ccHarmony release.
    black, saturation
        Counts of the linear pictures for no light and for a full sensor.
    linear_size, rendered_size
        Width and height, lying down, of the linear and of the display-referred picture.
    daylight_balance, camera_matrix
        As `ccharmony.images.camera.Rendering` takes them.
    rendered_scale
        Pixels of the rendered picture per pixel of the linear one, in which NUS's coordinates are.
    raw_size
        Width and height of the picture that Gehler's coordinates are in.
    orientation_reliable
        Whether the EXIF orientation of its files can be trusted.
    numbers
        First and last number of each run of its photos, in the order of the source's own tables; empty where these
        name their photos.
    """

    name: str
    model: str
    ids: str
    photos: int
    published: int
    black: float
    saturation: float
    linear_size: Size
    rendered_size: Size
    daylight_balance: Triple
    camera_matrix: Matrix
    rendered_scale: float = 1.0
    raw_size: Size | None = None
    orientation_reliable: bool = True
    numbers: tuple[tuple[int, int], ...] = ()

    @property
    def every_id(self) -> tuple[str, ...]:
        """Return the ids of its photos in the order of the source's own tables; empty without `numbers`."""
        return tuple(
            f"{_literal(self.ids)}{number:04d}" for first, last in self.numbers for number in range(first, last + 1)
        )


@dataclass(frozen=True)
class Source:
    """One source of photos.

    Attributes
    ----------
    name, title
        Name on the command line; name for people.
    page, terms, license, citation
        Where to get the photos, on which terms as far as known, the name of their license or ``other``, what to cite.
    layout
        How the files are laid out below the data folder, as a text.
    suffixes
        Kind of picture (``rendered``, ``linear``, ``raw``) -> file suffixes in lower case.
    cameras
        Its cameras; empty where any camera may occur.
    """

    name: str
    title: str
    page: str
    terms: str
    license: str
    citation: str
    layout: str
    suffixes: Mapping[str, tuple[str, ...]]
    cameras: tuple[Camera, ...] = ()

    def identify(self, name: str) -> tuple[str, Camera] | None:
        """Return the id and the camera that a file's bare name stands for, whatever its case; None for another file.

        Examples
        --------
        >>> photo, camera = read_source("nus").identify("CANON600D_0007")
        >>> photo, camera.model
        ('Canon600D_0007', 'Canon EOS 600D')
        """
        for camera in self.cameras:
            if re.fullmatch(camera.ids, name, re.IGNORECASE):
                return _in_the_case_of(camera.ids, name), camera
        return None


@functools.cache
def read_source(name: str) -> Source:
    """Return the facts about a source.

    Raises
    ------
    SourceError
        There is no such file, or it lacks an entry.
    """
    facts = _read(name)
    try:
        cameras = tuple(_camera(entry) for entry in facts.get("cameras", ()))
        suffixes = {kind: tuple(names) for kind, names in facts.get("files", {}).items()}
        words = {key: facts[key] for key in ("name", "title", "page", "terms", "license", "citation", "layout")}
        return Source(**words, suffixes=suffixes, cameras=cameras)
    except (KeyError, TypeError) as error:
        raise SourceError(f"{_path(name)}: {error}, wanted the entries of ccharmony.catalog.Source") from error


def _path(name: str) -> Path:
    return FOLDER / f"{name}.toml"


def _read(name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"{_path(name)}: cannot be read ({error})") from error


def _camera(entry: Mapping[str, Any]) -> Camera:
    """Make a camera of a TOML table, whose arrays become tuples."""
    return Camera(**{key: _frozen(value) for key, value in entry.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _in_the_case_of(ids: str, name: str) -> str:
    r"""Return `name` in the letters that the literal beginning of `ids` has, such as ``IMG_`` of ``IMG_\d{4}``."""
    literal = _literal(ids)
    return literal + name[len(literal) :]


def _literal(ids: str) -> str:
    """Return the beginning of a regular expression that stands for itself."""
    return ids.partition("\\")[0]
