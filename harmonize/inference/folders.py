"""Many pictures at once: which mask belongs to which composite, and what becomes of those that fail.

How names are matched is told in `ccharmony.dataset.formats.names`; every sub-folder is read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ccharmony import roles
from ccharmony.dataset.formats import names
from ccharmony.dataset.formats.names import Partners
from ccharmony.errors import CcharmonyError, ImageError, OutputError, SourceError
from ccharmony.images.headers import READABLE_SUFFIXES, image_size
from ccharmony.images.pixels import WRITABLE_SUFFIXES
from harmonize import processors

_logger = logging.getLogger(__name__)

MOST_PIXELS = 2**27
"""Of all pictures that are worked on at a time: about 1.2 GB."""


@dataclass(frozen=True, slots=True)
class PictureTask:
    """One picture to harmonize.

    Attributes
    ----------
    composite
        The composite, or a cut-out.
    mask
        Its mask; of a cut-out, whose alpha is its mask, the same file.
    output
        What is written.
    """

    composite: Path
    mask: Path
    output: Path


def match(composites: Path, masks: Path, output: Path, kind: str) -> tuple[list[PictureTask], list[str]]:
    """Find the mask of each composite.

    Parameters
    ----------
    composites
        Folder of pictures. Where it holds its masks, too (`masks` is the same folder or one below it), what a word such
        as ``mask`` names is no composite.
    masks
        Folder of masks, or one file: the mask of them all.
    output
        Folder of the results, each named after its composite, in the sub-folder of its composite.
    kind
        Format of the results, such as png, or same; see :func:`suffix_of`.

    Returns
    -------
    tuple[list[PictureTask], list[str]]
        One task a composite that has a mask, and one line for each that has none, for each that several masks fit, and
        for each file that is not read.

    Raises
    ------
    SourceError
        A folder holds no picture, no composite has a mask, or two composites differ by extension only.
    """
    if not masks.exists():
        raise SourceError(f"{masks}: no such file or folder, wanted masks")
    pictures, mask_files = _divide(composites, masks)
    if not pictures:
        raise SourceError(f"{composites}: all its {len(mask_files)} pictures are masks by their names")
    partners = Partners(mask_files, masks if masks.is_dir() else masks.parent)
    found, problems = _find_masks(pictures, composites, masks, partners)
    problems += _unused_masks(found, mask_files, composites) + _passed_over(composites)
    if not found:
        rule = partners.describe_rule(pictures[0].relative_to(composites))
        raise SourceError(f"{composites}: none of its {len(pictures)} pictures has a mask in {masks}; {rule}")
    return _to_tasks(found, output, kind), problems


def list_tasks(cutouts: Path, output: Path, kind: str) -> tuple[list[PictureTask], list[str]]:
    """Return a task for each cut-out of a folder, and a line for each file that is not read, as :func:`match`."""
    found = {path: path for path in _pictures(cutouts)}
    return _to_tasks(found, output, kind), _passed_over(cutouts)


def suffix_of(composite: Path, kind: str) -> str:
    """Return the suffix of a result: of a format, or with ``same`` its composite's where that is written, else .png."""
    if kind != "same":
        return f".{kind}"
    return composite.suffix if composite.suffix.lower() in WRITABLE_SUFFIXES else ".png"


