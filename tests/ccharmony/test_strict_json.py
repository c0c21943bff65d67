"""JSON within its limits is what Python's parser makes of it; each limit is one line."""

from __future__ import annotations

import json

import pytest

from ccharmony import strict_json


def test_json_within_the_limits_is_as_python_reads_it() -> None:
    value = {"a": [1, -2.5, True, None, 'x [{ \\ " y'], "b": {"c": 9_223_372_036_854_775_807, "d": 1e-320}}
    assert strict_json.parse(json.dumps(value)) == value
    assert strict_json.parse(b"\xef\xbb\xbf" + json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' twice"),
        ("[1e999]", "the number 1e999, wanted a finite one"),
        ("[-1e400]", "the number -1e400"),
        ("[NaN]", "NaN, wanted a finite number"),
        ('{"a": -Infinity}', "-Infinity, wanted a finite number"),
        ("1" * 6000, "a whole number of 6000 digits, the limit is 19"),
        ("[" * 33 + "]" * 33, "values in values 33 deep, the limit is 32"),
        ("[" * 1_000_000, "values in values 1000000 deep"),
        ('{"a":' * 40 + "1" + "}" * 40, "40 deep"),
        ("[" + "0," * 20_000_000 + "0]", "20000001 values, the limit is 20000000"),
        ('"' + "x" * 2**26 + '"', "67108866 bytes of JSON, the limit is 67108864"),
        ('["\\ud800"]', "surrogates not allowed"),
        (b"[\xff]", "can't decode byte 0xff"),
        ("", "Expecting value"),
    ],
    ids=range(14),
)
def test_what_breaks_a_limit_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        strict_json.parse(text)
    assert said in str(caught.value)


def test_brackets_in_texts_are_not_counted() -> None:
    assert strict_json.parse(json.dumps(["[" * 100, "\\" * 99 + '"[' * 50])) == ["[" * 100, "\\" * 99 + '"[' * 50]
    assert strict_json.parse("[" * 32 + "]" * 32)


def test_a_text_without_end_is_refused() -> None:  # in 0.3 s; in hours where each of its quotes is a beginning
    for ending in ('\\"' * 1_000_000, '\\"' * 1_000_000 + "\\", '"' * 1_000_001):
        with pytest.raises(ValueError, match=r"Unterminated|delimiter|deep"):
            strict_json.parse("[" * 33 + '"' + ending)


def test_numbers_of_a_journal_may_be_absent() -> None:
    assert str(strict_json.parse("[NaN, 1.5]", finite=False)) == "[nan, 1.5]"
