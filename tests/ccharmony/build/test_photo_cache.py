import pickle

import numpy as np

from ccharmony.build.photo_cache import Recent


def picture(value: int) -> np.ndarray:
    return np.full((10, 10, 3), value, np.uint8)


def test_a_photo_is_given_back_once() -> None:
    recent = Recent()
    recent.keep("a", picture(1))
    assert (recent.take("a") == 1).all()  # type: ignore[union-attr]
    assert recent.take("a") is None
    assert recent.take("b") is None


def test_no_more_is_kept_than_the_bound_and_nothing_kept_is_thrown_out() -> None:
    recent = Recent(most=600)
    for number, name in enumerate("abc"):
        recent.keep(name, picture(number))
    assert [recent.take(name) is not None for name in "abc"] == [True, True, False]
    recent.keep("d", picture(3))
    assert recent.take("d") is None


def test_a_copy_in_another_process_is_empty_and_stays_so() -> None:
    recent = Recent()
    recent.keep("a", picture(1))
    sent = pickle.loads(pickle.dumps(recent))
    assert sent.take("a") is None
    sent.keep("a", picture(1))
    assert sent.take("a") is None
    assert recent.take("a") is not None
