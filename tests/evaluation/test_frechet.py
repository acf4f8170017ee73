"""Distances against scipy's matrix square root, closed forms and loops; the inception score against its definition."""

import re

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import torch

from pvdm.errors import InputError
from pvdm.evaluation.metrics.frechet import frechet_distance, kernel_distance
from pvdm.evaluation.metrics.inception import inception_score


def features(n: int, d: int, seed: int = 0, *, shift: float = 0.0) -> np.ndarray:
    """(n, d) with correlated columns of very different scales."""
    numbers = np.random.default_rng(seed)
    return numbers.normal(size=(n, d)) @ (numbers.normal(size=(d, d)) * np.logspace(0, -3, d)) + shift


def by_sqrtm(a: np.ndarray, b: np.ndarray) -> float:
    """Heusel et al. 2017 eq. 6, literally."""
    cov_a, cov_b = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (a, b))
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * root))


def exact(n: int, mean: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """n > d features with this mean and covariance up to rounding."""
    rows = np.random.default_rng(7).normal(size=(n, len(mean)))
    white = np.linalg.qr(rows - rows.mean(0))[0] * np.sqrt(n - 1)
    return white @ np.linalg.cholesky(cov).T + mean


@pytest.mark.parametrize(("n", "m", "d"), [(60, 50, 8), (50, 300, 40), (30, 9, 12), (5, 7, 1)])
def test_frechet_is_the_formula_with_scipys_root(n, m, d):
    a, b = features(n, d), features(m, d, 1, shift=0.3)
    assert frechet_distance(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(9, 12), (20, 5)])
def test_frechet_with_fewer_samples_than_dimensions_does_not_see_the_empty_ones(n, m):
    """4-dimensional features rotated into 50 dimensions keep their distance, where scipy's square root is exact."""
    a, b = features(n, 4), features(m, 4, 1, shift=0.3)
    turn = scipy.linalg.orth(np.random.default_rng(2).normal(size=(50, 4)))
    assert frechet_distance(a @ turn.T, b @ turn.T) == pytest.approx(by_sqrtm(a, b), rel=1e-6)


@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 5), (4, 6, 20), (10, 40, 20)])
def test_frechet_with_fewer_samples_than_dimensions_is_that_of_their_products(n, m, d):
    """C_a C_b has the eigenvalues of A B^T B A^T, less zeros, of which the root exists: n - 1 contrasts vary freely."""
    a, b = features(n, d), features(m, d, 1)
    contrasts_a, contrasts_b = (scipy.linalg.helmert(len(x)) @ x / np.sqrt(len(x) - 1) for x in (a, b))
    products = contrasts_a @ contrasts_b.T
    root = scipy.linalg.sqrtm(products @ products.T).real
    variances = np.square(contrasts_a).sum() + np.square(contrasts_b).sum()
    expected = np.square(a.mean(0) - b.mean(0)).sum() + variances - 2 * np.trace(root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_of_features_that_vary_in_different_dimensions_is_the_sum():
    a, b = np.zeros((5, 30)), np.ones((8, 30))
    a[:, :10], b[:, 10:] = features(5, 10), features(8, 20, 1)
    variances = a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum()
    assert frechet_distance(a, b) == pytest.approx(np.square(a.mean(0) - b.mean(0)).sum() + variances, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 50])
def test_frechet_in_one_dimension_is_its_closed_form(n):
    a, b = np.random.default_rng(0).normal(size=(2, n, 1)) * [[[1.0]], [[3.0]]]
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_known_normal_distributions_is_the_analytic_value():
    """Covariances that commute: |m|^2 and the squared differences of the roots of their eigenvalues."""
    turn = scipy.linalg.orth(features(6, 6))
    values_a, values_b = np.arange(1.0, 7.0), np.array([4.0, 9.0, 1.0, 0.5, 2.0, 6.0])
    mean_a, mean_b = np.zeros(6), np.full(6, 2.0)
    cov_a, cov_b = ((turn * values) @ turn.T for values in (values_a, values_b))
    expected = 24 + np.square(np.sqrt(values_a) - np.sqrt(values_b)).sum()
    assert frechet_distance(exact(40, mean_a, cov_a), exact(30, mean_b, cov_b)) == pytest.approx(expected, rel=1e-9)


def test_frechet_with_no_variance_is_the_distance_of_means():
    a, b = np.full((4, 3), 1.0), np.full((2, 3), 3.0)
    assert frechet_distance(a, b) == pytest.approx(12)
    b = features(9, 3)
    assert frechet_distance(a, b) == pytest.approx(np.square(a[0] - b.mean(0)).sum() + b.var(0, ddof=1).sum())
    assert frechet_distance(np.zeros((2, 3)), np.zeros((2, 3))) == 0


@pytest.mark.parametrize(("n", "d"), [(50, 8), (50, 60), (2, 400), (2, 1)])
def test_frechet_of_equal_sets_is_zero_and_never_less(n, d):
    for seed in range(5):
        a = features(n, d, seed) * 100
        scale = a.var(0, ddof=1).sum()
        for b in (a.copy(), a[::-1], np.concatenate((a, a))[np.argsort(np.arange(2 * n) % n)][::2]):
            assert 0 <= frechet_distance(a, b) <= 1e-12 * scale


