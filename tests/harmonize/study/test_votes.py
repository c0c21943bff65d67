"""Tables of votes, votes as counts, and what raters' votes say of the raters."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from ccharmony.errors import StudyError
from harmonize.study import raters, report, votes
from harmonize.study.tally import count_wins, find_repeats, tally_votes
from harmonize.study.votes import Vote


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    given = [Vote('a "b",c', "m1", "=m2", "left", "Ann", 1.25), Vote("ä", "m1", "m3", "tie", "r2")]
    votes.write_votes(tmp_path / "v.csv", given)
    found = votes.read_votes(tmp_path / "v.csv")
    assert found[0] == given[0]
    assert found[1].choice == "tie"
    assert math.isnan(found[1].seconds)


def test_names_in_tables_are_no_formulas_and_numbers_stay_numbers(tmp_path: Path) -> None:
    given = [Vote(f"-p{n}", "=a", "+b", "right" if n % 3 else "left", f"@r{n % 2}", 2.0) for n in range(12)]
    votes.write_votes(tmp_path / "v.csv", given)
    assert (tmp_path / "v.csv").read_text().splitlines()[1] == "'-p0,'=a,'+b,left,'@r0,2.000"
    assert votes.read_votes(tmp_path / "v.csv") == given
    report.write_report(tmp_path, report.make_report(given))
    with (tmp_path / "ranking.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["'+b", "'=a"]
    assert [round(float(row["strength"]), 4) for row in rows] == [0.3466, -0.3466]  # half of ln 2: 8 wins to 4
    assert "\n'@r0,6," in (tmp_path / "raters.csv").read_text()
    assert "\n'-p0,'=a,,1,1\n" in (tmp_path / "pictures.csv").read_text()


def test_tables_of_crowd_platforms_are_read(tmp_path: Path) -> None:
    """Columns in another order, more of them, a byte-order mark, Windows line ends, choices by the method's name."""
    table = "\ufeffWorker,rater,choice,left,right,picture\r\n9,r,HDNet,gift,HDNet,p\r\n9,r,Left,gift,HDNet,q\r\n"
    (tmp_path / "v.csv").write_bytes(table.encode())
    found = votes.read_votes(tmp_path / "v.csv")
    assert [(vote.picture, vote.choice) for vote in found] == [("p", "right"), ("q", "left")]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("picture,left,right,rater\np,a,b,r\n", "no column choice, wanted picture,left,right,choice,rater,seconds"),
        ("picture,left,right,choice,rater\np,a,b,both,r\n", "line 2: choice 'both', wanted left, right, tie, a or b"),
        ("picture,left,right,choice,rater\np,a,a,left,r\n", "line 2: a on both sides"),
        ("picture,left,right,choice,rater\np,a,b,left,r\n,a,b,left,r\n", "line 3: no picture"),
        ("picture,left,right,choice,rater,seconds\np,a,b,left,r,soon\n", "line 2: 'soon' seconds"),
        ("picture,left,right,choice,rater\n", "no vote in it"),
        ('picture,left,right,choice,rater\n"p,a,b,left,r\n', "wanted CSV"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_by_line(tmp_path: Path, table: str, words: str) -> None:
    (tmp_path / "v.csv").write_text(table)
    with pytest.raises(StudyError) as caught:
        votes.read_votes(tmp_path / "v.csv")
    assert str(caught.value).startswith(str(tmp_path / "v.csv"))
    assert words in str(caught.value)


def test_wins_count_ties_half_and_second_answers_not_at_all() -> None:
    given = [
        Vote("p", "a", "b", "left", "r"),
        Vote("p", "b", "a", "left", "r"),  # asked again, answered otherwise
        Vote("q", "b", "a", "tie", "r"),
        Vote("q", "b", "a", "left", "s"),
    ]
    tally = tally_votes(given)
    np.testing.assert_array_equal(count_wins(tally), [[0, 1.5], [1.5, 0]])
    np.testing.assert_array_equal(count_wins(tally, tally.picture), [[[0, 1], [0, 0]], [[0, 0.5], [1.5, 0]]])
    assert find_repeats(given) == [(given[0], given[1])]


def rater(name: str, same: int, other: int) -> list[Vote]:
    """Questions asked twice with swapped sides: so many answered alike, so many not."""
    asked = [
        Vote(f"p{number}", "a", "b", "left" if number % 2 else "right", name, 2.0) for number in range(same + other)
    ]
    again = [
        Vote(
            vote.picture,
            "b",
            "a",
            ("right" if vote.choice == "left" else "left") if number < same else vote.choice,
            name,
            2.0,
        )
        for number, vote in enumerate(asked)
    ]
    return asked + again


def test_raters_who_answer_catch_trials_at_random_fail() -> None:
    found = raters.judge_raters([*rater("ann", 10, 0), *rater("bob", 8, 2), *rater("cy", 7, 3), *rater("di", 3, 1)])
    assert [(one.rater, one.consistent, one.catch_trials, one.failed) for one in found] == [
        ("ann", 10, 10, False),
        ("bob", 8, 10, True),  # 8 of 10 or more by coin: 5.5 %
        ("cy", 7, 10, True),
        ("di", 3, 4, False),  # too few to tell
    ]
    assert found[1].votes == 10
    assert found[2].remarks == ("7 of 10 catch trials answered alike, no better than at random",)


def test_raters_who_look_at_one_side_or_not_at_all_are_named() -> None:
    left = [Vote(f"p{number}", "a", "b", "left", "r", 0.25) for number in range(20)]
    [found] = raters.judge_raters(left)
    assert found.remarks == ("chose the left picture in 20 of 20", "answered in 0.2 s in the median")
    assert found.left_share == 1.0
    assert not found.failed


def test_agreement_is_the_share_of_pairs_of_raters_with_one_answer() -> None:
    given = [
        Vote("p", "a", "b", "left", "r"),
        Vote("p", "b", "a", "right", "s"),  # the same method
        Vote("p", "a", "b", "right", "t"),
        Vote("q", "a", "b", "left", "r"),
        Vote("q", "a", "b", "tie", "s"),
    ]
    assert raters.measure_agreement(given) == (pytest.approx(1 / 3), 1)
    assert math.isnan(raters.measure_agreement(given[3:])[0])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_votes_are_read_as_spreadsheets_save_them(tmp_path: Path, encoding: str, delimiter: str) -> None:
    seconds = '"2,5"' if delimiter == "," else "2,5"
    rows = (["Picture", " LEFT", "right", "Choice", "rater", "Seconds"], ["p1", "a", "b", "left", "r1", seconds])
    text = "".join(delimiter.join(row) + "\r\n" for row in rows)
    (tmp_path / "votes.csv").write_bytes(text.encode(encoding))
    assert votes.read_votes(tmp_path / "votes.csv") == [Vote("p1", "a", "b", "left", "r1", 2.5)]
