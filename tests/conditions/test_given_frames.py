"""The mixture of given frames: its shares, and what each kind gives."""

from collections import Counter

import numpy as np
import pytest

from pvdm.conditions.given_frames import GivenFrames
from pvdm.errors import InputError

KINDS = ("first", "last", "ends", "random", "every", "gap", "blurred")
DEFAULT = [[], [*range(9)], [0, 15], [0], [], [], [*range(4), *range(9, 16)], [], [15], [], [], [0]]
"""What seeds 0 to 11 give of 16 frames; trained models and resumed runs depend on it."""


def only(kind: str, share: float = 1.0) -> GivenFrames:
    return GivenFrames(**{name: share if name == kind else 0.0 for name in KINDS})


def draws(given: GivenFrames, count: int = 400, frames: int = 16) -> list[list[int]]:
    return [np.flatnonzero(given.draw(np.random.default_rng(seed), frames)).tolist() for seed in range(count)]


def test_each_kind_gives_its_frames():
    assert all(found == [0] for found in draws(only("first")))
    assert all(found == [15] for found in draws(only("last")))
    assert all(found == [0, 15] for found in draws(only("ends")))
    assert {len(found) for found in draws(only("random"))} == {1, 2, 3, 4}
    assert {tuple(np.unique(np.diff(found))) for found in draws(only("every"))} == {(2,), (4,), (8,)}
    assert {found[0] for found in draws(only("every"))} == set(range(8))
    gaps = [np.setdiff1d(np.arange(16), found) for found in draws(only("gap"))]
    assert {len(gap) for gap in gaps} == set(range(1, 9)) and all((np.diff(gap) == 1).all() for gap in gaps)
    assert {gap[0] for gap in gaps} >= {0, 15} and {gap[-1] for gap in gaps} >= {0, 15}
    assert all(found == list(range(16)) for found in draws(only("blurred")))


def test_no_other_kind_gives_all_frames():
    assert all(len(found) < 16 for kind in KINDS[:-1] for found in draws(only(kind), 100))
    assert all(len(found) < 5 for kind in KINDS[:-1] for found in draws(only(kind), 100, frames=5))


def test_factors_are_uniform_in_their_logarithm_and_of_blurred_clips_alone():
    given, whole = GivenFrames(blurred=0.1, blur_factors=(2.0, 8.0)), np.ones(16, dtype=bool)
    found = np.array([given.draw_factor(np.random.default_rng(seed), whole) for seed in range(2000)])
    assert found.min() >= 2 and found.max() <= 8 and np.median(found) == pytest.approx(4, rel=0.05)
    assert given.draw_factor(np.random.default_rng(0), np.arange(16) > 0) == 1
    assert GivenFrames().draw_factor(np.random.default_rng(0), whole) == 1


def test_the_default_mixture_has_no_blurred_clips_and_the_same_draws():
    assert GivenFrames().blurred == 0
    assert draws(GivenFrames(), 12) == DEFAULT


def test_shares_are_those_asked_for():
    given = GivenFrames(first=0.5, last=0.0, ends=0.25, random=0.0, every=0.0, gap=0.0)
    found = Counter(map(tuple, draws(given, 4000)))
    assert found.keys() == {(0,), (0, 15), ()}
    assert found[0,] == pytest.approx(2000, abs=150) and found[()] == pytest.approx(1000, abs=150)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_clips_may_be_short(frames):
    for kind in KINDS:
        assert all(set(found) <= set(range(frames)) for found in draws(only(kind), 50, frames))


def test_shares_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"the shares of given frames are 1\.35 in all; they must not exceed 1"):
        GivenFrames(first=0.9)
    with pytest.raises(InputError, match="first is -1"):
        GivenFrames(first=-1)
    with pytest.raises(InputError, match="blur_factors is 8 to 2; give two factors above 1, the smaller first"):
        GivenFrames(blur_factors=(8.0, 2.0))
