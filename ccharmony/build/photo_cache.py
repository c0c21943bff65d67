"""A cache of decoded photos: decoded to read their chart, needed again to make their pairs.

A photo that does not fit into the cache is decoded again: no pair can be made before all lights are known.
"""

from __future__ import annotations

import threading

from ccharmony.arrays import UInt8

MOST_BYTES = 256 * 2**20
"""Size of the cache: three photos of 24 MP, seven of 12, or all of a small build."""


class PhotoCache:
    """Decoded photos by id, each returned once; safe to use from several threads.

    A copy that is sent to another process is empty and stores nothing, so that workers elsewhere decode photos
    themselves.

    Parameters
    ----------
    most
        Bytes that all photos together may take; one that does not fit is not stored.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._left = most
        self._photos: dict[str, UInt8] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[PhotoCache], tuple[int]]:
        return PhotoCache, (0,)

    def add(self, name: str, image: UInt8) -> None:
        """Store a photo if there is room."""
        with self._lock:
            if name not in self._photos and image.nbytes <= self._left:
                self._left -= image.nbytes
                self._photos[name] = image

    def pop(self, name: str) -> UInt8 | None:
        """Return a photo once, or None; no other photo gets its room, since the caller still holds it."""
        with self._lock:
            return self._photos.pop(name, None)
