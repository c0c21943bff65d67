"""The answers of a study as they come in: an SQLite file that a killed server leaves whole.

A vote is acknowledged only after it was committed. The journal is written ahead (WAL) and synchronized with the disk at
every commit, so that neither a killed process nor a power cut loses an acknowledged vote.
"""

from __future__ import annotations

import math
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast, get_args

from ccharmony.errors import StudyError
from harmonize.study.study import VOTES, Study
from harmonize.study.votes import Choice, Vote

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS raters (number INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS votes (
    rater INTEGER NOT NULL REFERENCES raters (number),
    trial INTEGER NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('left', 'right', 'tie')),
    seconds REAL NOT NULL,
    PRIMARY KEY (rater, trial)
) STRICT;
"""
_WAIT = 30.0
"""Seconds that a vote waits while another process writes."""


class Store:
    """The answers of one study. Several threads, and several processes, may use one file.

    Parameters
    ----------
    study
        The study; the file is made where there is none.
    only_read
        Whether nothing is written; there must be a file then.

    Raises
    ------
    StudyError
        The file cannot be opened, or is no such file. Every method raises it, too, where the file fails.
    """

    def __init__(self, study: Study, *, only_read: bool = False) -> None:
        self.study = study
        self.path = study.folder / VOTES
        self._lock = threading.Lock()
        with self._errors():
            self._file = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?{self._mode(only_read)}",
                timeout=_WAIT,
                isolation_level=None,
                check_same_thread=False,
                uri=True,
            )
            if not only_read:
                self._file.execute("PRAGMA journal_mode = WAL")
                self._file.execute("PRAGMA synchronous = FULL")
                self._file.executescript(_TABLES)

    def _mode(self, only_read: bool) -> str:
        """Return how SQLite opens the file; without a log of a server beside it, reading leaves no file behind."""
        if not only_read:
            return "mode=rwc"
        return "mode=ro" if self.path.with_name(f"{VOTES}-wal").exists() else "immutable=1"

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def key(self) -> str:
        """Return the secret that a link to the study holds where it is open to other machines; always the same."""
        with self._writing():
            self._file.execute("INSERT OR IGNORE INTO facts VALUES ('key', ?)", (secrets.token_urlsafe(16),))
            return str(self._file.execute("SELECT value FROM facts WHERE name = 'key'").fetchone()[0])

    def add_rater(self) -> str:
        """Add a rater with the next number from 0; return the secret that the rater's link holds."""
        token = secrets.token_urlsafe(16)
        with self._writing():
            [number] = self._file.execute("SELECT coalesce(max(number) + 1, 0) FROM raters").fetchone()
            self._file.execute("INSERT INTO raters VALUES (?, ?)", (number, token))
        return token

    def find_rater(self, token: str) -> int | None:
        """Return the number of a rater; None where nobody has that secret."""
        with self._lock, self._errors():
            found = self._file.execute("SELECT number FROM raters WHERE token = ?", (token,)).fetchone()
        return None if found is None else int(found[0])

    def save(self, rater: int, trial: int, choice: Choice, seconds: float) -> None:
        """Save an answer; a second one to the same trial takes the place of the first. On the disk when it returns."""
        with self._writing():
            self._file.execute("INSERT OR REPLACE INTO votes VALUES (?, ?, ?, ?)", (rater, trial, choice, seconds))

    def answers(self, rater: int) -> dict[int, Choice]:
        """Return the answers of a rater by the number of the trial."""
        with self._lock, self._errors():
            rows = self._file.execute("SELECT trial, choice FROM votes WHERE rater = ?", (rater,)).fetchall()
        return {int(trial): cast(Choice, choice) for trial, choice in rows}

    def votes(self) -> list[Vote]:
        """Return all votes, by rater in the order of asking; raters are called r1, r2 and so on."""
        with self._lock, self._errors():
            rows = self._file.execute(
                "SELECT rater, trial, choice, seconds FROM votes ORDER BY rater, trial"
            ).fetchall()
        trials = {rater: self.study.trials(rater) for rater in {row[0] for row in rows}}
        votes = []
        for rater, trial, choice, seconds in rows:
            if not 0 <= trial < len(trials[rater]):
                raise StudyError(f"{self.path}: an answer to question {trial}, the study asks {len(trials[rater])}")
            if choice not in get_args(Choice) or not math.isfinite(seconds):
                raise StudyError(f"{self.path}: damaged, the answer {choice!r} after {seconds} s")
            asked = trials[rater][trial]
            methods = self.study.methods
            picture = self.study.names[asked.picture]
            votes.append(Vote(picture, methods[asked.left], methods[asked.right], choice, f"r{rater + 1}", seconds))
        return votes

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Take the lock of the file before reading what is then written, and commit at the end."""
        with self._lock, self._errors():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # its message may hold bytes of a damaged file
            raise StudyError(f"{self.path}: {error}, wanted the votes of a study") from error
