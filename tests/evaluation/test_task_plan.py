"""What is drawn for each person: all pairs, on both sides alike, checks throughout, some pairs once more later."""

from __future__ import annotations

from collections import Counter

import pytest

from pvdm.evaluation.preferences.task_plan import DAMAGED, Draw, Pair, draw, make_pairs

PAIRS = make_pairs(["a", "b", "c"], 10)
ALL = [*PAIRS, *(Pair(31 + i, "a", DAMAGED, i) for i in range(4))]


def of_person(person: int, **changed: int) -> Draw:
    return draw(ALL, **{"most": 20, "checks": 3, "repeats": 4, "seed": 0, "person": person, **changed})


def test_each_sample_meets_that_of_each_other_source():
    assert [pair.number for pair in PAIRS] == list(range(1, 31))
    assert {(pair.one, pair.other, pair.sample) for pair in PAIRS} == {
        (one, other, sample) for one, other in ("ab", "ac", "bc") for sample in range(10)
    }
    assert not any(pair.is_check for pair in PAIRS) and ALL[-1].is_check


def test_a_draw_depends_on_seed_and_person_alone():
    assert of_person(1) == of_person(1)
    assert len({of_person(1), of_person(2), of_person(1, seed=1)}) == 3
    assert sorted(of_person(1).order) == [pair.number for pair in ALL]


def test_sides_are_balanced_for_each_person_and_drawn():
    couples = {pair.number: (pair.one, pair.other) for pair in ALL}
    for person in range(5):
        drawn = of_person(person)
        mirrored = Counter(couples[number] for number in drawn.mirrored)
        assert mirrored == {("a", "b"): 5, ("a", "c"): 5, ("b", "c"): 5, ("a", DAMAGED): 2}
        checks = [number in drawn.mirrored for number in drawn.order if number > 30]
        assert checks[0] != checks[1] and checks[2] != checks[3]  # who always chooses one side fails
    assert {1 in of_person(person).mirrored for person in range(20)} == {True, False}


def test_checks_are_spread_and_repeats_come_late():
    for person in range(20):
        kinds = of_person(person).kinds
        assert Counter(kinds) == {"pair": 20, "check": 3, "repeat": 4}
        checks = [place for place, kind in enumerate(kinds) if kind == "check"]
        assert checks[0] <= 9 and checks[-1] >= 17
        assert kinds[: kinds.index("repeat")].count("pair") >= 10


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"most": 99, "checks": 99}, {"pair": 30, "check": 4, "repeat": 4}),
        ({"most": 1}, {"pair": 1, "check": 3}),
        ({"checks": 0, "repeats": 0}, {"pair": 20}),
    ],
)
def test_no_more_is_drawn_than_there_is(changed, counts):
    assert Counter(of_person(1, **changed).kinds) == counts
