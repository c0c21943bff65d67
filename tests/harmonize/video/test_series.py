from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ccharmony import console
from ccharmony.images import pixels
from harmonize import cli
from harmonize.inference.folders import PictureTask
from harmonize.inference.harmonizer import Harmonizer
from harmonize.video import series


def write_frames(folder: Path, video_kit, count: int = 12) -> list[PictureTask]:
    """Numbered frames without zeros before their numbers, and their masks."""
    tasks = []
    for name in ("frames", "masks"):
        (folder / name).mkdir()
    for number, (frame, mask) in enumerate(zip(video_kit.draw_frames(count), video_kit.draw_masks(count), strict=True)):
        task = PictureTask(*(folder / name / f"{number}.png" for name in ("frames", "masks", "out")))
        pixels.write_image(task.composite, frame)
        pixels.write_mask(task.mask, mask)
        tasks.append(task)
    return tasks


def test_frames_stand_in_the_order_of_their_numbers(tmp_path, video_kit):
    tasks = write_frames(tmp_path, video_kit)
    assert [path.name for path in series.list_frames(tmp_path / "frames")] == [task.composite.name for task in tasks]


def test_a_series_does_not_flicker_and_a_broken_frame_is_left_to_the_second_pass(tmp_path, video_kit, nets):
    tasks = write_frames(tmp_path, video_kit)
    tasks[3].composite.write_bytes(b"no picture")
    (tmp_path / "out").mkdir()
    harmonizer_of = series.smooth_series(tasks, Harmonizer(strength=0.5), nets.Recolor((0.5, 0.8, 1.2)), 1.0)
    for number in (0, 2, 11):
        harmonizer_of(tasks[number]).run(tasks[number])
        frame, mask = np.asarray(Image.open(tasks[number].output)), video_kit.draw_masks(12)[number]
        np.testing.assert_allclose(frame[mask == 1].mean(axis=0), np.multiply((200, 150, 90), (0.75, 0.9, 1.1)), atol=2)
        before = np.asarray(Image.open(tasks[number].composite))
        np.testing.assert_array_equal(frame[mask == 0], before[mask == 0])


def test_the_command_takes_a_folder_of_frames_as_a_video(tmp_path, video_kit, capsys):
    tasks = write_frames(tmp_path, video_kit, 6)
    words = ["apply", str(tmp_path / "frames"), str(tmp_path / "masks"), "-o", str(tmp_path / "out"), "--video"]
    assert run([*words, "--device", "cpu"]) == 0
    shades = []
    for task, mask in zip(tasks, video_kit.draw_masks(6), strict=True):
        shades.append(np.asarray(Image.open(task.output))[mask == 1].mean(axis=0))
    assert np.abs(np.diff(shades, axis=0)).max() < 1.5
    capsys.readouterr()
    assert run([*words, "--each"]) == 2
    assert "--video is for a folder of frames" in capsys.readouterr().err


def run(words: list[str]) -> int:
    with pytest.raises(SystemExit) as stop:
        console.run(cli.group, words)
    assert isinstance(stop.value.code, int)
    return stop.value.code
