import numpy as np

from harmonize.video.shots import Differences


def begin_shots(frames: list[np.ndarray]) -> list[int]:
    differences = Differences()
    for frame in frames:
        differences.add(frame)
    return np.flatnonzero(differences.begin_shots()).tolist()


def draw(seed: int, count: int, drift: int = 0) -> list[np.ndarray]:
    """A scene of random colors that moves by `drift` columns a frame, with a little noise."""
    random = np.random.default_rng(seed)
    wide = np.kron(random.integers(20, 230, (6, 40, 3)), np.ones((3, 4, 1))).astype(np.int16)
    views = [wide[:, drift * number : drift * number + 32] for number in range(count)]
    return [(view + random.integers(-3, 4, view.shape)).clip(0, 255).astype(np.uint8) for view in views]


def test_a_cut_begins_a_shot():
    assert begin_shots(draw(0, 6) + draw(1, 7) + draw(2, 5)) == [0, 6, 13]


def test_a_moving_camera_does_not():
    assert begin_shots(draw(0, 20, drift=3)) == [0]


def test_a_cut_between_moving_cameras_does():
    assert begin_shots(draw(0, 10, drift=1) + draw(1, 10, drift=1)) == [0, 10]


def test_a_flash_does_not():
    frames = draw(0, 12)
    frames[6] = np.full_like(frames[6], 255)
    assert begin_shots(frames) == [0]


def test_a_cut_at_the_last_frame_is_found_and_no_frame_is_no_error():
    assert begin_shots([*draw(0, 6), *draw(1, 1)]) == [0, 6]
    assert begin_shots([]) == []
