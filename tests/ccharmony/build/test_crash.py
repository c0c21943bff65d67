"""Builds that are killed, interrupted, or find their disk or their sources changed."""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ccharmony import cli
from ccharmony.build import pipeline
from ccharmony.build.photo_cache import PhotoCache
from ccharmony.build.settings import BuildSettings, PairSettings
from ccharmony.dataset import tables
from ccharmony.dataset.verify import verify_folder
from ccharmony.errors import OutputError, SourceError
from ccharmony.images import pixels

from ...every_command import obey_permissions
from .. import kill_loop
from ..conftest import CORNERS, ball_mask, light, render
from ..kill_loop import contents, leftovers

FOUND = "folder: 4 photos, 4 with masks, 4 with corners in checkers.csv"
COMMAND = (sys.executable, "-m", "ccharmony", "build", "--src", "folder", "--test-share", "0.5", "--format", "png")


@pytest.fixture
def settings(tmp_path: Path) -> BuildSettings:
    """How to build four photos of a folder of one's own."""
    return kill_loop.write_source(tmp_path / "data", 4)


def stop_after(stage: str, photos: int) -> Callable[[str, int, int], None]:
    """Ctrl-C, as the main thread meets it, after some photos of a stage."""

    def progress(name: str, done: int, _total: int) -> None:
        if (name, done) == (stage, photos):
            raise KeyboardInterrupt

    return progress


