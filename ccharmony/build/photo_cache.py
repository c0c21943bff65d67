"""Photos that were decoded to read their chart, kept for making their pairs as far as memory allows.

A photo beyond the bound is decoded again: no pair can be made before all lights are known.
"""

from __future__ import annotations

import threading

from ccharmony.arrays import UInt8

MOST_BYTES = 256 * 2**20
"""What is kept at most: three photos of 24 MP, seven of 12, or all of a small build's."""


class Recent:
    """Decoded photos by id, each given back once; safe to use from several threads.

    A copy that is sent to another process is empty and keeps nothing, so that workers elsewhere read for themselves.

    Parameters
    ----------
    most
        Bytes that all photos together may take; one that does not fit is not kept.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._left = most
        self._photos: dict[str, UInt8] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Recent], tuple[int]]:
        return Recent, (0,)

    def keep(self, name: str, image: UInt8) -> None:
        """Keep a photo if there is room."""
        with self._lock:
            if name not in self._photos and image.nbytes <= self._left:
                self._left -= image.nbytes
                self._photos[name] = image

    def take(self, name: str) -> UInt8 | None:
        """Give a photo back and make no room for others: its memory goes with whoever has it now."""
        with self._lock:
            return self._photos.pop(name, None)
