"""Samples chosen for a validation are spread evenly: counted by hand, and by what any choice must satisfy."""

import numpy as np
import pytest

from pvdm.data.validation_samples import spread_evenly


def chosen(counts, total, labels=None) -> tuple[np.ndarray, np.ndarray]:
    """(samples, how many of each video)"""
    counts = np.array(counts)
    found = spread_evenly(counts, total, None if labels is None else np.array(labels))
    videos = np.repeat(np.arange(len(counts)), counts)
    return found, np.bincount(videos[found], minlength=len(counts))


def test_no_more_than_there_are_is_all():
    for total in (10, 11, 1000):
        found, _ = chosen([3, 1, 6], total)
        np.testing.assert_array_equal(found, np.arange(10))


def test_videos_have_equal_shares_as_far_as_they_have_samples():
    assert chosen([100, 100, 100, 100], 40)[1].tolist() == [10] * 4
    assert chosen([2, 100, 100], 22)[1].tolist() == [2, 10, 10]
    assert sorted(chosen([100] * 4, 42)[1].tolist()) == [10, 10, 11, 11]


def test_fewer_than_videos_are_of_videos_evenly_apart():
    _, shares = chosen([5] * 100, 10)
    places = np.flatnonzero(shares)
    assert len(places) == 10 and set(np.diff(places)) == {10} and set(shares) == {0, 1}


def test_classes_have_equal_shares_whatever_their_size():
    labels = [0] * 90 + [1] * 9 + [2]
    _, shares = chosen([4] * 100, 60, labels)
    by_class = np.bincount(np.array(labels), weights=shares)
    assert by_class.tolist() == [28, 28, 4] and shares[:90].max() == 1
    assert set(shares[90:99]) == {3, 4}


def test_the_samples_of_a_video_are_spread_over_its_time():
    found, _ = chosen([1000], 10)
    assert (found // 100).tolist() == list(range(10))


def test_single_samples_of_many_videos_are_of_all_times():
    """Not all from the beginning or the middle."""
    counts = np.full(300, 50)
    found, shares = chosen(counts, 300)
    assert set(shares) == {1}
    times = (found - (np.cumsum(counts) - counts)) / 50
    assert np.histogram(times, bins=10, range=(0, 1))[0].min() >= 20


@pytest.mark.parametrize("seed", range(20))
def test_any_choice(seed):
    generator = np.random.default_rng(seed)
    counts = generator.integers(1, 30, 60)
    labels = generator.integers(0, 7, 60) if seed % 2 else None
    total = int(generator.integers(1, 700))
    found, shares = chosen(counts, total, labels)
    assert len(found) == len(set(found.tolist())) == min(total, counts.sum()) and (np.diff(found) > 0).all()
    assert found.min() >= 0 and found.max() < counts.sum()
    np.testing.assert_array_equal(found, spread_evenly(counts, total, labels))
    for label in (None,) if labels is None else set(labels):
        group = slice(None) if label is None else labels == label
        free = shares[group] < counts[group]  # those that could have had more have as many as any other, less one
        if free.any():
            assert shares[group][free].min() >= shares[group].max() - 1
