"""The mixture of given frames: its shares, and what each kind gives."""

from collections import Counter

import numpy as np
import pytest

from pvdm.conditions.given_frames import GivenFrames
from pvdm.errors import InputError

KINDS = ("first", "last", "ends", "random", "every", "gap")


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
