"""What annotation files gave: foregrounds by photo, what gave none and why, and what was assumed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from ccharmony.errors import CcharmonyError
from ccharmony.sources.found import Unused
from ccharmony.sources.masks.drawings import Drawing

_NAMED = 3
"""Entries of a file that are named where many gave nothing for one reason."""


@dataclass
class Drawn:
    """The foregrounds of annotation files.

    Attributes
    ----------
    masks
        Foregrounds by photo id, in the order of the files.
    notes
        One line for each assumption, such as that an object is no crowd.
    """

    masks: dict[str, list[Drawing]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _known: dict[tuple[str, bytes], str] = field(default_factory=dict)
    _refused: dict[tuple[Path, str], list[str]] = field(default_factory=dict)

    def add(self, photo: str, drawing: Drawing) -> None:
        """Add a foreground, unless it has no pixel in its photo, cannot be drawn, or is there already."""
        try:
            mask = drawing.draw()
        except CcharmonyError as error:
            self.refuse(drawing.source, drawing.entry, str(error))
            return
        place = f"{drawing.entry} of {drawing.source}"
        first = self._known.setdefault((photo, hashlib.sha256(mask.tobytes()).digest()), place)
        if first == place:
            self.masks.setdefault(photo, []).append(drawing)
        else:
            self.refuse(drawing.source, drawing.entry, f"the same mask of {photo} as {first}")

    def refuse(self, path: Path, entry: str, reason: str) -> None:
        """Note that an entry of a file, or all of it if the name is empty, gave nothing."""
        self._refused.setdefault((path, reason), []).append(entry)

    @property
    def unused(self) -> list[Unused]:
        """Return what gave nothing: the entries of one file and one reason together."""
        return [Unused(path, reason, _name(entries)) for (path, reason), entries in self._refused.items()]


def _name(entries: list[str]) -> str:
    more = f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else ""
    return ", ".join(entries[:_NAMED]) + more
