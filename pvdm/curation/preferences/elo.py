"""Elo ratings from votes: the model of Bradley and Terry, fitted by maximum likelihood, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from pvdm.curation.preferences.blind_pairs import Pair
from pvdm.curation.preferences.votes import Vote

MEAN = 1000.0
SCALE = math.log(10) / 400
"""Log-odds of a point of Elo: 400 points are odds of 10 to 1."""

BOUND = 1000.0
"""Largest distance from the mean, for sources that won or lost every comparison, whose likelihood has no maximum."""

DRAWS = 1000
STEPS, TOLERANCE = 200, 1e-10


@dataclass(frozen=True)
class Rating:
    """A source's rating, its 95 % interval, and the votes that it won, lost, and that were ties."""

    source: str
    rating: float
    low: float
    high: float
    won: int
    lost: int
    tied: int

    @property
    def is_bounded(self) -> bool:
        """Whether votes bound it on both sides; otherwise it is at a limit of ours."""
        return abs(self.rating - MEAN) < BOUND - 1e-6


def elo_ratings(sources: Sequence[str], pairs: Sequence[Pair], votes: Sequence[Vote], seed: int = 0) -> list[Rating]:
    """The ratings, best first; their mean is 1000. Ties count as half a win for both sides.

    The intervals are percentiles of a bootstrap over pairs, so that several votes on one pair stay together. Unlike
    Elo's updates after each game, the fit does not depend on the order of the votes.
    """
    outcomes = _outcomes(sources, pairs, votes)
    ratings = fit(outcomes.sum(axis=0))
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(outcomes), np.full(len(outcomes), 1 / len(outcomes)), size=DRAWS)
    draws = fit(np.einsum("dp,pij->dij", counts, outcomes))
    low, high = np.percentile(draws, (2.5, 97.5), axis=0)
    tallies = _tallies(sources, pairs, votes)
    rated = zip(sources, ratings.tolist(), low.tolist(), high.tolist(), tallies, strict=True)
    return sorted((Rating(*row, *tally) for *row, tally in rated), key=lambda rating: -rating.rating)


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


def _outcomes(sources: Sequence[str], pairs: Sequence[Pair], votes: Sequence[Vote]) -> np.ndarray:
    """(n, k, k): for each pair with votes how often source i was preferred to source j."""
    place, known = {source: index for index, source in enumerate(sources)}, {pair.number: pair for pair in pairs}
    found: dict[int, np.ndarray] = {}
    for vote in votes:
        pair = known[vote.pair]
        left, right = place[pair.left], place[pair.right]
        wins = found.setdefault(vote.pair, np.zeros((len(sources), len(sources))))
        wins[left, right] += _share(vote)
        wins[right, left] += 1 - _share(vote)
    return np.array(list(found.values())) if found else np.zeros((1, len(sources), len(sources)))


def _share(vote: Vote) -> float:
    """What the left side gets of a vote."""
    return {"left": 1.0, "same": 0.5, "right": 0.0}[vote.choice]


def _tallies(sources: Sequence[str], pairs: Sequence[Pair], votes: Sequence[Vote]) -> list[tuple[int, int, int]]:
    """Of each source the votes won, lost and tied."""
    known, tallies = {pair.number: pair for pair in pairs}, {source: [0, 0, 0] for source in sources}
    for vote in votes:
        pair = known[vote.pair]
        left = {"left": 0, "right": 1, "same": 2}[vote.choice]
        tallies[pair.left][left] += 1
        tallies[pair.right][(1, 0, 2)[left]] += 1
    return [tuple(tally) for tally in tallies.values()]


def elo_table(ratings: Sequence[Rating]) -> str:
    """The ratings as Markdown."""
    rows = ["| selection | Elo | 95 % interval | preferred | not preferred | no difference |", "|" + " --- |" * 6]
    for one in ratings:
        sign = "" if one.is_bounded else "at least " if one.rating > MEAN else "at most "
        interval = f"{one.low:.0f} to {one.high:.0f}"
        rows.append(f"| {one.source} | {sign}{one.rating:.0f} | {interval} | {one.won} | {one.lost} | {one.tied} |")
    return "\n".join(rows) + "\n"
