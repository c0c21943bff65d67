"""The foregrounds that were drawn on the six real photos (tests/published/polygons.json)."""

import pytest

from ccharmony import sources
from ccharmony.checker import crop
from ccharmony.images import mask_rules, pixels
from ccharmony.sources.reading import read_size


def test_each_of_the_six_photos_has_a_foreground(drawn_data):
    found = sources.find(["nus", "gehler"], drawn_data)
    assert found.problems == []
    assert {photo.id: list(photo.masks) for photo in found.photos} == {
        "Canon1DsMkIII_0002": ["a"],
        "Canon1DsMkIII_0004": ["a"],
        "Canon1DsMkIII_0005": ["a"],
        "Canon1DsMkIII_0006": ["a"],
        "Canon1DsMkIII_0008": ["a"],
        "8D5U5524": ["a"],
    }


def test_each_foreground_lies_in_the_crop_and_fills_a_usual_share_of_it(drawn_data):
    """Published foregrounds take 1 to 51 % of the crop; the shrub of 0008 takes more."""
    shares = {}
    for photo in sources.find(["nus", "gehler"], drawn_data).photos:
        shape = read_size(photo)
        mask = pixels.read_mask(photo.masks["a"], shape=shape)
        x0, y0, x1, y1 = crop.largest_without(photo.chart.box, shape)
        assert mask[y0:y1, x0:x1].sum() == mask.sum(), photo.id
        shares[photo.id] = round(float(mask[y0:y1, x0:x1].mean()), 3)
    assert min(shares.values()) > 0.01
    assert max(shares.values()) < 0.75


def test_the_drawn_sculpture_is_the_published_one(drawn_data, shared_data):
    """Photo 0005 has a published mask; both are of the stone, the published one with its base."""
    (released,) = sources.find(["nus"], shared_data, shared_data / "ccharmony_release").photos
    (drawn,) = [photo for photo in sources.find(["nus"], drawn_data).photos if photo.id == released.id]
    own = pixels.read_mask(drawn.masks["a"])[:, :1143] > 0.5
    published, _ = mask_rules.fit_size(pixels.read_mask(released.masks["a"]), (2808, 1143))
    published = published > 0.5
    overlap = (own & published).sum() / (own | published).sum()
    assert (own & published).sum() / own.sum() == pytest.approx(1, abs=0.02)
    assert overlap > 0.7
