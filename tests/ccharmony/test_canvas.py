import numpy as np
import pytest

from ccharmony import pixels, transfer
from ccharmony.canvas import Canvas

TO_STANDARD = np.zeros((3, 11))
TO_STANDARD[:, :3] = np.diag([0.9, 0.8, 1.1])


@pytest.fixture
def image() -> pixels.UInt8:
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def mask(soft: bool) -> pixels.Float32:
    weights = np.zeros((40, 50), np.float32)
    weights[10:30, 5:41] = 0.5 if soft else 1
    return weights


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("soft", [False, True])
def test_a_canvas_encodes_what_pasting_gives(suffix: str, soft: bool, image: pixels.UInt8) -> None:
    canvas = Canvas(image)
    foreground = transfer.take(image, mask(soft), TO_STANDARD)
    relit = transfer.relight(foreground, TO_STANDARD)
    canvas.paste(foreground, relit)
    assert canvas.encode(suffix, 90) == pixels.encode(transfer.paste(image, foreground, relit), suffix, 90)


def test_foregrounds_follow_each_other_and_nothing_stays(image: pixels.UInt8) -> None:
    before = image.copy()
    canvas = Canvas(image)
    foreground = transfer.take(image, mask(False), TO_STANDARD)
    for scale in (0.5, 0.7):
        canvas.paste(foreground, transfer.relight(foreground, scale * TO_STANDARD))
    last = transfer.relight(foreground, 0.7 * TO_STANDARD)
    assert canvas.encode(".png") == pixels.encode(transfer.paste(image, foreground, last), ".png")
    canvas.restore(foreground)
    assert canvas.encode(".png") == pixels.encode(before, ".png")
    np.testing.assert_array_equal(image, before)
