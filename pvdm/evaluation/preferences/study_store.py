"""A study in one SQLite file: its pairs, who was shown what, and votes that are on the disk before they count."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from pvdm.errors import InputError
from pvdm.evaluation.preferences.study_records import CHOICES, Choice, StudySettings, Task, Vote
from pvdm.evaluation.preferences.task_plan import DAMAGED, Draw, Pair, draw

STORE, VIDEOS = "study.sqlite", "videos"
"""Its name in a study's folder, and that of the folder of videos beside it."""

AHEAD = 2
"""Tasks without an answer that a person has: the one that is shown, and the next, which is loaded meanwhile."""

ABANDONED = 1800.0
"""Seconds after which a pair that was shown and not judged is given to others as if it had not been."""

WAIT = 20.0
"""Seconds for which one process waits for another that writes."""

TABLES = """
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE pairs (number INTEGER PRIMARY KEY, one TEXT NOT NULL, other TEXT NOT NULL, sample INTEGER NOT NULL);
CREATE TABLE people (person INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE tasks (
    person INTEGER NOT NULL REFERENCES people, place INTEGER NOT NULL, kind TEXT NOT NULL,
    pair INTEGER NOT NULL REFERENCES pairs, mirrored INTEGER NOT NULL, given REAL NOT NULL,
    PRIMARY KEY (person, place), UNIQUE (person, pair, kind)
);
CREATE TABLE votes (
    person INTEGER NOT NULL, place INTEGER NOT NULL, question TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('left', 'same', 'right')), seconds REAL NOT NULL, time TEXT NOT NULL,
    PRIMARY KEY (person, place, question), FOREIGN KEY (person, place) REFERENCES tasks
);
"""
TIMES_GIVEN = """
SELECT pair, COUNT(*) FROM tasks WHERE kind = 'pair' AND (given > ? OR EXISTS (
    SELECT 1 FROM votes WHERE votes.person = tasks.person AND votes.place = tasks.place)) GROUP BY pair
"""
GIVEN = "SELECT place, kind, pair, mirrored FROM tasks WHERE person = ? ORDER BY place"
ANSWERS = "SELECT place, question, choice FROM votes WHERE person = ?"
VOTES = """
SELECT votes.person, place, kind, pair, mirrored, one, other, question, choice, seconds, time
FROM votes JOIN tasks USING (person, place) JOIN pairs ON number = pair ORDER BY votes.person, place, question
"""


