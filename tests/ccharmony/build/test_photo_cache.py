import pickle

import numpy as np

from ccharmony.build.photo_cache import PhotoCache


def picture(value: int) -> np.ndarray:
    return np.full((10, 10, 3), value, np.uint8)


def test_a_photo_is_given_back_once() -> None:
    recent = PhotoCache()
    recent.add("a", picture(1))
    assert (recent.pop("a") == 1).all()  # type: ignore[union-attr]
    assert recent.pop("a") is None
    assert recent.pop("b") is None


def test_no_more_is_kept_than_the_bound_and_nothing_kept_is_thrown_out() -> None:
    recent = PhotoCache(most=600)
    for number, name in enumerate("abc"):
        recent.add(name, picture(number))
    assert [recent.pop(name) is not None for name in "abc"] == [True, True, False]
    recent.add("d", picture(3))
    assert recent.pop("d") is None


def test_a_copy_in_another_process_is_empty_and_stays_so() -> None:
    recent = PhotoCache()
    recent.add("a", picture(1))
    sent = pickle.loads(pickle.dumps(recent))
    assert sent.pop("a") is None
    sent.add("a", picture(1))
    assert sent.pop("a") is None
    assert recent.pop("a") is not None
