"""URLs of object stores, such as ``s3://bucket/data``, apart from paths: `pathlib` would take away one of two slashes.

Contents: :class:`Url`, :data:`Place`, :func:`is_url`, :func:`as_place`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
"""Two letters at least, since ``C://`` is a drive."""


@dataclass(frozen=True, order=True, slots=True)
class Url:
    """An object, or a folder of objects, in a store.

    Attributes
    ----------
    text
        The URL, without a slash at its end.

    Examples
    --------
    >>> place = Url("s3://bucket/data") / "train/shard-000000.tar"
    >>> str(place), place.name, place.suffix
    ('s3://bucket/data/train/shard-000000.tar', 'shard-000000.tar', '.tar')
    """

    text: str

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self.text}/{name}")

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """Return the last part."""
        return self.text.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """Return the end of the name, with its dot."""
        return Path(self.name).suffix


Place = Path | Url
"""Where a dataset lies: a path on this machine, or a URL."""


def is_url(text: object) -> bool:
    """Return whether a text is a URL.

    Examples
    --------
    >>> is_url("s3://bucket/data"), is_url("C://data"), is_url("./s3://bucket")
    (True, False, False)
    """
    return isinstance(text, str) and _URL.match(text) is not None


def as_place(place: str | os.PathLike[str] | Url) -> Place:
    """Return a text as the URL or the path that it is."""
    if isinstance(place, Url):
        return place
    if not isinstance(place, str) or not is_url(place):
        return Path(place)
    scheme, _, rest = place.partition("://")
    return Url(f"{scheme}://{rest.rstrip('/')}")