def test_frechet_is_symmetric_and_takes_tensors_and_small_types():
    a, b = features(20, 30).astype(np.float32), features(9, 30, 1).astype(np.float32)
    value = frechet_distance(a, b)
    assert frechet_distance(b, a) == pytest.approx(value, rel=1e-12)
    assert frechet_distance(torch.from_numpy(a).requires_grad_(), b) == value
    rounded = torch.from_numpy(a).bfloat16()
    assert frechet_distance(rounded, b) == pytest.approx(by_sqrtm(rounded.double().numpy(), b.astype(float)), rel=1e-3)


def by_pairs(a: np.ndarray, b: np.ndarray) -> float:
    """Binkowski et al. 2018 eq. 4 by loops."""

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / len(x) + 1) ** 3

    within = [
        sum(kernel(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j) / (len(x) * (len(x) - 1))
        for x in (a, b)
    ]
    return sum(within) - 2 * sum(kernel(x, y) for x in a for y in b) / (len(a) * len(b))


@pytest.mark.parametrize(("n", "m", "d"), [(7, 5, 4), (2, 3, 10), (6, 6, 1)])
def test_kernel_distance_is_its_sum_over_pairs(n, m, d, monkeypatch):
    a, b = features(n, d), features(m, d, 1)
    for block in (1024, 3):
        monkeypatch.setattr("pvdm.evaluation.metrics.frechet.BLOCK", block)
        assert kernel_distance(a, b) == pytest.approx(by_pairs(a, b), rel=1e-9)
    assert kernel_distance(b, torch.from_numpy(a)) == pytest.approx(by_pairs(a, b), rel=1e-9)


def test_kernel_distance_is_unbiased():
    """The mean over many samples of one distribution is zero within its standard error."""
    rows = np.random.default_rng(0).normal(size=(400, 2, 6, 3))
    values = np.array([kernel_distance(a, b) for a, b in rows])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))


def probabilities(n: int, classes: int, seed: int = 0) -> np.ndarray:
    return scipy.special.softmax(3 * np.random.default_rng(seed).normal(size=(n, classes)), axis=1)


@pytest.mark.parametrize(("n", "splits"), [(20, 1), (20, 4), (23, 5), (7, 7), (11, 3)])
def test_inception_score_is_its_definition(n, splits):
    rows = probabilities(n, 6)
    scores = []
    for k in range(splits):
        part = rows[k * n // splits : (k + 1) * n // splits]
        divergences = [scipy.special.rel_entr(row, part.mean(0)).sum() for row in part]
        scores.append(np.exp(np.mean(divergences)))
    assert inception_score(torch.from_numpy(rows), splits=splits) == pytest.approx((np.mean(scores), np.std(scores)))


def test_inception_score_of_certain_and_of_equal_rows():
    """The number of classes that occur, even with zero probabilities; 1 if nothing depends on the clip."""
    assert inception_score(np.eye(8), splits=1) == pytest.approx((8, 0))
    assert inception_score(np.eye(8), splits=2) == pytest.approx((4, 0))
    assert inception_score(np.eye(8)[[0, 0, 1, 1]], splits=1) == pytest.approx((2, 0))
    assert inception_score(np.full((5, 4), 0.25), splits=1) == pytest.approx((1, 0))


def damaged(value: float, *rows: int) -> np.ndarray:
    found = features(9, 4)
    found[list(rows), 2] = value
    return found


GOOD = features(5, 4)
BAD = {
    "the first features of 2 of 9 clips are not finite (NaN or infinity): clips 3, 7; check these clips "
    "and the detector's weights": (damaged(np.nan, 3, 7), GOOD),
    "the second features of 1 of 9 clips are not finite (NaN or infinity): clips 0;": (
        GOOD,
        damaged(np.inf, 0),
    ),
    "of 7 of 9 clips are not finite (NaN or infinity): clips 0, 1, 2, 3, 4, ...;": (
        damaged(-np.inf, *range(7)),
        GOOD,
    ),
    "the first features come from 1 clips; give at least 2 clips on each side": (GOOD[:1], GOOD),
    "the second features come from 0 clips;": (GOOD, GOOD[:0]),
    "the first features have width 4, the others 3; use one detector for both": (GOOD, GOOD[:, :3]),
    "the first features have the shape (4,); give (n, d), one row per clip": (GOOD[0], GOOD),
    "the first features have the shape (5, 0);": (GOOD[:, :0], GOOD),
}


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize("message", BAD)
def test_features_that_have_no_distance(distance, message):
    with pytest.raises(InputError, match=re.escape(message)):
        distance(*BAD[message])


def test_probabilities_that_have_no_score():
    rows = probabilities(6, 4)
    for splits in (0, 7):
        with pytest.raises(InputError, match=f"6 clips cannot be divided into {splits} splits; give 1 to 6"):
            inception_score(rows, splits=splits)
    with pytest.raises(InputError, match=r"range from 1 to 2 and sum to 8; give the output of a softmax"):
        inception_score(np.array([[1.0, 2, 1, 1], [2, 2, 2, 2]]), splits=1)
    with pytest.raises(InputError, match=r"the probabilities have the shape \(0, 4\)"):
        inception_score(rows[:0], splits=1)
    rows[4, 1] = np.nan
    with pytest.raises(InputError, match="the probabilities of 1 of 6 clips are not finite"):
        inception_score(rows, splits=1)
