"""Which questions are asked, and in which order."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from ccharmony.errors import SettingsError
from harmonize.study.questions import Question, choose_questions, order_for_rater


def pair(question: Question) -> tuple[int, ...]:
    return tuple(sorted((question.left, question.right)))


def test_all_pairs_are_asked_as_in_the_paper() -> None:
    """100 pictures, six methods: C(6, 2) = 15 pairs each."""
    questions = choose_questions(100, 6, None, seed=0)
    assert len(set(questions)) == 1500
    assert Counter(question.picture for question in questions) == dict.fromkeys(range(100), 15)


def test_a_share_of_the_pairs_is_balanced() -> None:
    questions = choose_questions(50, 6, 4, seed=1)
    assert Counter(question.picture for question in questions) == dict.fromkeys(range(50), 4)
    asked = Counter(map(pair, questions))
    assert len(asked) == 15
    assert max(asked.values()) - min(asked.values()) <= 1
    assert questions != choose_questions(50, 6, 4, seed=2)


def test_a_rater_gets_the_same_order_again_and_another_than_the_next() -> None:
    questions = choose_questions(10, 4, None, seed=0)
    first, again, second = (
        order_for_rater(questions, rater, each=None, catch_share=0.1, seed=0) for rater in (0, 0, 1)
    )
    assert first == again
    assert first != second
    sides = Counter(question.left < question.right for question in first)
    assert min(sides.values()) > 15  # of 66: sides are random


def test_catch_trials_swap_sides_and_come_later() -> None:
    questions = choose_questions(10, 4, None, seed=0)
    order = order_for_rater(questions, 3, each=None, catch_share=0.2, seed=0)
    places: dict[tuple[object, ...], list[int]] = {}
    for position, question in enumerate(order):
        places.setdefault((question.picture, *pair(question)), []).append(position)
    twice = [found for found in places.values() if len(found) == 2]
    assert (len(order), len(places), len(twice)) == (72, 60, 12)
    for one, two in twice:
        assert order[two] == order[one].swapped()
    assert sorted(two - one for one, two in twice)[0] >= 5 or any(two > 66 for _, two in twice)


def test_raters_share_the_questions_evenly() -> None:
    questions = choose_questions(10, 4, None, seed=0)  # 60
    asked = Counter(
        (question.picture, *pair(question))
        for rater in range(9)
        for question in order_for_rater(questions, rater, each=20, catch_share=0, seed=0)
    )
    assert set(asked.values()) == {3}
    first = [order_for_rater(questions, rater, each=20, catch_share=0, seed=0) for rater in range(3)]
    assert all(not {(q.picture, pair(q)) for q in a} & {(q.picture, pair(q)) for q in b} for a, b in pairwise(first))


@pytest.mark.parametrize(("pictures", "methods", "each"), [(0, 3, None), (5, 1, None), (5, 3, 4), (5, 3, 0)])
def test_a_study_that_asks_nothing_is_refused(pictures: int, methods: int, each: int | None) -> None:
    with pytest.raises(SettingsError, match="wanted"):
        choose_questions(pictures, methods, each, seed=0)
