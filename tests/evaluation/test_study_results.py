"""Who is left out, what counts, and the tables."""

from __future__ import annotations

import csv

import pytest

from pvdm.evaluation.preferences.study_records import StudySettings, Vote
from pvdm.evaluation.preferences.study_results import agreement, inattentive, result_table, study_result, votes_csv
from pvdm.evaluation.preferences.task_plan import DAMAGED

QUESTIONS = {"quality": "Which looks better?", "motion": "Which moves better?"}


def settings(*sources: str) -> StudySettings:
    return StudySettings(sources, QUESTIONS, (16, 16), 0, 30, 3, 2, "invitation", "owner")


def vote(
    person: int, pair: int, choice: str, *, kind: str = "pair", right: str = "b", question: str = "quality"
) -> Vote:
    return Vote(person, pair, kind, pair, "a", right, question, choice, 2.0, "2026-01-01T00:00:00+00:00")


def check(person: int, pair: int, choice: str, question: str = "quality") -> Vote:
    return vote(person, pair, choice, kind="check", right=DAMAGED, question=question)


@pytest.mark.parametrize(
    ("answers", "fails"),
    [
        ([], False),
        (["left"] * 3, False),
        (["left", "left", "right"], True),
        (["left", "left", "same"], True),
        (["left"] * 5 + ["right"], False),
        (["left"] * 4 + ["right"] * 2, True),
    ],
)
def test_a_fifth_of_wrong_answers_is_forgiven(answers, fails):
    votes = [vote(7, 99, "left"), *(check(7, pair, choice) for pair, choice in enumerate(answers))]
    assert inattentive(votes) == ({7} if fails else set())


def test_people_who_fail_are_kept_marked_and_left_out_unless_wanted():
    votes = [vote(1, 5, "left"), check(1, 9, "left"), vote(2, 5, "right"), check(2, 9, "right")]
    result, everyone = (study_result(settings("a", "b"), votes, everyone=wanted) for wanted in (False, True))
    assert (result.people, result.left_out, result.pairs) == (2, [2], 1)
    assert [(one.source, one.won, one.lost) for one in result.questions[0].ratings] == [("a", 1, 0), ("b", 0, 1)]
    assert everyone.questions[0].ratings[0].rating == pytest.approx(1000) and everyone.questions[0].votes == 2
    assert result.questions[1].votes == 0
    assert "2 people, 1 pair judged; 1 left out by the attention checks" in result_table(result)
    rows = list(csv.DictReader(votes_csv(votes).splitlines()))
    assert [(row["person"], row["is_left_out"], row["kind"], row["preferred"]) for row in rows] == [
        ("1", "0", "pair", "a"),
        ("1", "0", "check", "a"),
        ("2", "1", "pair", "b"),
        ("2", "1", "check", DAMAGED),
    ]


def test_repeated_pairs_tell_agreement_and_do_not_count_twice():
    mirrored = Vote(1, 8, "repeat", 5, "b", "a", "quality", "right")
    votes = [vote(1, 5, "left"), mirrored, vote(1, 6, "same"), vote(1, 6, "left", kind="repeat")]
    assert agreement(votes) == 0.5 and agreement([vote(1, 5, "left")]) is None
    result = study_result(settings("a", "b"), votes)
    assert result.questions[0].votes == 2 and "repeated pairs judged as before: 50%" in result_table(result)


def test_each_two_of_three_sources_are_compared():
    votes = [vote(1, 1, "left"), vote(1, 2, "left"), vote(1, 3, "right", right="c"), vote(1, 4, "same", right="c")]
    duels = study_result(settings("a", "b", "c"), votes).questions[0].duels
    assert [(duel.one.source, duel.other, duel.one.won, duel.one.lost, duel.one.tied) for duel in duels] == [
        ("a", "b", 2, 0, 0),
        ("a", "c", 0, 1, 1),
    ]
    assert study_result(settings("a", "b"), votes[:2]).questions[0].duels == []


def test_a_name_is_no_formula_in_a_spreadsheet():
    assert ",'=cmd()," in votes_csv([vote(1, 1, "right", right="=cmd()")])
