import logging
import resource
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from harmonize.training.events import Events


def test_tensorboard_reads_the_curves_and_pictures(tmp_path: Path) -> None:
    events = Events(tmp_path)
    for step in range(3):
        events.scalar("harmonize/total", 0.5 * step, step)
    events.picture("harmonize/strip", np.zeros((8, 12, 3), np.uint8), 2)
    read = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in read.Scalars("harmonize/total")] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    picture = read.Images("harmonize/strip")[0]
    assert (picture.step, picture.width, picture.height) == (2, 12, 8)
    events.close()


def test_where_the_file_cannot_grow_one_line_says_so_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events = Events(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        with caplog.at_level(logging.WARNING):
            for step in range(50):
                events.scalar("harmonize/total", 1.0, step)
            events.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (path,) = tmp_path.iterdir()
    assert caplog.messages == [f"{path}: cannot be written (File too large), no more curves for TensorBoard"]


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    events = Events(None)
    events.scalar("harmonize/total", 1.0, 0)
    events.close()
    assert list(tmp_path.iterdir()) == []
