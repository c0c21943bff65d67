import numpy as np
import pytest

from ccharmony.arrays import Float32, UInt8
from ccharmony.build.canvas import Canvas
from ccharmony.color import transfer
from ccharmony.images import jpeg_intervals, pixels

TO_STANDARD = np.zeros((3, 11))
TO_STANDARD[:, :3] = np.diag([0.9, 0.8, 1.1])


@pytest.fixture
def image() -> UInt8:
    return np.random.default_rng(0).integers(0, 256, (40, 500, 3), np.uint8)


def mask(soft: bool, speckled: bool = False) -> Float32:
    """A box, and two whole rows, which are one run; or single pixels of both, as on a board."""
    weights = np.zeros((40, 500), np.float32)
    weights[10:30, 5:411] = weights[36:38] = 0.5 if soft else 1
    return weights * (np.indices(weights.shape).sum(axis=0) % 2 == 0) if speckled else weights


def encoded(image: UInt8, suffix: str) -> bytes:
    if suffix == ".jpg":
        return jpeg_intervals.encode(np.ascontiguousarray(image[..., ::-1]), 90)
    return pixels.encode(image, suffix, 90)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize(("soft", "speckled"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_canvas_encodes_what_pasting_gives(suffix: str, soft: bool, speckled: bool, image: UInt8) -> None:
    before = image.copy()
    canvas = Canvas(image, suffix, 90)
    foreground = canvas.standardize(mask(soft, speckled), TO_STANDARD)
    relits = list(transfer.relight_each(foreground, [TO_STANDARD, 0.7 * TO_STANDARD]))
    made = list(canvas.encode_each(foreground, relits))
    assert [relit for relit, _ in made] == relits
    for relit, data in made:
        assert data == encoded(transfer.paste(image, foreground, relit), suffix)
    assert canvas.encoded == encoded(image, suffix)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_foregrounds_follow_each_other_and_nothing_stays(suffix: str, image: UInt8) -> None:
    canvas = Canvas(image, suffix, 90)
    for weights in (mask(False), mask(False)[::-1]):
        foreground = canvas.standardize(weights, TO_STANDARD)
        relit = transfer.relight_foreground(foreground, 0.5 * TO_STANDARD)
        ((_, data),) = canvas.encode_each(foreground, [relit])
        assert data == encoded(transfer.paste(image, foreground, relit), suffix)


def test_neighbors_in_a_row_are_one_run(image: UInt8) -> None:
    foreground = transfer.standardize(image, mask(False), TO_STANDARD)
    assert len(foreground.runs) == 21
    assert foreground.runs[-1] == (36 * 500, 20 * 406, 20 * 406 + 2 * 500)
    assert len(transfer.standardize(image, mask(False, speckled=True), TO_STANDARD).runs) > 4000
