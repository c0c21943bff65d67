"""Files that a browser sends: bounded in bytes and pixels, known by the name that their sender gave them.

Contents: :class:`Upload`, :func:`receive`, :func:`guess_role`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import numpy as np
from starlette.requests import Request

from ccharmony import inputs
from ccharmony.arrays import Bool, Samples
from ccharmony.errors import ImageError, OutputError
from ccharmony.images import headers, pixels, stored
from ccharmony.names import shown
from harmonize.web import guards

MOST_BYTES = 2**28
"""Of a file: 268 MB, a TIFF of 44 megapixels and 16 bits."""

MOST_PIXELS = 100_000_000
"""Of a picture: of 8 bits with its mask, 700 MB in memory."""

Role = Literal["photo", "mask", "cutout"]
"""What a file is: the composite or the background, the foreground's mask, or a foreground with its own alpha."""

_LONGEST_NAME = 120
_PREVIEW = 256
_MASK_WORD = re.compile(r"(^|[^a-z])(mask|matte|alpha|segmentation)([^a-z]|$)")
_GRAY = 16  # levels between the channels of a gray JPEG
_MOSTLY = 0.9


@dataclass(frozen=True)
class Upload:
    """A file in the temporary folder; it is named by its sender's name and stored under another.

    Attributes
    ----------
    path
        Where it lies.
    name
        What its sender calls it; one line, never used as a path.
    """

    path: Path
    name: str

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        """Return the whole content; raises OSError."""
        return inputs.read_bytes(self.path, MOST_BYTES)


async def receive(request: Request, folder: Path) -> Upload:
    """Write the body of a request into a folder.

    Parameters
    ----------
    request
        Its header ``X-File-Name`` has the file's name, percent-encoded; its body is the file.
    folder
        Where the file goes, under a random name.

    Returns
    -------
    Upload
        The file, which is a picture by its header.

    Raises
    ------
    ImageError
        It is no picture, or has too many pixels; the file is removed.
    OutputError
        There is no room for it, or its session has ended.
    """
    name = shown(unquote(request.headers.get("x-file-name", "")))[:_LONGEST_NAME] or "picture"
    upload = Upload(folder / secrets.token_hex(8), name)
    try:
        with upload.path.open("xb") as file:
            async for part in guards.parts_of(request, MOST_BYTES, name):
                file.write(part)
        _check_size(upload)
    except BaseException as error:
        upload.path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"{name}: cannot be kept ({error.strerror})") from error
        raise
    return upload


def guess_role(upload: Upload) -> Role:
    """Return what a file is, by its alpha, its colors, and words in its name.

    Parameters
    ----------
    upload
        A picture.

    Returns
    -------
    Role
        A picture with transparent pixels is a cut-out unless it is black and white; one that is black and white, or
        that its name calls a mask, is a mask; any other is a photo.

    Raises
    ------
    ImageError
        It cannot be decoded.
    """
    if headers.look_at(upload).mode in ("RGBA", "LA", "PA", "RGBa", "P"):
        found = stored.read_stored(upload)
        if found.alpha is not None and found.alpha.min() < np.iinfo(found.alpha.dtype).max // 2:
            visible = _sample(found.alpha) > 0
            return "mask" if _is_plain(_sample(pixels.read_preview(upload, _PREVIEW))[visible]) else "cutout"
    if _MASK_WORD.search(upload.name.lower()):
        return "mask"
    return "mask" if _is_plain(_sample(pixels.read_preview(upload, _PREVIEW)).reshape(-1, 3)) else "photo"


def _sample(samples: Samples) -> Samples:
    """Return evenly spread rows and columns, some of each: all of 100 megapixels took 30 seconds to judge."""
    down, across = (max(side // _PREVIEW, 1) for side in samples.shape[:2])
    part: Any = samples[::down, ::across]
    return part  # type: ignore[no-any-return]


def _is_plain(colors: Samples) -> bool:
    """Return whether nearly all of some colors (N, 3) are black or white."""
    low, high = colors.min(axis=1), colors.max(axis=1)
    plain: Bool = (high - low <= _GRAY) & ((high <= _GRAY) | (low >= 255 - _GRAY))
    return bool(plain.mean() > _MOSTLY) if len(plain) else False


def _check_size(upload: Upload) -> None:
    height, width = headers.image_size(upload)
    if height * width > MOST_PIXELS:
        raise ImageError(f"{upload}: {width}x{height} pixels, the limit is {MOST_PIXELS}")