def run_all(
    tasks: Sequence[PictureTask],
    work: Callable[[PictureTask], None],
    *,
    jobs: int = 1,
    strict: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[str]:
    """Do the work of every task; a failed one is logged and left out, or with `strict` the end.

    Parameters
    ----------
    tasks
        What is to be done.
    work
        Does one task; called from several threads where there are several jobs.
    jobs
        Tasks at a time, each on one processor; a single one has all processors for itself. Pictures of more than
        `MOST_PIXELS` together wait for each other.
    strict
        Whether the first failure ends the work.
    progress
        Called with the tasks done and their number.

    Returns
    -------
    list[str]
        One line for each task that failed, in the order of the tasks.

    Raises
    ------
    CcharmonyError
        The first failure, with `strict`; always where a result cannot be written, since no other can be then.
    """
    problems: list[str] = []
    with contextlib.closing(_outcomes(tasks, work, jobs)) as outcomes:
        for done, error in enumerate(outcomes, start=1):
            if error is not None:
                if strict or isinstance(error, OutputError):
                    raise error
                _logger.warning("left out: %s", error)
                problems.append(str(error))
            progress(done, len(tasks))
    return problems


def _outcomes(
    tasks: Sequence[PictureTask], work: Callable[[PictureTask], None], jobs: int
) -> Generator[CcharmonyError | None]:
    """Do the tasks and yield their failures, in order; what has not begun when the reader ends does not begin."""
    room = _Room(MOST_PIXELS)

    def attempt(task: PictureTask) -> CcharmonyError | None:
        try:
            with room.taken(_count_pixels(task.composite)):
                work(task)
        except CcharmonyError as error:
            return error
        return None

    if min(jobs, len(tasks)) < 2:
        yield from map(attempt, tasks)
        return
    with processors.one_thread_a_call(), ThreadPoolExecutor(jobs, thread_name_prefix="pictures") as pool:
        try:
            yield from pool.map(attempt, tasks)
        finally:
            pool.shutdown(cancel_futures=True)


class _Room:
    """Pixels that may be worked on at a time; a picture that is larger than all of them has them for itself."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Take room for a picture, and wait until there is some."""
        size = min(pixels, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= size)
            self._left -= size
        try:
            yield
        finally:
            with self._changed:
                self._left += size
                self._changed.notify_all()


def _count_pixels(path: Path) -> int:
    """Return the pixels of a picture by its header; 0 where it has none, which whoever reads it says."""
    try:
        height, width = image_size(path)
    except ImageError:
        return 0
    return height * width


def _divide(composites: Path, masks: Path) -> tuple[list[Path], list[Path]]:
    """Return the composites and the masks; in a common folder the names tell which is which."""
    every = _pictures(composites)
    if masks.is_file():
        return every, [masks]
    if not masks.resolve().is_relative_to(composites.resolve()):
        return every, _pictures(masks)
    if masks.resolve() != composites.resolve():
        return [path for path in every if not path.is_relative_to(masks)], _pictures(masks)
    is_mask = _tell_masks(every, composites)
    return [path for path in every if not is_mask[path]], [path for path in every if is_mask[path]]


def _tell_masks(pictures: Sequence[Path], root: Path) -> dict[Path, bool]:
    """Return which pictures of a common folder are masks: ``alpha_1.jpg``, but not beside ``alpha_1_mask.png``."""
    masked = {name for path in pictures for name in roles.without_mask_words(path.stem)}
    return {
        path: any(map(roles.is_mask_folder, path.relative_to(root).parts[:-1]))
        or (roles.names_a_mask(path.stem) and roles.normal(path.stem).casefold() not in masked)
        for path in pictures
    }


def _unused_masks(found: Mapping[Path, Path], masks: Sequence[Path], composites: Path) -> list[str]:
    """Return a line for each picture of a common folder that its name makes a mask, and that is none of a composite."""
    used = {*found, *found.values()}
    inside = (path for path in masks if path.is_relative_to(composites) and path not in used)
    return [f"{path}: a mask by its name, of no picture" for path in inside]


def _find_masks(
    pictures: Sequence[Path], composites: Path, masks: Path, partners: Partners
) -> tuple[dict[Path, Path], list[str]]:
    """Return the mask of each composite, and a line for each that has none or could have several."""
    if masks.is_file():
        return dict.fromkeys(pictures, masks), []
    found: dict[Path, Path] = {}
    problems: list[str] = []
    partners.choose_rule([path.relative_to(composites) for path in pictures])
    for path in pictures:
        try:
            mask = partners.find(path.relative_to(composites))
        except SourceError as error:
            problems.append(str(error))
            continue
        if mask is not None:
            found[path] = mask
        else:
            problems.append(f"{path}: no mask of that name in {masks}")
    repeated = _repeated(found)
    problems += [f"{path}: in several sub-folders, {found[path]} is the mask of one" for path in sorted(repeated)]
    found = {path: mask for path, mask in found.items() if path not in repeated}
    if not found and (frames := partners.find_frames(pictures)):
        _logger.info("%s: %d frames are matched by their numbers", composites, len(frames))
        return frames, [f"{path}: no mask of that number in {masks}" for path in pictures if path not in frames]
    return found, problems


def _repeated(found: Mapping[Path, Path]) -> set[Path]:
    """Return the composites of one name, in several sub-folders, that have got one mask."""
    folders: dict[tuple[str, Path], set[Path]] = defaultdict(set)
    for path, mask in found.items():
        folders[path.stem.lower(), mask].add(path.parent)
    return {path for path, mask in found.items() if len(folders[path.stem.lower(), mask]) > 1}


def _to_tasks(found: Mapping[Path, Path], output: Path, kind: str) -> list[PictureTask]:
    """Return a task for each picture; its result stands where it stands below the folder that they have in common."""
    base = Path(os.path.commonpath([path.parent for path in found]))
    tasks: dict[str, PictureTask] = {}
    for path, mask in found.items():
        name = path.relative_to(base).with_suffix("").as_posix()
        task = PictureTask(path, mask, output / f"{name}{suffix_of(path, kind)}")
        if other := tasks.get(name.lower()):
            raise SourceError(f"{path}: {other.composite.name} has the same name, one result would hide the other")
        tasks[name.lower()] = task
    return list(tasks.values())


def _passed_over(folder: Path) -> list[str]:
    wanted = ", ".join(READABLE_SUFFIXES)
    return [f"{path}: not a picture by its name, wanted {wanted}" for path in names.list_others(folder)]


def _pictures(folder: Path) -> list[Path]:
    found = names.list_pictures(folder)
    if not found:
        others = names.list_others(folder)
        seen = f", but {len(others)} other files such as {others[0].name}" if others else ""
        raise SourceError(f"{folder}: no picture in it{seen}; wanted {', '.join(READABLE_SUFFIXES)}")
    return found
