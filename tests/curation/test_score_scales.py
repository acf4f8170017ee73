"""Thresholds that a report offers: round numbers across the range of a score, and levels that agree with them."""

from __future__ import annotations

import numpy as np
import pytest

from pvdm.curation.report.score_scales import ABSENT, MOST_STEPS, scale_of


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("draw", ["uniform", "lognormal", "exponential", "normal"])
def test_levels_say_which_thresholds_a_value_reaches(draw, kind):
    values = getattr(np.random.default_rng(0), draw)(size=2000).astype(kind)
    values[::7] = np.nan
    scale = scale_of(values)
    assert (np.diff(scale.edges) > 0).all() and 5 < len(scale.edges) < ABSENT
    assert [float(label) for label in scale.labels] == scale.edges.tolist()
    levels = scale.levels(values)
    assert (levels[np.isnan(values)] == ABSENT).all()
    for place, edge in enumerate(scale.edges):
        known = ~np.isnan(values)
        assert ((levels[known] > place) == (values[known] >= kind(edge))).all()


def test_a_threshold_is_compared_as_the_column_stores_it():
    values = np.repeat(np.arange(11, dtype=np.float32) / 10, 10)  # 0.7 is a little less than 0.7 in 32 bits
    scale = scale_of(values)
    reached = values[scale.levels(values) > list(scale.edges).index(0.7)]
    assert reached.min() == np.float32(0.7)


def test_skewed_scores_have_thresholds_in_every_decade_and_others_in_equal_steps():
    random = np.random.default_rng(0)
    skewed, even = scale_of(random.lognormal(0, 2, 5000)), scale_of(random.uniform(size=5000))
    assert skewed.is_logarithmic and {0.3, 3, 30} < set(skewed.edges)
    assert not even.is_logarithmic and len(even.edges) <= MOST_STEPS + 2
    np.testing.assert_allclose(np.diff(even.edges), even.edges[1] - even.edges[0])


def test_few_values_are_thresholds_themselves():
    heights = np.array([360.0, 720, 1080] * 9)
    assert scale_of(heights, whole=True).edges.tolist() == [720, 1080]
    assert scale_of(np.array([0.1, 0.7, 0.3], np.float32)).edges.tolist() == [0.3, 0.7]


def test_whole_numbers_have_whole_thresholds():
    assert set(scale_of(np.arange(10_000.0), whole=True).edges % 1) == {0}
    assert scale_of(np.arange(25.0), whole=True).edges.tolist() == list(range(1, 25))


@pytest.mark.parametrize("values", [[3, 3, 3], [np.nan], [np.inf], [], np.linspace(1, 1 + 1e-9, 50)])
def test_scores_that_do_not_differ_have_no_scale(values):
    assert scale_of(np.array(values, dtype=float)) is None
