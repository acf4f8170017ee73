"""Elo ratings from votes: the model of Bradley and Terry, fitted by maximum likelihood, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from pvdm.evaluation.preferences.study_records import Vote

MEAN = 1000.0
SCALE = math.log(10) / 400
"""Log-odds of a point of Elo: 400 points are odds of 10 to 1."""

BOUND = 1000.0
"""Largest distance from the mean, for sources that won or lost every comparison, whose likelihood has no maximum."""

DRAWS = 1000
STEPS, TOLERANCE = 200, 1e-10
INTERVAL = (2.5, 97.5)
DEVIATIONS = 1.959964
"""Standard deviations of a normal distribution within the same interval."""


@dataclass(frozen=True)
class Rating:
    """A source's rating, the share of votes that it won, their 95 % intervals, and the votes won, lost and tied.

    Ties count half in both, and shares are from 0 to 1.
    """

    source: str
    rating: float
    low: float
    high: float
    share: float
    share_low: float
    share_high: float
    won: int
    lost: int
    tied: int

    @property
    def is_bounded(self) -> bool:
        """Whether votes bound it on both sides; otherwise it is at a limit of ours."""
        return abs(self.rating - MEAN) < BOUND - 1e-6


def elo_ratings(sources: Sequence[str], votes: Sequence[Vote], seed: int = 0) -> list[Rating]:
    """The ratings, best first; their mean is 1000. Ties count as half a win for both sides.

    The intervals are percentiles of a bootstrap over the pairs of each two sources, so that several votes on one pair
    stay together, or over people, whichever reaches further on a side; that of a share is at least Wilson's (1927).
    Unlike Elo's updates after each game, the fit does not depend on the order of the votes.
    """
    random, bounds = np.random.default_rng(seed), []
    for by_person in (False, True):
        outcomes, strata = _outcomes(sources, votes, by_person=by_person)
        draws = np.einsum("dp,pij->dij", _resampled(strata, random), outcomes)
        bounds.append(np.percentile(np.stack([fit(draws), _shares(draws)]), INTERVAL, axis=1))
    low, high = np.min([low for low, _ in bounds], axis=0), np.max([high for _, high in bounds], axis=0)
    wins = outcomes.sum(axis=0)
    shares, games = _shares(wins), wins.sum(axis=0) + wins.sum(axis=1)
    narrow_low, narrow_high = wilson(shares, games)
    low[1], high[1] = np.minimum(low[1], narrow_low), np.maximum(high[1], narrow_high)
    rows = (fit(wins), low[0], high[0], shares, low[1], high[1])
    rated = zip(sources, *(row.tolist() for row in rows), _tallies(sources, votes), strict=True)
    return sorted((Rating(*row, *tally) for *row, tally in rated), key=lambda rating: -rating.rating)


def wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share of `count` votes, (k,) each: Wilson (1927); 0 to 1 without votes."""
    square = DEVIATIONS**2
    middle = (share * count + square / 2) / (count + square)
    half = DEVIATIONS / (count + square) * np.sqrt(share * (1 - share) * count + square / 4)
    return middle - half, middle + half


def fit(wins: np.ndarray) -> np.ndarray:
    """Ratings (..., k) from how often i was preferred to j, (..., k, k), by Newton's method.

    They maximize the likelihood of P(i over j) = 1 / (1 + 10^((R_j - R_i) / 400)), within `BOUND` of their mean.
    """
    games, count = wins + np.swapaxes(wins, -1, -2), wins.shape[-1]
    strength = np.zeros(wins.shape[:-1])
    for _ in range(STEPS):
        chance = expit(strength[..., :, None] - strength[..., None, :])
        gradient = (wins - games * chance).sum(axis=-1)
        weight = games * chance * (1 - chance)
        # Minus the Hessian; strengths are known up to a constant, whose direction 1/k makes regular.
        curvature = np.eye(count) * (weight.sum(axis=-1)[..., None] + 1e-9) - weight + 1 / count
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0].clip(-1, 1)
        moved = strength + step
        moved = (moved - moved.mean(axis=-1, keepdims=True)).clip(-BOUND * SCALE, BOUND * SCALE)
        if np.abs(moved - strength).max(initial=0.0) < TOLERANCE:
            break
        strength = moved
    return MEAN + strength / SCALE


def _shares(wins: np.ndarray) -> np.ndarray:
    """Shares of votes won, (..., k), from wins (..., k, k); one half without votes."""
    won, lost = wins.sum(axis=-1), wins.sum(axis=-2)
    return (won + 1e-12) / (won + lost + 2e-12)


def _resampled(strata: Sequence[Hashable], random: np.random.Generator) -> np.ndarray:
    """(draws, n): how often each of n groups is drawn, as many of each stratum as there are."""
    counts = np.empty((DRAWS if len(strata) > 1 else 1, len(strata)))
    for stratum in set(strata):
        places = [place for place, other in enumerate(strata) if other == stratum]
        counts[:, places] = random.multinomial(len(places), np.full(len(places), 1 / len(places)), size=len(counts))
    return counts


def _outcomes(sources: Sequence[str], votes: Sequence[Vote], *, by_person: bool) -> tuple[np.ndarray, list[Hashable]]:
    """(n, k, k): for each pair or person how often source i was preferred to source j; and the stratum of each.

    Pairs of the same two sources are a stratum, since a study fixes how many there are; people are one together.
    """
    place = {source: index for index, source in enumerate(sources)}
    found: dict[int, np.ndarray] = {}
    strata: dict[int, Hashable] = {}
    for vote in votes:
        group, left, right = vote.person if by_person else vote.pair, place[vote.left], place[vote.right]
        strata[group] = None if by_person else frozenset((left, right))
        wins = found.setdefault(group, np.zeros((len(sources), len(sources))))
        share = {"left": 1.0, "same": 0.5, "right": 0.0}[vote.choice]
        wins[left, right] += share
        wins[right, left] += 1 - share
    if not found:
        return np.zeros((1, len(sources), len(sources))), [None]
    return np.array(list(found.values())), list(strata.values())


def _tallies(sources: Sequence[str], votes: Sequence[Vote]) -> list[tuple[int, int, int]]:
    """Of each source the votes won, lost and tied."""
    tallies = {source: [0, 0, 0] for source in sources}
    for vote in votes:
        left = {"left": 0, "right": 1, "same": 2}[vote.choice]
        tallies[vote.left][left] += 1
        tallies[vote.right][(1, 0, 2)[left]] += 1
    return [tuple(tally) for tally in tallies.values()]
