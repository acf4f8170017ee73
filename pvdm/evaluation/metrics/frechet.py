"""FVD and KVD: how far generated clips are from real ones in the features of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.floor import floor_of
from pvdm.evaluation.metrics.setup import MetricSetup
from pvdm.evaluation.results import Outcome, Score

BLOCK = 1024
"""Rows of a kernel matrix that are in memory at once."""

Features = np.ndarray | Tensor


def measure(real: ClipSource, fake: ClipSource, setting: MetricSetup) -> Outcome:
    """`fvd` and `kvd`, Unterthiner et al. 2018 (arXiv 1812.01717), each above its floor."""
    wanted = setting.real_features(real)
    among_real = setting.real_halves(real, wanted, len(fake))
    found = setting.features(fake, "generated clips")
    distances = {"fvd": frechet_distance, "kvd": kernel_distance}
    return Outcome(
        {
            name: Score(distance(found, wanted), "lower", floor=floor_of(distance, among_real))
            for name, distance in distances.items()
        }
    )


def frechet_distance(a: Features, b: Features) -> float:
    """Fréchet distance of the normal distributions that have the means and covariances of two sets of features.

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)): Dowson and Landau 1982, Heusel et al. 2017 eq. 6; of the features
    of videos it is FVD (Unterthiner et al. 2018). C are the unbiased covariances. a, b: (n, d) and (m, d); n and m may
    be smaller than d. InputError if one set has fewer than two rows or values that are no numbers, or widths differ.
    """
    return _between(*_normal(_checked(a, b, name="first")), *_normal(_checked(b, a, name="second")))


def frechet_of_moments(mean_a: Features, cov_a: Features, mean_b: Features, cov_b: Features) -> float:
    """`frechet_distance` of two normal distributions of known means (d,) and covariances (d, d)."""
    mean_a, cov_a, mean_b, cov_b = map(feature_rows, (mean_a, cov_a, mean_b, cov_b))
    shapes = [values.shape for values in (mean_a, cov_a, mean_b, cov_b)]
    if mean_a.ndim != 1 or shapes != [(mean_a.size,), (mean_a.size, mean_a.size)] * 2:
        raise InputError(
            f"the moments have the shapes {', '.join(map(str, shapes))}",
            "give (d,), (d, d), (d,), (d, d)",
        )
    if not all(np.isfinite(values).all() for values in (mean_a, cov_a, mean_b, cov_b)):
        raise InputError("the moments hold values that are no numbers (NaN or infinity)", "look at the features")
    return _between(mean_a, _root(cov_a), mean_b, _root(cov_b))


def kernel_distance(a: Features, b: Features) -> float:
    """Kernel distance of two sets of features: the unbiased estimate of the squared MMD, Binkowski et al. 2018 eq. 4.

    The kernel is (x y / d + 1)^3 (there, section 4); of the features of videos it is KVD (Unterthiner et al. 2018). Of
    two samples of one distribution its mean is zero, so that it may be negative. Arguments and errors are those of
    `frechet_distance`.
    """
    a, b = _checked(a, b, name="first"), _checked(b, a, name="second")
    within = sum((_kernel_sum(x, x) - _kernel(x, x, paired=True).sum()) / (len(x) * (len(x) - 1)) for x in (a, b))
    return float(within - 2 * _kernel_sum(a, b) / (len(a) * len(b)))


def _between(mean_a: np.ndarray, root_a: np.ndarray, mean_b: np.ndarray, root_b: np.ndarray) -> float:
    """Distance of normal distributions whose covariances are R^T R for roots R (any, d).

    The trace of (C_a C_b)^(1/2) is the sum of the singular values of R_a R_b^T: the eigenvalues of C_a C_b are those
    of (R_a R_b^T)(R_a R_b^T)^T. Unlike a square root of the product it needs no covariance of full rank.
    """
    common = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    distance = np.square(mean_a - mean_b).sum() + np.square(root_a).sum() + np.square(root_b).sum() - 2 * common
    return max(float(distance), 0.0)  # it is none below zero but by rounding


def _normal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) of features (n, d) and a root (min(n, d), d) of their covariance."""
    mean = rows.mean(0)
    root = np.linalg.qr(rows - mean, mode="r") if len(rows) > rows.shape[1] else rows - mean
    return mean, root / np.sqrt(len(rows) - 1)


def _root(covariance: np.ndarray) -> np.ndarray:
    """R with R^T R = covariance; eigenvalues within rounding of zero count as zero."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    rounding = np.finfo(np.float64).eps * len(values) * np.abs(values).max()
    if values.min() < -1e4 * rounding:
        raise InputError(f"a matrix with the eigenvalue {values.min():.3g} is no covariance", "give one of features")
    return np.sqrt(np.where(values > rounding, values, 0))[:, None] * vectors.T


def _kernel(x: np.ndarray, y: np.ndarray, *, paired: bool = False) -> np.ndarray:
    """k(x_i, y_j) as (n, m), or k(x_i, y_i) as (n,) if paired."""
    products = np.einsum("id,id->i", x, y) if paired else x @ y.T
    base = products / x.shape[1] + 1
    return base * base * base  # a power is ten times slower


def _kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    """Sum of k over all pairs, by blocks of rows."""
    return float(sum(_kernel(x[i : i + BLOCK], y).sum() for i in range(0, len(x), BLOCK)))


def feature_rows(values: Any) -> np.ndarray:
    """An array or tensor of any device as float64."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)


def _checked(values: Features, other: Features, *, name: str) -> np.ndarray:
    """Features (n, d) of which a covariance can be taken; InputError says what is wrong with them."""
    rows = feature_rows(values)
    if rows.ndim != 2 or not rows.shape[1]:
        raise InputError(f"the {name} features have the shape {rows.shape}", "give (n, d), a row for each clip")
    if len(rows) < 2:
        raise InputError(f"the {name} features are of {len(rows)} clips", "a distance of sets takes at least 2 of each")
    if rows.shape[1] != other.shape[-1]:
        raise InputError(
            f"the {name} features are {rows.shape[1]} wide and the others {other.shape[-1]}",
            "use one detector for both",
        )
    check_numbers(rows, f"the {name} features")
    return rows


def check_numbers(rows: np.ndarray, what: str) -> None:
    """InputError names the first clips whose values are NaN or infinite."""
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        clips = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise InputError(
            f"{what} of {len(bad)} of {len(rows)} clips are no numbers (NaN or infinity), those of clips {clips}",
            "look at these clips, and at the detector's weights",
        )