def change(path: Path) -> None:
    pixels.write_image(path, pixels.read_image(path) // 2 + 60)


def test_ten_kills_at_random_moments_change_no_byte(settings: BuildSettings, tmp_path: Path) -> None:
    draw = random.Random(7)
    seconds = kill_loop.time_phases(settings, tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    kills = [[(number, draw.uniform(0, seconds[number])) for number in (0, 1, 2, 2, 3)] for _ in range(2)]
    for number, moments in enumerate(kills):
        trial = kill_loop.attempt(settings, tmp_path / f"killed {number}", whole, moments)
        assert trial.problems == ()


def test_full_disk_is_one_line_and_the_build_goes_on_later(settings: BuildSettings, tmp_path: Path) -> None:
    # A file may not grow beyond 10 kB: the disk of this process is full when the first picture is written.
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    out = tmp_path / "out"
    command = (*COMMAND, "--data", str(settings.data), "--out", str(out))
    failed = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert failed.returncode == 1
    (error,) = (line for line in failed.stderr.splitlines() if not line.startswith(("folder:", "lights:")))
    assert error.startswith("error: ")
    assert "cannot be written (File too large)" in error
    assert not list(out.rglob("*.part"))
    pipeline.build_dataset(replace(settings, pair=PairSettings(suffix=".png")), out)  # what the command asked for
    assert verify_folder(out).problems == []
    assert leftovers(out) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 64 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a file system")
    yield place
    subprocess.run(["umount", place], check=True)


def test_disk_without_room_is_one_line_and_nothing_half_written_stays(
    settings: BuildSettings, small_disk: Path
) -> None:
    with pytest.raises(OutputError, match="No space left on device"):
        pipeline.build_dataset(settings, small_disk / "out", jobs=2)
    assert not list(small_disk.rglob("*.part"))
    assert not (small_disk / "out" / tables.REPORT).exists()


def test_read_only_folder_is_one_line(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "closed"
    out.mkdir(mode=0o555)
    command = (*COMMAND, "--data", str(settings.data), "--out", str(out))
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=obey_permissions, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: {out / '.lock'}: cannot be written (Permission denied)\n"


@pytest.mark.parametrize("stage", ["lights", "pairs"])
def test_photo_that_changes_meanwhile_is_left_out_and_taken_in_next_time(
    settings: BuildSettings, tmp_path: Path, stage: str
) -> None:
    photo, out = settings.data / "folder" / "photos" / "p3.png", tmp_path / "out"

    def progress(name: str, done: int, _total: int) -> None:
        if (name, done) == (stage, 1):
            change(photo)

    report = pipeline.build_dataset(settings, out, progress=progress)
    assert [problem for problem in report.problems if "changed while the build ran" in problem] == [
        f"{photo}: changed while the build ran and is left out, wanted it as it was"
    ]
    assert not (out / "real_images" / "p3.png").exists()
    # Without the light of p3 a test set would leave one without a donor, so that the three others all go to train.
    assert sum(report.photos.values()) == 3
    assert verify_folder(out).problems == []
    assert pipeline.build_dataset(settings, out).problems == []
    pipeline.build_dataset(settings, tmp_path / "fresh")
    assert contents(out) == contents(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("most", "reason"),
    [
        (2**28, "vanished while the build ran and is left out, wanted it as it was"),
        (0, "cannot be read (No such file or directory)"),
    ],
)
def test_photo_that_vanishes_meanwhile_is_named_and_the_rest_is_built(
    most: int, reason: str, settings: BuildSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PhotoCache", lambda: PhotoCache(most))
    photo, out = settings.data / "folder" / "photos" / "p3.png", tmp_path / "out"

    def progress(name: str, done: int, _total: int) -> None:
        if (name, done) == ("pairs", 1):
            photo.unlink()

    report = pipeline.build_dataset(settings, out, progress=progress)
    assert report.problems == [f"{photo}: {reason}"]
    assert sum(report.photos.values()) == 3
    assert verify_folder(out).problems == []


def test_unfinished_build_begins_anew_when_a_photo_has_changed(
    settings: BuildSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("pairs", 2))
    change(settings.data / "folder" / "photos" / "p1.png")
    caplog.clear()
    with caplog.at_level(logging.INFO, "ccharmony"):
        assert pipeline.build_dataset(settings, out).resumed == 0
    assert caplog.messages == [FOUND, f"{out}: inputs have changed since the unfinished build; it starts again"]
    pipeline.build_dataset(settings, tmp_path / "fresh")
    assert contents(out) == contents(tmp_path / "fresh")


def test_corrected_corners_are_not_found_done(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings, out)
    table = settings.data / "folder" / "checkers.csv"
    table.write_text(table.read_text().replace("p1,128.0", "p1,120.0"))
    assert pipeline.build_dataset(settings, out).resumed == 0
    pipeline.build_dataset(settings, tmp_path / "fresh")
    assert contents(out) == contents(tmp_path / "fresh")


def test_source_that_was_moved_is_found_done(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings, out)
    (tmp_path / "elsewhere").mkdir()
    moved = settings.data.rename(tmp_path / "elsewhere" / "data")
    assert pipeline.build_dataset(replace(settings, data=moved), out).resumed == 4


def test_second_build_into_a_folder_is_refused_while_the_first_goes_on(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = kill_loop.start(settings, out)
    kill_loop.wait_for(first, out, ".build/lights.jsonl")
    with pytest.raises(OutputError, match="another job is writing here"):
        pipeline.build_dataset(settings, out)
    first.join()
    assert first.exitcode == 0
    assert verify_folder(out).problems == []


def test_refused_build_leaves_no_folder_behind(settings: BuildSettings, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: no such folder, wanted the one that holds photos"):
        pipeline.build_dataset(replace(settings, data=tmp_path / "nowhere"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_done_and_what_is_left_is_said_for_every_stage(
    settings: BuildSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("lights", 2))
    caplog.clear()
    with caplog.at_level(logging.INFO, "ccharmony"), pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("pairs", 3))
    assert caplog.messages == [FOUND, "lights: 2 of 4 photos finished before, 2 left"]
    caplog.clear()
    with caplog.at_level(logging.INFO, "ccharmony"):
        assert pipeline.build_dataset(settings, out).resumed == 3
    assert caplog.messages == [
        FOUND,
        "lights: 4 of 4 photos finished before, 0 left",
        "pairs: 3 of 4 photos finished before, 1 left",
    ]


def test_command_says_how_many_photos_it_found_done_and_made(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wanted = replace(settings, pair=PairSettings(suffix=".png"))
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(wanted, out, progress=stop_after("pairs", 3))
    command = [*COMMAND[3:], "--data", str(settings.data), "--out", str(out), "--resume"]
    first, second = (CliRunner().invoke(cli.group, command).output.splitlines() for _ in range(2))
    assert "3 photos were finished before, 1 made now" in first
    assert "4 photos were finished before, nothing was left to do" in second


def test_picture_lost_from_an_unfinished_build_is_made_again(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("pairs", 2))
    next((out / "real_images").glob("[!.]*")).unlink()
    assert pipeline.build_dataset(settings, out).resumed == 1
    assert contents(out) == contents(tmp_path / "whole")


def test_dataset_that_is_being_replaced_does_not_look_whole(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings, out)
    change(settings.data / "folder" / "photos" / "p0.png")
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("lights", 4))
    assert verify_folder(out).problems == []  # nothing of it has been touched yet
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("pairs", 1))
    assert not {tables.REPORT, tables.MANIFEST, "ccHarmony_train.txt"} & {path.name for path in out.iterdir()}


def test_journal_beside_a_whole_dataset_is_tidied_up(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings, out)
    (out / ".build").mkdir()
    (out / ".build" / "pairs.jsonl").write_text("[")
    (out / ".build" / "plan.json").write_text("{}")
    assert pipeline.build_dataset(settings, out).resumed == 4
    assert leftovers(out) == []


def test_damaged_journal_is_done_again(settings: BuildSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("pairs", 3))
    damages = ("[]", "{", '["p2", {"pairs": [1]}]', "[" * 100_000, "[[], 1]", '"p0"', "\0")
    (out / ".build" / "pairs.jsonl").write_text("\n".join(damages) + "\n")
    (out / ".build" / "lights.jsonl").write_bytes(b"\xff\n")
    assert pipeline.build_dataset(settings, out).resumed == 0
    assert contents(out) == contents(tmp_path / "whole")


def test_line_of_the_journal_that_was_cut_short_is_cut_off_and_the_photo_done_again(
    settings: BuildSettings, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    pipeline.build_dataset(settings, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("pairs", 2))
    path = out / ".build" / "pairs.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("pairs", 2))
    assert path.read_bytes() == whole
    assert pipeline.build_dataset(settings, out).resumed == 2
    assert contents(out) == contents(tmp_path / "whole")


def test_unfinished_build_of_other_settings_is_refused_and_dropped_if_asked(
    settings: BuildSettings, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_dataset(settings, out, progress=stop_after("pairs", 2))
    other = replace(settings, fit="affine")
    with pytest.raises(
        OutputError, match=r"an unfinished build of other settings \(fit\), wanted a new folder, or --f"
    ):
        pipeline.build_dataset(other, out)
    assert pipeline.build_dataset(settings, out, fresh=True).resumed == 0
    with pytest.raises(OutputError, match="holds a finished dataset, which --fresh leaves alone"):
        pipeline.build_dataset(settings, out, fresh=True)
    assert verify_folder(out).problems == []


@pytest.mark.parametrize("sign", ["lights", "pairs"])
def test_ctrl_c_stops_two_jobs_on_large_photos_at_once(tmp_path: Path, sign: str) -> None:
    folder, out = tmp_path / "data" / "folder", tmp_path / "out"
    for name in ("photos", "masks"):
        (folder / name).mkdir(parents=True)
    size = (3600, 2160)
    corners = ",".join(f"{18 * value:.1f}" for value in CORNERS.ravel())
    for number in range(6):
        image = cv2.resize(render(light(1.2 - 0.1 * number, 0.9)), size, interpolation=cv2.INTER_CUBIC)
        pixels.write_image(folder / "photos" / f"p{number}.jpg", np.asarray(image, np.uint8))
        pixels.write_mask(folder / "masks" / f"p{number}_a.png", cv2.resize(ball_mask(), size))
    rows = "".join(f"p{number},{corners}\n" for number in range(6))
    if sign == "pairs":  # without corners the chart is searched for, which takes seconds a photo
        (folder / "checkers.csv").write_text("photo,x1,y1,x2,y2,x3,y3,x4,y4\n" + rows)
    seen, pattern = (out / "composite_images", "*.png") if sign == "pairs" else (out / ".build", "plan.json")
    command = (*COMMAND, "--jobs", "2", "--min-change", "0", "--data", str(folder.parent), "--out", str(out))
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not any(seen.glob(pattern)) and running.poll() is None:
        time.sleep(0.005)
    time.sleep(0.1)  # thirty composites take a second, six searches for a chart many
    running.send_signal(signal.SIGINT)
    started = time.monotonic()
    stdout, stderr = running.communicate(timeout=60)
    seconds = time.monotonic() - started
    assert running.returncode == 130
    # On a busy machine a line of progress, which comes after ten seconds, may stand before it.
    assert (stdout, stderr.strip().splitlines()[-1]) == ("", f"{out}: stopped; the same command resumes it")
    assert not list(out.rglob("*.part"))
    # Two seconds on an idle machine; this one may be busy with other tests.
    assert seconds < 2 + 2 * os.getloadavg()[0] / (os.cpu_count() or 1)
