"""Post-hoc averages: formulas against numerical integrals, reconstruction against averages that were tracked."""

import numpy as np
import pytest
import torch

from pvdm.errors import InputError
from pvdm.files.power_averages import (
    Profile,
    average_of_length,
    exponent_of,
    inner_product,
    kept_share,
    length_of,
    mixture,
    write_snapshot,
)

UPDATES = 2000


def curve(profile: Profile, times: np.ndarray) -> np.ndarray:
    """The weight of each time, normalized: (g + 1) t^g / T^(g + 1) up to T."""
    g, end = profile.exponent, profile.update
    return np.where(times <= end, (g + 1) * times**g / end ** (g + 1), 0)


def tracked(values: np.ndarray, exponent: float, at: int) -> float:
    average = 0.0
    for n, value in enumerate(values[:at], start=1):
        keep = kept_share(n, exponent)
        average = keep * average + (1 - keep) * value
    return average


def test_lengths_and_exponents_are_inverse_and_a_length_is_the_deviation_of_its_profile():
    times = (np.arange(200_000) + 0.5) / 200_000
    for length in (0.03, 0.05, 0.1, 0.25):
        exponent = exponent_of(length)
        assert length_of(exponent) == pytest.approx(length, rel=1e-9)
        weights = curve(Profile(1, exponent), times) / len(times)
        mean = (weights * times).sum()
        assert ((weights * (times - mean) ** 2).sum()) ** 0.5 == pytest.approx(length, rel=1e-4)
    assert exponent_of(0.05) == pytest.approx(16.97, abs=0.01)  # the paper's, section 3.1
    assert exponent_of(0.10) == pytest.approx(6.94, abs=0.01)


@pytest.mark.parametrize(("a", "b"), [((1.0, 3.0), (1.0, 7.0)), ((0.4, 5.0), (1.0, 2.0)), ((1.0, 2.0), (0.7, 9.0))])
def test_inner_products_are_integrals(a, b):
    times = (np.arange(200_000) + 0.5) / 200_000
    expected = (curve(Profile(*a), times) * curve(Profile(*b), times)).mean()
    assert inner_product(Profile(*a), Profile(*b)) == pytest.approx(expected, rel=1e-3)


def test_an_average_that_is_known_is_found_as_it_is():
    known = [Profile(update, exponent_of(length)) for update in (500, 1000) for length in (0.05, 0.1)]
    np.testing.assert_allclose(mixture(known, known[3]), [0, 0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("length", [0.03, 0.07, 0.1, 0.15, 0.2])
def test_a_reconstruction_is_near_the_average_that_was_tracked(tmp_path, length):
    generator = np.random.default_rng(0)
    values = np.cumsum(generator.standard_normal((UPDATES, 8)), axis=0) / 20 + 3
    lengths = (0.05, 0.1)
    for at in range(125, UPDATES + 1, 125):
        averages = [
            {"a": torch.from_numpy(np.array([tracked(column, exponent_of(own), at) for column in values.T]))}
            for own in lengths
        ]
        write_snapshot(tmp_path, at, lengths, averages)
    found = average_of_length(tmp_path, length, UPDATES)["a"].numpy()
    wanted = np.array([tracked(column, exponent_of(length), UPDATES) for column in values.T])
    spread = np.abs(wanted - values[-1]).max()  # how far an average is from the last weights
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=0.06 * spread)


def test_later_snapshots_are_ignored_and_none_is_an_error(tmp_path):
    for at, value in ((10, 1.0), (20, 5.0)):
        write_snapshot(tmp_path, at, (0.05, 0.1), [{"a": torch.full((2,), value)}] * 2)
    torch.testing.assert_close(average_of_length(tmp_path, 0.05, 15)["a"], torch.ones(2), rtol=0, atol=1e-3)
    with pytest.raises(InputError, match=r"no snapshots of averages up to update 5; train with --averaging.power"):
        average_of_length(tmp_path, 0.1, 5)
    with pytest.raises(InputError, match=r"the length of an average is 0.3; give a value above 0 and at most 0.28"):
        average_of_length(tmp_path, 0.3, 20)
