from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import ccharmony
from ccharmony.build.light import from_json, record_light, to_json
from ccharmony.checker.chart import STANDARD
from ccharmony.color.polynomial import apply_polynomial, fit_polynomial
from ccharmony.errors import CheckerError, FitError
from ccharmony.records import Photo
from ccharmony.sources import reading

PHOTO = np.clip(STANDARD * [0.9, 0.8, 0.6] + 0.03, 0, 1)
BENT = np.clip(PHOTO**1.3, 0, 1)


def known(make_photo: Callable[..., Photo], patches: np.ndarray, **changes: object) -> Photo:
    return make_photo("known", patches=patches, chart=None, **changes)


def test_patches_are_read_where_the_chart_is(make_photo: Callable[..., Photo]) -> None:
    photo = make_photo("photo", 0.8, 0.9)
    light = record_light(reading.read_photo(photo), photo, "ridge")
    assert light.box == (128, 10, 196, 56)
    expected = np.rint(255 * (0.02 + 0.96 * STANDARD * 0.9 * [1.0, 0.95, 0.8])) / 255
    # 1.6 - 0.6 * 0.8 = 1.12 is cut at 1, so red stays as it is.
    np.testing.assert_allclose(light.record.patches, expected, atol=1e-12)
    assert light.record.residuals["rmse"] < 2


def test_known_patches_need_no_picture(make_photo: Callable[..., Photo]) -> None:
    record = record_light(None, known(make_photo, PHOTO), "affine").record
    np.testing.assert_allclose(apply_polynomial(record.to_standard, PHOTO), STANDARD, atol=1e-12)


def test_published_matrices_are_used_as_they_are_and_compared(make_photo: Callable[..., Photo]) -> None:
    forward = fit_polynomial(BENT, STANDARD, "affine")
    inverse = fit_polynomial(STANDARD, BENT, "published")
    photo = known(make_photo, BENT, to_standard=forward, from_standard=inverse)
    record = record_light(None, photo, "published").record
    assert record.kind == "affine"
    np.testing.assert_array_equal(record.to_standard, forward)
    refit = apply_polynomial(fit_polynomial(BENT, STANDARD, "published"), BENT)
    expected = 255 * np.abs(refit - apply_polynomial(forward, BENT)).max()
    assert record.residuals["refit"] == pytest.approx(expected, rel=1e-5)  # six digits are kept


def test_published_matrix_that_no_fit_explains_is_called_so(make_photo: Callable[..., Photo]) -> None:
    forward = fit_polynomial(PHOTO, STANDARD, "published")
    forward[0, 10] += 0.02
    photo = known(make_photo, PHOTO, to_standard=forward, from_standard=fit_polynomial(STANDARD, PHOTO))
    record = record_light(None, photo, "published").record
    assert record.kind == "unexplained"
    assert record.residuals["refit"] == pytest.approx(0.02 * 255, rel=1e-6)
    assert any("off its refit" in flag for flag in record.flags)


def test_other_kinds_are_fitted_even_where_matrices_are_given(make_photo: Callable[..., Photo]) -> None:
    forward = fit_polynomial(PHOTO, STANDARD, "affine")
    photo = known(make_photo, PHOTO, to_standard=forward, from_standard=forward)
    assert record_light(None, photo, "ridge").record.kind == "ridge"


def test_nan_patch_is_refused_for_eleven_terms_and_left_out_for_ridge(make_photo: Callable[..., Photo]) -> None:
    patches = PHOTO.copy()
    patches[4] = np.nan
    photo = known(make_photo, patches)
    with pytest.raises(FitError, match=r"known: 23 usable patches .*a published fit needs 24"):
        record_light(None, photo, "published")
    record = record_light(None, photo, "ridge").record
    assert record.residuals["unused_patches"] == 1
    assert np.isfinite(record.to_standard).all()
    assert record_light(None, photo, "published", drop_flagged=True).record.kind == "published"


def test_chart_in_the_wrong_order_is_refused(make_photo: Callable[..., Photo]) -> None:
    turned = PHOTO.reshape(4, 6, 3)[::-1, ::-1].reshape(24, 3)
    with pytest.raises(FitError, match="another orientation"):
        record_light(None, known(make_photo, turned), "ridge")


def test_gray_chart_is_refused(make_photo: Callable[..., Photo]) -> None:
    gray = np.repeat(np.linspace(0.9, 0.1, 24)[:, None], 3, axis=1)
    with pytest.raises(FitError, match="known: "):
        record_light(None, known(make_photo, gray), "ridge")


def test_photo_without_a_chart_is_refused_with_the_reason(make_photo: Callable[..., Photo]) -> None:
    photo = replace(make_photo("bare"), chart=None)
    with pytest.raises(CheckerError, match="bare: "):
        record_light(np.full((200, 300, 3), 90, np.uint8), photo, "ridge")


def test_light_comes_back_from_the_journal_to_the_bit(make_photo: Callable[..., Photo]) -> None:
    import json

    light = record_light(None, known(make_photo, PHOTO), "ridge")
    light = replace(light, others=((1.0, 2.0, 3.5, 4.0),))
    again = from_json(json.loads(json.dumps(to_json(light))))
    assert again.others == light.others
    np.testing.assert_array_equal(again.record.to_standard, light.record.to_standard)
    np.testing.assert_equal(dict(again.record.residuals), dict(light.record.residuals))
    assert again.record.flags == light.record.flags
    assert again.box == light.box


def test_corners_by_hand_may_start_at_any_corner(make_photo: Callable[..., Photo]) -> None:
    photo = make_photo("photo", 0.8, 0.9)
    assert photo.chart is not None
    assert photo.chart.corners is not None
    expected = record_light(reading.read_photo(photo), photo, "ridge").record.patches
    turned = replace(photo.chart, corners=np.roll(photo.chart.corners, 2, axis=0))
    light = record_light(reading.read_photo(photo), replace(photo, chart=turned), "ridge")
    np.testing.assert_allclose(light.record.patches, expected, atol=1e-12)


def test_a_picture_of_which_nothing_is_known_records_its_light_and_can_be_relit(paste_charts):
    corners = np.array([(200.0, 120.0), (500.0, 135.0), (495.0, 335.0), (190.0, 320.0)])
    image, other = paste_charts(corners), paste_charts(corners, tint=(1.0, 0.7, 0.5))
    own, donor = ccharmony.record_light(image).record, ccharmony.record_light(other).record
    assert (own.id, own.kind) == ("photo", "ridge")
    np.testing.assert_allclose(own.patches, STANDARD, atol=1.5 / 255)
    mask = np.zeros(image.shape[:2], bool)
    mask[150:300, 220:470] = True  # inside the chart: the donor's photo shows what it looks like in the other light
    composite = ccharmony.relight(image, mask, own, donor)
    assert (composite[~mask] == image[~mask]).all()
    before, after = (np.abs(picture[mask].astype(int) - other[mask]).mean() for picture in (image, composite))
    assert after < before / 10
