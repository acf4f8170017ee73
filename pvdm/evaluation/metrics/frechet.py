"""FVD and KVD: the distance between generated and real clips in the features of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.metric_setup import MetricSetup
from pvdm.evaluation.metrics.score import Score, Scores, floor_of

BLOCK = 1024
"""Rows of a kernel matrix in memory at once."""

Features = np.ndarray | Tensor


def measure(real: ClipSource, fake: ClipSource, setup: MetricSetup) -> Scores:
    """`fvd` and `kvd`, Unterthiner et al. 2018 (arXiv 1812.01717), each with its floor."""
    real_rows = setup.real_features(real)
    real_pairs = setup.real_halves(real, real_rows, len(fake))
    fake_rows = setup.features(fake)
    distances = {"fvd": frechet_distance, "kvd": kernel_distance}
    return Scores(
        {
            name: Score(distance(fake_rows, real_rows), "lower", floor=floor_of(distance, real_pairs))
            for name, distance in distances.items()
        }
    )


def frechet_distance(a: Features, b: Features) -> float:
    """Fréchet distance between the normal distributions fitted to two sets of features.

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)): Dowson and Landau 1982, Heusel et al. 2017 eq. 6. For features of
    videos it is FVD (Unterthiner et al. 2018). C are the unbiased covariances. a, b: (n, d) and (m, d); n and m may be
    smaller than d. InputError if a set has fewer than two rows or values that are not finite, or if the widths differ.
    """
    return _between(*_normal(_checked(a, b, name="first")), *_normal(_checked(b, a, name="second")))


def kernel_distance(a: Features, b: Features) -> float:
    """Kernel distance between two sets of features: the unbiased estimate of squared MMD, Binkowski et al. 2018 eq. 4.

    The kernel is (x y / d + 1)^3 (their section 4). For features of videos it is KVD (Unterthiner et al. 2018). Its
    expectation for two samples of one distribution is zero, so it may be negative. Arguments and errors are those of
    `frechet_distance`.
    """
    a, b = _checked(a, b, name="first"), _checked(b, a, name="second")
    within = sum((_kernel_sum(x, x) - _kernel(x, x, paired=True).sum()) / (len(x) * (len(x) - 1)) for x in (a, b))
    return float(within - 2 * _kernel_sum(a, b) / (len(a) * len(b)))


def _between(mean_a: np.ndarray, root_a: np.ndarray, mean_b: np.ndarray, root_b: np.ndarray) -> float:
    """Distance between normal distributions whose covariances are R^T R for roots R (any, d).

    The trace of (C_a C_b)^(1/2) is the sum of the singular values of R_a R_b^T, because the eigenvalues of C_a C_b are
    those of (R_a R_b^T)(R_a R_b^T)^T. Unlike a matrix square root, this does not need covariances of full rank.
    """
    common = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    distance = np.square(mean_a - mean_b).sum() + np.square(root_a).sum() + np.square(root_b).sum() - 2 * common
    return max(float(distance), 0.0)  # negative only by rounding


def _normal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) of features (n, d) and a root (min(n, d), d) of their covariance."""
    mean = rows.mean(0)
    root = np.linalg.qr(rows - mean, mode="r") if len(rows) > rows.shape[1] else rows - mean
    return mean, root / np.sqrt(len(rows) - 1)


def _kernel(x: np.ndarray, y: np.ndarray, *, paired: bool = False) -> np.ndarray:
    """k(x_i, y_j) as (n, m), or k(x_i, y_i) as (n,) if paired."""
    products = np.einsum("id,id->i", x, y) if paired else x @ y.T
    base = products / x.shape[1] + 1
    return base * base * base  # ** 3 is ten times slower


def _kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    """Sum of k over all pairs, computed in blocks of rows."""
    return float(sum(_kernel(x[i : i + BLOCK], y).sum() for i in range(0, len(x), BLOCK)))


def feature_rows(values: Any) -> np.ndarray:
    """An array, or a tensor on any device, as a float64 array."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)


def _checked(values: Features, other: Features, *, name: str) -> np.ndarray:
    """Features (n, d) that have a covariance; InputError says what is wrong with them."""
    rows = feature_rows(values)
    if rows.ndim != 2 or not rows.shape[1]:
        raise InputError(f"the {name} features have the shape {rows.shape}", "give (n, d), one row per clip")
    if len(rows) < 2:
        raise InputError(f"the {name} features come from {len(rows)} clips", "give at least 2 clips on each side")
    if rows.shape[1] != other.shape[-1]:
        raise InputError(
            f"the {name} features have width {rows.shape[1]}, the others {other.shape[-1]}",
            "use one detector for both",
        )
    check_numbers(rows, f"the {name} features")
    return rows


def check_numbers(rows: np.ndarray, what: str) -> None:
    """InputError that names the first clips whose values are NaN or infinite."""
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        clips = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise InputError(
            f"{what} of {len(bad)} of {len(rows)} clips are not finite (NaN or infinity): clips {clips}",
            "check these clips and the detector's weights",
        )
