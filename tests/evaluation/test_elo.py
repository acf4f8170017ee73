"""Ratings from votes: closed forms, an independent fit, intervals that cover, and what has no limit."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom

from pvdm.evaluation.preferences.elo import BOUND, DEVIATIONS, MEAN, elo_ratings, fit
from pvdm.evaluation.preferences.study_records import Vote
from pvdm.evaluation.preferences.study_results import elo_table


def vote(pair: int, left: str, right: str, choice: str, person: int = 1) -> Vote:
    return Vote(person, pair, "pair", pair, left, right, "quality", choice)


def of_two(won: int, lost: int, tied: int = 0) -> list[Vote]:
    """Votes on pairs of a and b, on either side in turn, in which a won so often."""
    results = ["a"] * won + ["b"] * lost + ["same"] * tied
    sides = ["ab" if index % 2 else "ba" for index in range(len(results))]
    choices = [{two[0]: "left", two[1]: "right", "same": "same"}[r] for two, r in zip(sides, results, strict=True)]
    return [vote(index, *two, choice) for index, (two, choice) in enumerate(zip(sides, choices, strict=True))]


@pytest.mark.parametrize(("won", "lost", "tied"), [(30, 10, 0), (10, 30, 0), (25, 25, 0), (20, 10, 10), (0, 0, 5)])
def test_two_sources_have_the_closed_form(won, lost, tied):
    rated = {rating.source: rating for rating in elo_ratings(["a", "b"], of_two(won, lost, tied))}
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
        rated = {one.source: one for one in elo_ratings(["a", "b"], of_two(won, 80 - won))}
        covered += rated["a"].low <= MEAN + truth / 2 <= rated["a"].high
    assert 34 <= covered <= 40


def test_the_interval_of_two_sources_is_that_of_the_binomial():
    """Resampling n votes with a share p draws their number from the binomial distribution."""
    best, _ = elo_ratings(["a", "b"], of_two(70, 30))
    for found, quantile in ((best.low, 0.025), (best.high, 0.975)):
        share = binom.ppf(quantile, 100, 0.7) / 100
        neighbors = [MEAN + 200 * math.log10(p / (1 - p)) for p in (share - 0.011, share + 0.011)]
        assert neighbors[0] < found < neighbors[1]
    assert (best.share, best.share_low, best.share_high) == pytest.approx((0.7, 0.604, 0.781), abs=0.012)


def test_votes_on_one_pair_stay_together_in_the_bootstrap():
    votes = of_two(12, 8)
    many = [replace(one, person=person) for one, person in itertools.product(votes, (1, 2, 3))]
    alone, thrice = (elo_ratings(["a", "b"], given)[0] for given in (votes, many))
    assert (thrice.rating, thrice.low, thrice.high) == pytest.approx((alone.rating, alone.low, alone.high))


def test_people_who_disagree_widen_the_interval():
    """Of ten people eight always prefer a, two always b, so there are ten opinions and not 200."""
    votes = [
        vote(pair, "a", "b", "left" if person < 8 else "right", person) for pair in range(20) for person in range(10)
    ]
    alike = [
        vote(pair, "a", "b", "left" if (pair + person) % 5 else "right", person)
        for pair in range(20)
        for person in range(10)
    ]
    split, mixed = (elo_ratings(["a", "b"], given)[0] for given in (votes, alike))
    assert split.rating == pytest.approx(mixed.rating)
    assert split.share_high - split.share_low > 3 * (mixed.share_high - mixed.share_low)


def test_shares_do_not_depend_on_which_pairs_a_study_has():
    """a always wins against b and half of the time against c, which resampling must not mix otherwise."""
    votes = [vote(i, "a", "b", "left") for i in range(50)] + [vote(50 + i, "a", "c", "same") for i in range(50)]
    (best,) = [one for one in elo_ratings(["a", "b", "c"], votes) if one.source == "a"]
    assert best.share == pytest.approx(0.75) and best.share_high - best.share_low < 0.2


def test_who_wins_always_has_no_upper_limit():
    best, worst = elo_ratings(["a", "b"], of_two(9, 0))
    assert best.rating == pytest.approx(MEAN + BOUND) and not best.is_bounded and worst.source == "b"
    assert best.share == pytest.approx(1) and best.share_low == pytest.approx(9 / (9 + DEVIATIONS**2))  # Wilson's
    text = elo_table([best, worst])
    assert "| a | at least 2000 |" in text and "| b | at most 0 |" in text and "| 9 | 0 | 0 |" in text


def test_a_source_that_nobody_voted_on_is_at_the_mean():
    rated = {one.source: one.rating for one in elo_ratings(["a", "b", "c"], of_two(3, 1))}
    assert rated["a"] - rated["b"] == pytest.approx(400 * math.log10(3)) and rated["c"] == pytest.approx(MEAN)
