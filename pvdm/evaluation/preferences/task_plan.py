"""Who sees which pairs, on which sides, in which order, and when attention is checked: drawn for each person."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np

Kind = Literal["pair", "check", "repeat"]
"""What a person is asked: a pair, a pair whose answer is known, or an earlier pair with its sides exchanged."""

DAMAGED = "(damaged)"
"""The source of the worse video of a check."""


class Pair(NamedTuple):
    """One comparison: its number from 1, the sources of both videos, and the sample that both are of.

    Of a check, `other` is `DAMAGED`.
    """

    number: int
    one: str
    other: str
    sample: int

    @property
    def is_check(self) -> bool:
        """Whether the answer is known: `one` is better."""
        return self.other == DAMAGED


def make_pairs(sources: Sequence[str], count: int) -> list[Pair]:
    """Sample i of each source with sample i of each other one, for i below `count`."""
    couples = itertools.combinations(sources, 2)
    both = [(one, other, sample) for one, other in couples for sample in range(count)]
    return [Pair(number, *pair) for number, pair in enumerate(both, 1)]


class Draw(NamedTuple):
    """What is drawn for a person: the kind of each of their tasks, and an order of all pairs with their sides.

    kinds: By place.
    order: Numbers of pairs; those of checks come in the order in which they are shown.
    mirrored: The pairs whose `one` is on the right.
    """

    kinds: tuple[Kind, ...]
    order: tuple[int, ...]
    mirrored: frozenset[int]


def draw(pairs: Sequence[Pair], *, most: int, checks: int, repeats: int, seed: int, person: int) -> Draw:
    """The draw of a person, which depends on seed and person alone.

    Of the pairs of each two sources half are mirrored, and half of the checks, so that nobody passes by always choosing
    one side.

    Args:
        pairs: All pairs, checks included.
        most: Pairs for a person.
        checks: Checks for a person; no more are drawn than there are.
        repeats: Pairs that are shown again; at most half of them.
        seed, person: What the draw depends on.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(person,)))
    count = min(most, sum(not pair.is_check for pair in pairs))
    checks = min(checks, sum(pair.is_check for pair in pairs))
    kinds = _schedule(count, checks, min(repeats, count // 2), random)
    order = random.permutation([pair.number for pair in pairs])
    couples = {pair.number: "check" if pair.is_check else (pair.one, pair.other) for pair in pairs}
    return Draw(kinds, tuple(order.tolist()), _mirrored({int(n): couples[n] for n in order}, random))


def _schedule(pairs: int, checks: int, repeats: int, random: np.random.Generator) -> tuple[Kind, ...]:
    """Checks at a time by chance in equal parts of the whole, repeats likewise in its second half."""
    times: list[tuple[float, Kind]] = [((i + 0.5) / pairs, "pair") for i in range(pairs)]
    times += [((i + random.random()) / checks, "check") for i in range(checks)]
    times += [(0.5 + (i + random.random()) / (2 * repeats), "repeat") for i in range(repeats)]
    return tuple(kind for _, kind in sorted(times))


def _mirrored(couples: dict[int, Hashable], random: np.random.Generator) -> frozenset[int]:
    """One of each two successive numbers of a couple, by chance which, so that any beginning is nearly balanced."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for number, couple in couples.items():
        alike[couple].append(number)
    chosen: set[int] = set()
    for numbers in alike.values():
        padded = [*numbers, 0]  # 0 is no pair: it stands for the partner of the last of an odd number
        chosen |= {padded[at + random.integers(2)] for at in range(0, len(numbers), 2)}
    return frozenset(chosen - {0})
