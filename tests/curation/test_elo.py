"""Ratings from votes: closed forms, an independent fit, intervals that cover, and what has no limit."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from pvdm.curation.preferences.blind_pairs import Pair
from pvdm.curation.preferences.elo import BOUND, MEAN, elo_ratings, elo_table, fit
from pvdm.curation.preferences.votes import Vote


def vote(pair: int, choice: str, voter: str = "") -> Vote:
    return Vote(pair, choice, voter, "2026-01-01T00:00:00+00:00", 1.0)


def of_two(won: int, lost: int, tied: int = 0) -> tuple[list[Pair], list[Vote]]:
    """Pairs of a and b, on either side in turn, and votes in which a won so often."""
    results = ["a"] * won + ["b"] * lost + ["same"] * tied
    pairs = [Pair(i, *("ab" if i % 2 else "ba"), i) for i in range(len(results))]
    sides = [{pair.left: "left", pair.right: "right", "same": "same"} for pair in pairs]
    return pairs, [vote(i, side[result]) for i, (side, result) in enumerate(zip(sides, results, strict=True))]


@pytest.mark.parametrize(("won", "lost", "tied"), [(30, 10, 0), (10, 30, 0), (25, 25, 0), (20, 10, 10), (0, 0, 5)])
def test_two_sources_have_the_closed_form(won, lost, tied):
    pairs, votes = of_two(won, lost, tied)
    rated = {rating.source: rating for rating in elo_ratings(["a", "b"], pairs, votes)}
    expected = 400 * math.log10((won + tied / 2) / (lost + tied / 2))
    assert rated["a"].rating - rated["b"].rating == pytest.approx(expected, abs=1e-6)
    assert rated["a"].rating + rated["b"].rating == pytest.approx(2 * MEAN)
    assert (rated["a"].won, rated["a"].lost, rated["a"].tied) == (won, lost, tied)
    assert (rated["b"].won, rated["b"].lost, rated["b"].tied) == (lost, won, tied)


def test_four_sources_agree_with_another_optimizer():
    random = np.random.default_rng(0)
    wins = random.integers(0, 20, (4, 4)).astype(float)
    np.fill_diagonal(wins, 0)

    def loss(ratings):
        odds = 10 ** ((ratings[None, :] - ratings[:, None]) / 400)
        return (wins * np.log1p(odds)).sum() + 1e-9 * np.square(ratings - MEAN).sum()

    best = minimize(loss, np.full(4, MEAN), tol=1e-12).x
    np.testing.assert_allclose(fit(wins), best, atol=0.05)
    np.testing.assert_allclose(fit(np.stack([wins, wins.T]))[1] - MEAN, MEAN - fit(wins), atol=1e-6)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random, truth, covered = np.random.default_rng(1), 120.0, 0
    chance = 1 / (1 + 10 ** (-truth / 400))
    for _ in range(40):
        won = int(random.binomial(80, chance))
        rated = {one.source: one for one in elo_ratings(["a", "b"], *of_two(won, 80 - won))}
        covered += rated["a"].low <= MEAN + truth / 2 <= rated["a"].high
    assert 34 <= covered <= 40


def test_votes_on_one_pair_stay_together_in_the_bootstrap():
    pairs, votes = of_two(12, 8)
    many = [vote(one.pair, one.choice, voter) for one, voter in itertools.product(votes, "xyz")]
    alone, thrice = (elo_ratings(["a", "b"], pairs, given)[0] for given in (votes, many))
    assert (thrice.rating, thrice.low, thrice.high) == pytest.approx((alone.rating, alone.low, alone.high))


def test_who_wins_always_has_no_upper_limit():
    pairs, votes = of_two(9, 0)
    best, worst = elo_ratings(["a", "b"], pairs, votes)
    assert best.rating == pytest.approx(MEAN + BOUND) and not best.is_bounded and worst.source == "b"
    text = elo_table([best, worst])
    assert "| a | at least 2000 |" in text and "| b | at most 0 |" in text and "| 9 | 0 | 0 |" in text


def test_a_source_that_nobody_voted_on_is_at_the_mean():
    pairs, votes = of_two(3, 1)
    rated = {one.source: one.rating for one in elo_ratings(["a", "b", "c"], pairs, votes)}
    assert rated["a"] - rated["b"] == pytest.approx(400 * math.log10(3)) and rated["c"] == pytest.approx(MEAN)
