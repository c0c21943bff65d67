"""Exported functions given arrays that are none of theirs: one of our errors, in one line, or what is right."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ccharmony
import harmonize
from ccharmony import FitRecord, Picture
from ccharmony.errors import CcharmonyError
from harmonize.evaluation.metrics import Window
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
MASK = np.zeros((40, 60), np.float32)
MASK[10:30, 10:30] = 1
PATCHES = np.random.default_rng(1).random((24, 3))
LIGHT = FitRecord("a", "c", "s", "ridge", PATCHES, np.eye(3, 11), np.eye(3, 11))
NO_NUMBERS: tuple[Any, ...] = (
    *(None, "x", 3, [[1, 2, 3], [1, 2]], {}, 10**400),
    *(
        np.full((40, 60, 3), "a"),
        np.full((40, 60), None),
        np.zeros((40, 60), "M8[s]"),
        np.zeros((40, 60), [("r", "u1")]),
    ),
    *(IMAGE.astype(complex), MASK + 1j),
)
NO_IMAGES: tuple[Any, ...] = (
    *(IMAGE.tolist(), IMAGE.astype(np.float16), IMAGE > 3, IMAGE.astype(np.int64), IMAGE.astype(object)),
    *(IMAGE[..., 0], IMAGE[None], np.dstack([IMAGE, MASK.astype(np.uint8)]), IMAGE[:0], IMAGE[:, :0], np.array(3)),
)
NO_MASKS: tuple[Any, ...] = (MASK.tolist(), MASK * np.nan, MASK + np.inf, -MASK, 2 * MASK, MASK[:0], MASK[:20], IMAGE)


@pytest.fixture(scope="module")
def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return giftnet.build(NetworkSettings(width=2, mlp_width=4)).eval()


def refused(call: Callable[..., object], *args: Any, **options: Any) -> None:
    with pytest.raises(CcharmonyError) as error:
        call(*args, **options)
    assert "\n" not in str(error.value)


def functions(net: torch.nn.Module) -> Iterator[Callable[[Any, Any], object]]:
    yield lambda image, mask: harmonize.harmonize_image(image, mask, net)
    yield lambda image, mask: harmonize.find_adjustment(image, mask, net)
    yield lambda image, mask: harmonize.harmonize_picture(Picture(image), mask, net)
    yield lambda image, mask: ccharmony.relight(image, mask, LIGHT, LIGHT)


def test_what_is_no_picture_or_no_mask_is_refused(net: torch.nn.Module) -> None:
    for call in functions(net):
        for image in (*NO_NUMBERS, *NO_IMAGES):
            if not (isinstance(image, np.ndarray) and image.shape == (40, 60) and image.dtype == np.uint8):
                refused(call, image, MASK)
        for mask in (*NO_NUMBERS, *NO_MASKS):
            refused(call, IMAGE, mask)


def test_views_of_any_layout_give_what_their_copies_give(net: torch.nn.Module) -> None:
    locked, still = IMAGE.copy(), MASK.copy()
    locked.setflags(write=False)
    still.setflags(write=False)
    pairs = (
        (IMAGE[::-1, ::-1], MASK[::-1, ::-1]),
        (IMAGE[..., ::-1], MASK.astype(np.float16)),
        (np.asfortranarray(IMAGE), np.asfortranarray(MASK)),
        (np.repeat(IMAGE, 2, 1)[:, ::2], np.repeat(MASK, 2, 1)[:, ::2]),
        (locked, still),
        (np.broadcast_to(IMAGE[:1, :1], IMAGE.shape), MASK.astype(np.longdouble)),
    )
    for call in list(functions(net))[:2]:
        for image, mask in pairs:
            plain = np.ascontiguousarray(image), np.ascontiguousarray(mask, np.float32)
            found, wanted = call(image, mask), call(*plain)
            if isinstance(found, np.ndarray):
                np.testing.assert_array_equal(found, wanted)
    assert (locked == IMAGE).all()


@pytest.mark.parametrize(
    "size", [10**30, 2**40, 2**14 + 32, 33, 0, -32, "x", None, [256], np.array([1, 2]), float("nan")]
)
def test_a_size_that_no_network_sees_is_refused_before_memory_is_taken(size: Any, net: torch.nn.Module) -> None:
    refused(harmonize.harmonize_image, IMAGE, MASK, net, size=size)
    refused(harmonize.find_adjustment, IMAGE, MASK, net, size=size)


@pytest.mark.parametrize("value", [10**400, float("nan"), -1, "1", None, [1], 1j])
def test_what_is_no_strength_no_device_and_no_network_is_refused(value: Any, net: torch.nn.Module) -> None:
    refused(harmonize.harmonize_image, IMAGE, MASK, net, strength=value)
    refused(harmonize.load_network, device=value)
    if value is not None:
        refused(harmonize.harmonize_image, IMAGE, MASK, value)
    refused(harmonize.load_network, "x" * 300)


def test_metrics_refuse_what_is_no_picture() -> None:
    for image in (*NO_NUMBERS, IMAGE[:0], IMAGE[:, :0], IMAGE[..., 0]):
        for score in (harmonize.mse, harmonize.psnr, harmonize.ssim):
            refused(score, image, image)
            refused(score, image, IMAGE)
    for mask in (*NO_NUMBERS, MASK[:5], 2 * MASK, MASK * np.nan):
        refused(harmonize.fmse, IMAGE, IMAGE, mask)
    for peak in (float("nan"), float("inf"), -1, 0, 10**400, "x", None, [1]):
        refused(harmonize.psnr, IMAGE, IMAGE, peak=peak)
        refused(harmonize.ssim, IMAGE, IMAGE, peak=peak)
    assert harmonize.psnr(IMAGE, IMAGE, peak=IMAGE.max()) > 100
    for size in (0, -3, 2, 10**6):
        refused(Window, size, "mirror")


def test_pictures_and_their_alpha_have_the_shapes_of_their_files(tmp_path: Path) -> None:
    for colors in (*NO_NUMBERS, IMAGE[None], IMAGE[:0], IMAGE.astype(float), np.dstack([IMAGE] * 2)):
        refused(Picture, colors)
    for alpha in (*NO_NUMBERS[1:], IMAGE, IMAGE[:5, :, 0], IMAGE[..., 0].astype(np.uint16)):
        refused(Picture, IMAGE, alpha)
    for picture in (None, IMAGE, "x"):
        refused(ccharmony.write_picture, tmp_path / "a.png", picture)
        refused(harmonize.harmonize_picture, picture, MASK)
    refused(ccharmony.write_image, "a\0b.png", IMAGE)
    assert not list(tmp_path.iterdir())


def test_polynomials_refuse_what_is_no_patch_and_no_matrix() -> None:
    for wrong in (*NO_NUMBERS[:2], *NO_NUMBERS[3:]):
        refused(ccharmony.fit_polynomial, wrong, PATCHES)
        refused(ccharmony.fit_polynomial, PATCHES, wrong)
        refused(ccharmony.apply_polynomial, wrong, PATCHES)
        refused(ccharmony.apply_polynomial, np.eye(3, 11), wrong)
        refused(ccharmony.relight, IMAGE, MASK, replace(LIGHT, to_standard=wrong), LIGHT)
    for matrix in (np.eye(11, 3), np.full((3, 11), 1e300), np.full((3, 11), np.nan)):
        refused(ccharmony.relight, IMAGE, MASK, LIGHT, replace(LIGHT, from_standard=matrix))
    for strength in (-1, float("nan"), "x", None, [1, 2], 1j, 10**400):
        refused(ccharmony.fit_polynomial, PATCHES, PATCHES, "ridge", strength)
    refused(ccharmony.fit_polynomial, PATCHES, PATCHES, np.array([1, 2]))


def test_charts_are_looked_for_in_pictures_alone() -> None:
    corners = [[5, 5], [50, 5], [50, 35], [5, 35]]
    for image in (*NO_NUMBERS, *NO_IMAGES):
        refused(ccharmony.find_checker, image)
        refused(ccharmony.read_patches, image, corners)
    for wrong in (*NO_NUMBERS, (1, 2), (float("nan"),) * 4, ("a",) * 4):
        refused(ccharmony.read_patches, IMAGE, wrong)
        if wrong is not None:
            refused(ccharmony.find_checker, IMAGE, box=wrong)


@pytest.mark.parametrize("value", [10**400, float("nan"), "1", None, [1], 1j, np.array([1, 2])])
def test_settings_refuse_what_json_does_not_hold(value: Any) -> None:
    for name in ("composites", "quality", "size", "seed", "suffix"):
        refused(ccharmony.PairSettings, **{name: value})
    refused(ccharmony.BuildSettings, src=value, data="x")
    refused(ccharmony.BuildSettings, src=("demo",), data="x", test_share=value)
    for name in ("network", "distill", "streams", "kinds", "steps", "seed", "rate", "loss"):
        refused(harmonize.TrainSettings, **{name: value})
