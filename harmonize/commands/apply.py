"""`harmonize apply`: a picture, a folder of pictures, or cut-outs put on a background."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccharmony.console import echo, progress_bar
from ccharmony.errors import ImageError, OutputError
from ccharmony.files import make_folder
from ccharmony.outputs import Job, check_files, check_folder, claim_folder
from harmonize import processors
from harmonize.commands import apply_options as options
from harmonize.commands.apply_video import apply_video
from harmonize.video.container import is_video

if TYPE_CHECKING:
    from ccharmony.images.picture import Picture
    from harmonize.inference.composite import Composite
    from harmonize.inference.folders import PictureTask
    from harmonize.inference.harmonizer import Harmonizer
    from harmonize.inference.runtimes import Weights

_JOB = Job("harmonize apply")


@click.command("apply")
@options.all_options
def command(composite: Path, mask: Path | None, out: str, **rest: Any) -> int:
    """Give the foreground of COMPOSITE, where MASK is white, the light of its background.

    Both are files or both are folders, sub-folders included. A mask has its composite's name, with or without a word
    (a_mask, mask_a, a-mask), or c1_2 is that of c1_2_3; numbered frames are matched by number. Without MASK, the masks
    are those in COMPOSITE that such a word names; a file as MASK is the mask of every frame of a folder.

    A video has its masks in a video, a folder, or a file for all of its frames, and gives a video.

    The result keeps what COMPOSITE has: 16 bits, gray, alpha, color profile, EXIF, resolution. The background stays as
    it is to the bit; JPEG as the result's format changes it a little, PNG and TIFF do not. The exit code is 1 where a
    picture was left out.
    """
    given = options.Options(**rest)
    options.refuse_contradictions(composite, mask, given)
    given = options.settle_weights(composite, given)
    if is_video(composite):
        return _apply_video(composite, mask, Path(out), given)
    if composite.is_dir():
        return _apply_folder(composite, mask, Path(out), given)
    _apply_file(composite, mask, out, given)
    return 0


def _apply_file(composite: Path, mask: Path | None, out: str, given: options.Options) -> None:
    from harmonize.inference.folders import PictureTask

    inputs = [path for path in (composite, mask, given.background) if path is not None]
    task = PictureTask(composite, mask or composite, options.target(out, composite, given.kind))
    beside = None if given.before_after is None else options.target(str(given.before_after), composite, given.kind)
    named = (task.output, beside, given.params, given.curves, given.plot)
    written = [path for path in named if path is not None]
    inputs += [Path(path) for path in (given.from_params, given.weights) if path is not None]
    check_files(written, inputs, force=given.force)
    for path in written:
        make_folder(path.parent)
    options.to_harmonizer(given, options.network_of(given, 1)).run(task, beside)
    echo(str(task.output))


def _apply_video(video: Path, masks: Path | None, out: Path, given: options.Options) -> int:
    named = {"--background": given.background, "--before-after": given.before_after, "--report": given.report}
    flags = {"--invert": given.invert, "--each": given.each, "--defringe": given.defringe}
    unfit = [*(name for name, value in (*named.items(), *flags.items()) if value), *given.writes_parameters]
    if unfit or masks is None:
        raise click.UsageError(f"{unfit[0]} is for pictures, {video.name} is a video" if unfit else "wanted MASK")
    apply_video(
        video,
        masks,
        out,
        options.network_of(given),
        strength=given.strength,
        size=given.size,
        device=given.device,
        smoothing=given.smooth,
        from_params=given.from_params,
        force=given.force,
    )
    return 0


def _apply_folder(composites: Path, masks: Path | None, out: Path, given: options.Options) -> int:
    """Work on every picture of a folder; 1 where one was left out."""
    from ccharmony.images.mask_rules import shares
    from harmonize.inference import runtimes
    from harmonize.inspection.page import Review, write_page

    written = _check_outputs([path for path in (composites, masks) if path is not None], out, given)
    tasks, unmatched = _list_tasks(composites, masks, out, given)
    net = options.network_of(given, len(tasks))
    if not given.from_params:  # before the first picture: weights that do not load are no picture's fault
        runtimes.find(net, given.device)
    review = Review(str(composites), str(given.from_params or given.weights), len(tasks), list(unmatched))

    def note(task: PictureTask, composite: Composite, result: Picture) -> None:
        name = task.composite.relative_to(composites).as_posix()
        review.add(name, composite.picture.srgb(), result.srgb(), shares(composite.mask))

    with contextlib.ExitStack() as stack:
        for folder in written:
            stack.enter_context(claim_folder(folder, _JOB))
        failed = _run_all(tasks, out, net, given, note if given.report else None)
    if len(failed) == len(tasks):
        raise ImageError(f"{composites}: none of {len(tasks)} pictures could be harmonized; the first: {failed[0]}")
    if given.report is not None:
        review.left_out += failed
        make_folder(given.report.parent)
        write_page(given.report, review)
        echo(str(given.report))
    left_out = len(failed) + len(unmatched)
    echo(f"{out}: {len(tasks) - len(failed)} harmonized, {left_out} left out")
    return 1 if left_out else 0


def _check_outputs(inputs: list[Path], out: Path, given: options.Options) -> list[Path]:
    """Return the folders to write, once it is sure that nothing of another job or of the inputs is overwritten."""
    folders = [folder for folder in (out, given.before_after) if folder is not None]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise OutputError(f"{out}: is two outputs, wanted a folder for each")
    for folder in folders:
        check_folder(folder, _JOB, inputs)
    if given.report is not None:
        check_files([given.report], inputs, force=given.force)
    return folders


def _list_tasks(
    composites: Path, masks: Path | None, out: Path, given: options.Options
) -> tuple[list[PictureTask], list[str]]:
    """Return what is to be done, and a line for each picture or mask without its match, which is said, too."""
    from harmonize.inference import folders

    if given.background is not None:
        tasks, unmatched = folders.list_tasks(composites, out, given.kind)
    else:
        tasks, unmatched = folders.match(composites, masks or composites, out, given.kind)
    for problem in unmatched:
        if given.strict:
            raise ImageError(problem)
        echo(f"left out: {problem}", err=True)
    return tasks, unmatched


def _run_all(
    tasks: list[PictureTask],
    out: Path,
    net: Weights,
    given: options.Options,
    note: Callable[[PictureTask, Composite, Picture], None] | None,
) -> list[str]:
    """Harmonize pictures, tell each to `note` if there is one, and return a line for each that could not be."""
    from harmonize.inference import folders, runtimes
    from harmonize.video.series import smooth_series

    harmonizer = options.to_harmonizer(given, net)
    with progress_bar() as progress:
        smoothed: Callable[[PictureTask], Harmonizer] | None = None
        if given.video:
            smoothed = smooth_series(tasks, harmonizer, runtimes.find(net, given.device), given.smooth, progress)

        def work(task: PictureTask) -> None:
            beside = given.before_after and given.before_after / task.output.relative_to(out)
            for path in filter(None, (task.output, beside)):
                make_folder(path.parent)
            chosen = smoothed(task) if smoothed else harmonizer
            chosen.run(task, beside, note and partial(note, task))

        jobs = given.jobs or processors.count()
        return folders.run_all(tasks, work, jobs=jobs, strict=given.strict, progress=partial(progress, "pictures"))
