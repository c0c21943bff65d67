"""The page's server as raters and others meet it, and votes that survive its death."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from ccharmony.errors import StudyError
from harmonize.study.store import Store
from harmonize.study.study import VOTES, Study


def ask(url: str, body: object | None = None, method: str | None = None, **headers: str) -> tuple[int, str, Any]:
    """Return status, body and where a request ended; redirects are followed."""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode(errors="replace"), response
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error


def begin(link: str) -> str:
    """Become a rater; returns the rater's link."""
    base, _, query = link.partition("?")
    return str(ask(f"{base}raters?{query}", b"")[2].url)


def test_a_rater_votes_goes_back_and_comes_back(study: Study, serve: Callable[..., Any]) -> None:
    _, link = serve(study.folder)
    mine = begin(link)
    trials = json.loads(ask(f"{mine}/trials")[1])
    assert (len(trials["trials"]), trials["answers"], trials["ties"]) == (66, {}, True)
    first = study.trials(0)[0]
    assert trials["trials"][0]["left"] == f"/pictures/{study.shown[first.picture][first.left]}"
    assert ask(link.rstrip("/") + trials["trials"][0]["left"])[1] == study.shown[first.picture][first.left]
    for trial, choice in ((0, "left"), (1, "tie"), (0, "right")):
        assert ask(f"{mine}/votes", {"trial": trial, "choice": choice, "seconds": 1.5})[0] == 200
    assert json.loads(ask(f"{mine}/trials")[1])["answers"] == {"0": "right", "1": "tie"}
    names = study.methods
    [vote, tie] = Store(study).votes()
    assert (vote.left, vote.right, vote.choice) == (names[first.left], names[first.right], "right")
    assert (vote.rater, vote.seconds, vote.picture) == ("r1", 1.5, study.names[first.picture])
    assert tie.choice == "tie"
    assert begin(link) != mine
    assert ask(mine)[0] == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"trial": 66, "choice": "left", "seconds": 1}, 400),
        ({"trial": -1, "choice": "left", "seconds": 1}, 400),
        ({"trial": True, "choice": "left", "seconds": 1}, 400),
        ({"trial": 0, "choice": "both", "seconds": 1}, 400),
        ({"trial": 0, "choice": ["left"], "seconds": 1}, 400),
        ({"trial": 0, "choice": "left", "seconds": "1"}, 400),
        ({"trial": 0, "choice": "left", "seconds": float("nan")}, 400),
        ([], 400),
        (b"{", 400),
        (b"[" * 4000, 400),
        ({"trial": 0, "choice": "left", "seconds": 10**30}, 400),
        (b"x" * 5000, 413),
    ],
)
def test_a_vote_that_makes_no_sense_is_refused(
    study: Study, serve: Callable[..., Any], body: object, status: int
) -> None:
    _, link = serve(study.folder)
    mine = begin(link)
    assert ask(f"{mine}/votes", body)[0] == status
    assert Store(study).votes() == []


def test_other_sites_and_other_files_are_refused(study: Study, serve: Callable[..., Any]) -> None:
    process, link = serve(study.folder)
    mine = begin(link)
    vote = {"trial": 0, "choice": "left", "seconds": 1}
    assert ask(f"{mine}/votes", vote, Origin="http://elsewhere.example")[0] == 403
    assert ask(f"{link}raters", b"", Origin="null")[0] == 403
    assert ask(link, Host="elsewhere.example")[0] == 400  # a name of another site that leads to this machine
    for path in (
        "study.json",
        "votes.db",
        "pictures/../votes.db",
        "pictures/%2e%2e/study.json",
        "rate/x",
        "rate/x/trials",
    ):
        assert ask(f"{link}{path}")[0] == 404, path
    assert "default-src 'none'" in ask(link)[2].headers["Content-Security-Policy"]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_study_open_to_others_asks_for_its_key(study: Study, serve: Callable[..., Any]) -> None:
    process, link = serve(study.folder, "--host", "0.0.0.0")
    local = f"http://127.0.0.1:{link.rpartition(':')[2]}"
    bare = local.partition("?")[0]
    assert ask(bare)[0] == ask(f"{bare}raters", b"")[0] == ask(f"{bare}?key=%C3%A9", None)[0] == 403
    assert ask(local)[0] == 200
    mine = begin(local)
    assert ask(mine)[0] == 200
    process.kill()
    assert serve(study.folder, "--host", "0.0.0.0")[1].partition("?")[2] == link.partition("?")[2]


def test_no_acknowledged_vote_is_lost_when_the_server_is_killed(study: Study, serve: Callable[..., Any]) -> None:
    """Ten raters at once send up to 1,000 votes; after 300 acknowledgments the server gets SIGKILL."""
    process, link = serve(study.folder)
    mine = [begin(link) for _ in range(10)]
    saved: list[tuple[int, int, str]] = []

    def vote(rater: int) -> None:
        for count in range(100):
            trial, choice = count % 66, ("left", "right", "tie")[(count * 7 + rater) % 3]
            try:
                if ask(f"{mine[rater]}/votes", {"trial": trial, "choice": choice, "seconds": 1})[0] != 200:
                    return
            except (OSError, http.client.HTTPException):
                return  # killed
            saved.append((rater, trial, choice))
            if len(saved) == 300:
                process.kill()

    raters = [threading.Thread(target=vote, args=(rater,)) for rater in range(10)]
    for thread in raters:
        thread.start()
    for thread in raters:
        thread.join()
    assert 300 <= len(saved) < 1000
    store = Store(study)
    found = {rater: store.answers(rater) for rater in range(10)}
    last = {(rater, trial): choice for rater, trial, choice in saved}
    # The answer after the last acknowledged one may have been saved, too: it is another trial, or the same one again.
    lost = [(rater, trial) for rater, trial in last if trial not in found[rater]]
    assert lost == []
    assert sum(found[rater][trial] != choice for (rater, trial), choice in last.items()) <= 10
    _, link = serve(study.folder)
    assert len(json.loads(ask(f"{link}rate/{mine[0].rpartition('/')[2]}/trials")[1])["answers"]) == len(found[0])


def test_a_file_that_holds_no_votes_is_refused(study: Study) -> None:
    (study.folder / VOTES).write_bytes(b"no database, but long enough to be looked at " * 50)
    with pytest.raises(StudyError, match=r"votes\.db: .*wanted the votes of a study"):
        Store(study)


@pytest.mark.parametrize(
    ("sound", "damaged", "reason"),
    [
        (b"CREATE TABLE votes", b"CREATE TABL\xff votes", "can't decode byte 0xff"),
        (b"seconds REAL", b"Seconde REAL", "no such column: seconds"),
        (b"left", b"lefu", "damaged, the answer 'lefu' after 1.5 s"),
    ],
)
def test_damaged_votes_are_refused_in_one_line(study: Study, sound: bytes, damaged: bytes, reason: str) -> None:
    store = Store(study)
    store.add_rater()
    store.save(0, 0, "left", 1.5)
    store.close()
    data = (study.folder / VOTES).read_bytes()
    (study.folder / VOTES).write_bytes(data.replace(sound, damaged))
    with pytest.raises(StudyError, match=reason) as raised:
        Store(study, only_read=True).votes()
    assert "\n" not in str(raised.value)
