"""What a person takes away: the result at full size, the curves as a table, curves and map as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ccharmony.images import headers
from ccharmony.images.write_picture import encode_picture, losses
from harmonize.inference import adjustment
from harmonize.inference.adjustment import Adjustment
from harmonize.studio import looks
from harmonize.studio.looks import Look
from harmonize.studio.sessions import Session
from harmonize.studio.uploads import Upload

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp"}
"""Formats that are written; a picture of another one is given back as PNG."""


@dataclass(frozen=True)
class File:
    """A file to take away: its name, its content, and what its format cannot hold, a few words each."""

    name: str
    content: bytes
    lost: tuple[str, ...] = ()


def result(session: Session, look: Look) -> File:
    """Return the result at full size with all that the photo's file has, in its format; raises CcharmonyError."""
    with session.lock:
        found, scene, photo = session.found(look.weights), session.scene(), session.uploads["photo"]
    suffix = _SUFFIXES.get(headers.look_at(photo).format, ".png")
    picture = looks.render(scene, look, found)
    content = encode_picture(picture, suffix)
    return File(f"{_stem(photo)}_harmonized{suffix}", content, tuple(losses(picture, suffix)))


def json(session: Session, look: Look) -> File:
    """Return curves and map as `harmonize apply --from-params` takes them; raises CcharmonyError."""
    photo, found = session.uploads["photo"], _parameters(session, look)
    notes = {"picture": photo.name, "weights": look.weights, "strength": look.strength}
    return File(f"{_stem(photo)}.json", adjustment.to_json(found, notes=notes))


def cube(session: Session, look: Look) -> File:
    """Return the curves as a .cube table, at full strength; raises CcharmonyError."""
    photo, found = session.uploads["photo"], _parameters(session, look)
    return File(f"{_stem(photo)}.cube", adjustment.to_cube(found, session.scene().mask, title=_stem(photo)))


def _parameters(session: Session, look: Look) -> Adjustment:
    return look.parameters or session.found(look.weights).fitted.adjustment


def _stem(photo: Upload) -> str:
    return Path(photo.name.replace("/", "_").replace("\\", "_")).stem