class StudyStore:
    """The file of a study, safe for threads and for several processes at once; a context manager that closes it.

    A vote is on the disk when `add_vote` returns (write-ahead log, synchronous=FULL), so neither a kill nor a power
    failure loses one. InputError if the file is missing, damaged or of another program.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / STORE if path.is_dir() else path
        if not self.path.is_file():
            raise InputError(f"{path} holds no study", "give a folder that pvdm study or pvdm curate compare has made")
        self._lock = threading.Lock()
        try:
            self._connection = _opened(self.path)
            self.settings = _settings(self._rows("SELECT key, value FROM study"))
            pairs = map(Pair._make, self._rows("SELECT number, one, other, sample FROM pairs ORDER BY number"))
            self.pairs = {pair.number: pair for pair in pairs}
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{self.path} cannot be used as a study ({error})", "check what it is") from error

    def __enter__(self) -> StudyStore:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._connection.close()

    def person(self, name: str) -> int | None:
        """The number of a person who was given a task; None for others."""
        found = self._rows("SELECT person FROM people WHERE name = ?", name)
        return found[0][0] if found else None

    def tasks(self, name: str) -> tuple[int, list[Task]]:
        """How many tasks a person has in all, and those given until now: the answered ones and up to `AHEAD` more.

        Of the pairs that a person has not seen, those come first that were shown least.
        """
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO people (name) VALUES (?)", (name,))
            ((person,),) = connection.execute("SELECT person FROM people WHERE name = ?", (name,))
            drawn, given = self._draw(person), _given(connection, person)
            while len(given) < len(drawn.kinds) and sum(self.is_open(task) for task in given) < AHEAD:
                given.append(self._next(connection, given, drawn))
                place, kind, pair, mirrored = given[-1].place, given[-1].kind, given[-1].pair, given[-1].is_mirrored
                row = (person, place, kind, pair, mirrored, time.time())
                connection.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?)", row)
        return len(drawn.kinds), given

    def task(self, person: int, place: int) -> Task | None:
        """One task of a person, if it was given."""
        with self._lock:
            return next((task for task in _given(self._connection, person) if task.place == place), None)

    def video(self, task: Task, side: str) -> Path:
        """The file of the video on a side, "left" or "right"."""
        name = video_name(self.settings.sources, self.pairs[task.pair], is_other=(side == "right") != task.is_mirrored)
        return self.path.parent / VIDEOS / name

    def is_open(self, task: Task) -> bool:
        """Whether a question of it has no answer."""
        return len(task.answers) < len(self.settings.questions)

    def add_vote(self, person: int, place: int, question: str, choice: Choice, seconds: float) -> None:
        """Keeps the answer to a task, in place of an earlier one.

        LookupError if there is no such question or choice or the person has no such task; sqlite3.Error if it cannot be
        written.
        """
        if question not in self.settings.questions or choice not in CHOICES:
            raise LookupError(f"{question}: {choice}")
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._writing() as connection:
            if not connection.execute("SELECT 1 FROM tasks WHERE person = ? AND place = ?", (person, place)).fetchone():
                raise LookupError(f"task {place}")
            row = (person, place, question, choice, seconds, now)
            connection.execute("INSERT OR REPLACE INTO votes VALUES (?, ?, ?, ?, ?, ?)", row)

    def votes(self) -> list[Vote]:
        """All votes, by person and place."""
        votes = []
        for *who, mirrored, one, other, question, choice, seconds, at in self._rows(VOTES):
            left, right = (other, one) if mirrored else (one, other)
            votes.append(Vote(*who, left, right, question, choice, seconds, at))
        return votes

    def state(self) -> tuple[int, int]:
        """Something that differs after every change by any process."""
        with self._lock:
            ((version,),) = self._connection.execute("PRAGMA data_version")
            return version, self._connection.total_changes

    def _draw(self, person: int) -> Draw:
        given = self.settings
        counts = {"most": given.pairs, "checks": given.checks, "repeats": given.repeats}
        return draw(list(self.pairs.values()), **counts, seed=given.seed, person=person)

    def _next(self, connection: sqlite3.Connection, given: Sequence[Task], drawn: Draw) -> Task:
        """The next task of a person after those given."""
        place = len(given)
        kind = drawn.kinds[place]
        seen = {task.pair for task in given if task.kind == kind}
        if kind == "repeat":
            first = next(task for task in given if task.kind == "pair" and task.pair not in seen)
            return Task(place, kind, first.pair, not first.is_mirrored, {})
        fresh = [number for number in drawn.order if self.pairs[number].is_check == (kind == "check")]
        times = dict(connection.execute(TIMES_GIVEN, (time.time() - ABANDONED,))) if kind == "pair" else {}
        pair = min((number for number in fresh if number not in seen), key=lambda number: times.get(number, 0))
        return Task(place, kind, pair, pair in drawn.mirrored, {})

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among all threads and processes."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _rows(self, query: str, *values: object) -> list[tuple]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def video_name(sources: Sequence[str], pair: Pair, *, is_other: bool) -> str:
    """The name of a pair's video in the folder of videos."""
    source = pair.other if is_other else pair.one
    return f"{pair.sample:04d}-{'damaged' if source == DAMAGED else sources.index(source)}.mp4"


def create_store(path: Path, settings: StudySettings, pairs: Sequence[Pair]) -> None:
    """Writes the file of a new study."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(TABLES)
        rows = [(key, json.dumps(value)) for key, value in asdict(settings).items()]
        connection.executemany("INSERT INTO study VALUES (?, ?)", rows)
        connection.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?)", pairs)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=WAIT, check_same_thread=False, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _settings(rows: Sequence[tuple[str, str]]) -> StudySettings:
    values = {key: json.loads(value) for key, value in rows}
    return StudySettings(**{**values, "sources": tuple(values["sources"]), "size": tuple(values["size"])})


def _given(connection: sqlite3.Connection, person: int) -> list[Task]:
    """The tasks of a person until now, in order."""
    answers: dict[int, dict[str, Choice]] = {}
    for place, question, choice in connection.execute(ANSWERS, (person,)):
        answers.setdefault(place, {})[question] = choice
    rows = connection.execute(GIVEN, (person,))
    return [Task(place, kind, pair, bool(mirror), answers.get(place, {})) for place, kind, pair, mirror in rows]
