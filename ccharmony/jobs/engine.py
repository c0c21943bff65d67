"""What does the work of a stage for many photos: threads of this process, or a Ray cluster (`ray_engine`).

An engine is given pure work, so which one runs it, and in which order photos come back, changes no byte of a dataset.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeVar, get_args

from ccharmony.errors import CcharmonyError
from ccharmony.records import Photo

Result = TypeVar("Result")
Work = Callable[[Photo, threading.Event], Result]
"""Makes the result of one photo; looks at the event now and then, and raises once it is set."""

Finished = Generator[tuple[Photo, Result | CcharmonyError], None, None]
"""Photos with their results, or with the errors for which they are left out, as they are finished."""

Name = Literal["threads", "ray"]
NAMES: tuple[Name, ...] = get_args(Name)
AHEAD = 2
"""Photos handed out for each worker, the one it works on among them: memory does not grow with the number of photos."""


class Engine(Protocol):
    """Runs work on photos."""

    def check(self, folder: Path, photo: Photo) -> None:
        """Refuse workers that do not see what this process sees.

        Parameters
        ----------
        folder
            A folder of the dataset that goes when it is whole; written to.
        photo
            One whose file every worker must be able to open.

        Raises
        ------
        SettingsError
            A worker cannot do the work.
        """

    def run(self, work: Work[Result], photos: Sequence[Photo]) -> Finished[Result]:
        """Do the work for each photo.

        Closing the generator stops the work; nothing is written any more when that returns.

        Raises
        ------
        OutputError
            A result cannot be written.
        """
