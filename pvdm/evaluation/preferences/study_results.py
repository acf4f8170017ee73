"""The result of a study: who is left out, ratings and win shares for each question, as tables and as CSV."""

from __future__ import annotations

import csv
import io
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pvdm.evaluation.preferences.elo import MEAN, Rating, elo_ratings
from pvdm.evaluation.preferences.study_records import StudySettings, Vote
from pvdm.evaluation.preferences.task_plan import DAMAGED

MOST_WRONG = 0.2
"""Share of wrong answers to checks above which a person is left out: with three checks none may be wrong."""

COLUMNS = (
    *("person", "is_left_out", "place", "kind", "pair", "question"),
    *("left", "right", "choice", "preferred", "seconds", "time"),
)


@dataclass(frozen=True)
class Duel:
    """Two sources against each other: the share and the votes of `one`."""

    other: str
    one: Rating


@dataclass(frozen=True)
class QuestionResult:
    """What people answered to a question: ratings, best first, and each two sources if there are more than two."""

    name: str
    text: str
    votes: int
    ratings: list[Rating]
    duels: list[Duel]


@dataclass(frozen=True)
class StudyResult:
    """The result of a study.

    Args:
        questions: For each question.
        people: Those who have voted.
        left_out: The numbers of those whose votes do not count, because they failed the checks.
        pairs: Pairs that were judged.
        agreement: Of the answers to pairs that were shown again with sides exchanged, the share that was as before;
            None without any.
    """

    questions: list[QuestionResult]
    people: int
    left_out: list[int]
    pairs: int
    agreement: float | None


def study_result(settings: StudySettings, votes: Sequence[Vote], *, everyone: bool = False) -> StudyResult:
    """The result of votes; everyone: those who failed the checks count, too."""
    out = inattentive(votes)
    counted = [vote for vote in votes if everyone or vote.person not in out]
    pairs = [vote for vote in counted if vote.kind == "pair"]
    asked = [
        _of_question(settings, name, text, [vote for vote in pairs if vote.question == name])
        for name, text in settings.questions.items()
    ]
    people = {vote.person for vote in votes}
    return StudyResult(asked, len(people), sorted(out), len({vote.pair for vote in pairs}), agreement(counted))


def inattentive(votes: Sequence[Vote]) -> set[int]:
    """The people who gave more than `MOST_WRONG` of wrong answers to checks; a tie is wrong, too."""
    wrong: dict[int, list[bool]] = defaultdict(list)
    for vote in votes:
        if vote.kind == "check":
            wrong[vote.person].append(vote.preferred in (None, DAMAGED))
    return {person for person, found in wrong.items() if sum(found) > MOST_WRONG * len(found)}


def agreement(votes: Sequence[Vote]) -> float | None:
    """The share of repeated answers that prefer the same source as before, or none again."""
    before = {(vote.person, vote.pair, vote.question): vote.preferred for vote in votes if vote.kind == "pair"}
    again = {(vote.person, vote.pair, vote.question): vote.preferred for vote in votes if vote.kind == "repeat"}
    same = [before[key] == preferred for key, preferred in again.items() if key in before]
    return sum(same) / len(same) if same else None


def result_table(result: StudyResult) -> str:
    """The result as Markdown."""
    parts = []
    for asked in result.questions:
        parts.append(f"**{asked.text}** {_counted(asked.votes, 'vote')}\n\n{elo_table(asked.ratings)}")
        if asked.duels:
            parts.append(_duel_table(asked.duels))
    out = f"; {len(result.left_out)} left out by the attention checks" if result.left_out else ""
    again = "" if result.agreement is None else f"; repeated pairs judged as before: {result.agreement:.0%}"
    people = "1 person" if result.people == 1 else f"{result.people} people"
    parts.append(f"{people}, {_counted(result.pairs, 'pair')} judged{out}{again}\n")
    return "\n".join(parts)


def elo_table(ratings: Sequence[Rating]) -> str:
    """Ratings as Markdown."""
    rows = ["| source | Elo | 95 % interval | win share | won | lost | tied |", "|" + " --- |" * 7]
    for one in ratings:
        sign = "" if one.is_bounded else "at least " if one.rating > MEAN else "at most "
        interval, share = f"{one.low:.0f} to {one.high:.0f}", _share(one)
        rows.append(
            f"| {one.source} | {sign}{one.rating:.0f} | {interval} | {share} | {one.won} | {one.lost} | {one.tied} |"
        )
    return "\n".join(rows) + "\n"


def votes_csv(votes: Sequence[Vote]) -> str:
    """All votes as CSV, those of people who failed the checks marked; texts that a spreadsheet would run are quoted."""
    out, text = inattentive(votes), io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for vote in votes:
        who = (vote.person, int(vote.person in out), vote.place + 1, vote.kind, vote.pair, vote.question)
        told = (vote.left, vote.right, vote.choice, vote.preferred or "", vote.seconds, vote.time)
        table.writerow([_harmless(cell) for cell in (*who, *told)])
    return text.getvalue()


def _of_question(settings: StudySettings, name: str, text: str, votes: Sequence[Vote]) -> QuestionResult:
    duels = []
    for one, other in itertools.combinations(settings.sources, 2) if len(settings.sources) > 2 else ():
        between = [vote for vote in votes if {vote.left, vote.right} == {one, other}]
        if between:
            rated = {rating.source: rating for rating in elo_ratings((one, other), between)}
            duels.append(Duel(other, rated[one]))
    return QuestionResult(name, text, len(votes), elo_ratings(settings.sources, votes), duels)


def _duel_table(duels: Sequence[Duel]) -> str:
    rows = ["| source | against | win share | won | lost | tied |", "|" + " --- |" * 6]
    for other, one in ((duel.other, duel.one) for duel in duels):
        rows.append(f"| {one.source} | {other} | {_share(one)} | {one.won} | {one.lost} | {one.tied} |")
    return "\n".join(rows) + "\n"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _share(one: Rating) -> str:
    return f"{one.share:.0%} ({one.share_low:.0%} to {one.share_high:.0%})"


def _harmless(cell: object) -> object:
    """A text that begins like a formula is made text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else cell
