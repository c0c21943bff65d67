"""An engine runs the work of a stage on many photos: threads of this process, or a Ray cluster (`ray_engine`).

The work is a pure function, so neither the engine nor the order in which photos are finished changes a byte of a
dataset.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeVar, get_args

from ccharmony.errors import CcharmonyError
from ccharmony.records import Photo

Result = TypeVar("Result")
PhotoWork = Callable[[Photo, threading.Event], Result]
"""Returns the result of one photo; checks the event now and then, and raises once it is set."""

Finished = Generator[tuple[Photo, Result | CcharmonyError], None, None]
"""Photos with their results, or with the errors for which they are left out, in the order in which they finish."""

EngineName = Literal["threads", "ray"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)
AHEAD = 2
"""Photos handed out for each worker, the one it works on among them: memory does not grow with the number of photos."""


class Engine(Protocol):
    """Runs work on photos."""

    def check(self, folder: Path, photo: Photo) -> None:
        """Refuse workers that do not see what this process sees.

        Parameters
        ----------
        folder
            A folder of the dataset that is removed when the build is finished; written to.
        photo
            A photo whose file every worker must be able to open.

        Raises
        ------
        SettingsError
            A worker cannot do the work.
        """

    def run(self, work: PhotoWork[Result], photos: Sequence[Photo]) -> Finished[Result]:
        """Run the work on each photo.

        Closing the generator stops the work; nothing is written after that.

        Raises
        ------
        OutputError
            A result cannot be written.
        """
