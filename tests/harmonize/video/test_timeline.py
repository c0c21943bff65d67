import numpy as np
import pytest

from harmonize.commands.apply import command
from harmonize.video import color_change
from harmonize.video.timeline import SMOOTHING, Timeline

COLORS = np.random.default_rng(0).uniform(0.2, 0.8, (20, 20, 3)).astype(np.float32)
MASK = np.ones((20, 20), np.float32)


def shift_by(amount: float) -> np.ndarray:
    return color_change.measure(COLORS, COLORS + np.float32(amount), MASK)


def shift_at(timeline: Timeline, time: float) -> float:
    found = timeline.change_at(time)
    assert found is not None
    levels = np.rint(255 * COLORS).astype(np.uint8)
    return float((found(levels)(slice(0, 20), slice(0, 20)) - levels).mean() / 255)


@pytest.mark.parametrize(
    ("smoothing", "time", "expected"),
    [
        (0.0, 0.1, 0.1),  # the nearest alone
        (0.0, 0.9, 0.2),
        (1.0, 0.5, 0.15),  # both alike
        (1.0, 0.0, 0.1 + 0.1 * np.exp(-0.5) / (1 + np.exp(-0.5))),
        (1e-320, 0.1, 0.1),  # its square is 0
        (1e5, 0.1, 0.15),
        (1.0, 60.0, 0.2),  # far from both, the later one has nearly all weight
    ],
)
def test_a_moment_gets_the_mean_of_what_was_measured_around_it(smoothing, time, expected):
    timeline = Timeline(np.array([0.0, 1.0]), np.stack([shift_by(0.1), shift_by(0.2)]), [0.0], smoothing)
    assert shift_at(timeline, time) == pytest.approx(expected, abs=1e-3)


def test_nothing_is_averaged_over_a_cut():
    timeline = Timeline(np.array([0.0, 1.0]), np.stack([shift_by(0.1), shift_by(0.2)]), [0.0, 0.5], 1.0)
    assert shift_at(timeline, 0.49) == pytest.approx(0.1, abs=1e-3)
    assert shift_at(timeline, 0.5) == pytest.approx(0.2, abs=1e-3)


def test_a_shot_without_a_foreground_has_no_change():
    timeline = Timeline(np.array([0.0]), shift_by(0.1)[None], [0.0, 2.0], 1.0)
    assert timeline.change_at(2.5) is None
    assert Timeline(np.array([]), np.array([]), [0.0]).change_at(0.0) is None


def test_the_command_smooths_as_the_library_does():
    (option,) = [each for each in command.params if each.name == "smooth"]
    assert option.default == SMOOTHING
