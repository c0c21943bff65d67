"""The lights of the collections' own small files against the published ones."""

import itertools

import numpy as np
import pytest

from ccharmony.build.public_lights import record_public_lights
from ccharmony.color.difference import delta_e
from ccharmony.sources.counts.find import find_counts
from ccharmony.sources.release.files import read_release


@pytest.fixture(scope="module")
def published(shared_data):
    return read_release(shared_data / "ccharmony_release")


def test_553_of_568_gehler_charts_and_three_of_nus_are_fitted(shared_data):
    lights = record_public_lights(shared_data / "ccharmony_release", shared_data, "ridge")
    assert len(lights.records) == 684
    assert sum(light.origin == "counts" for light in lights.records) == 334
    assert len(lights.problems) == 15
    assert lights.found[0] == "nus: patch colors of 3 of 1853 photos"
    assert lights.found[2] == "gehler: patch colors of 568 of 568 photos"
    assert lights.found[4] == (
        "release: 350 lights; small files: 556, of which 334 are not in the release; the 222 others differ from the "
        "release's by ΔE 5.0 in the median"
    )


def test_the_order_of_the_photos_is_that_of_the_release(shared_data, published):
    """With the table's rows one photo further the patches are farther from the published ones."""
    photos = [photo for photo in find_counts(shared_data).photos if photo.source == "gehler"]
    own = [_distance(photo, published.patches[photo.id]) for photo in photos if photo.id in published.ids]
    neighbors = itertools.pairwise(photos)
    other = [_distance(wrong, published.patches[photo.id]) for photo, wrong in neighbors if photo.id in published.ids]
    assert len(own) == 222
    assert np.median(own) == pytest.approx(5.1, abs=0.1)
    assert np.median(other) > 9


def _distance(photo, patches):
    known = np.isfinite(photo.patches).all(axis=1)
    return delta_e(photo.patches[known], patches[known]).mean()
