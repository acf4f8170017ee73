"""Nearest training clips against the full distance matrix, and the picture of the pairs."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import mannwhitneyu

from pvdm.errors import InputError
from pvdm.evaluation.features import distances
from pvdm.evaluation.features.distances import mean_pairwise_distance, nearest
from pvdm.evaluation.metrics.nearest import diversity, nearer_than_held_out
from pvdm.evaluation.pairs_picture import FRAME_HEIGHT, GAP, LINE, MARGIN, PAPER, SEAM, Pair, pairs_picture


def features(count: int, seed: int, dimensions: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions))


def all_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.linalg.norm(first[:, None] - second[None], axis=-1)


@pytest.fixture(params=[1, 7, 1 << 22])
def block(request, monkeypatch):
    """Distances in memory at once: less than a row, some rows, all."""
    monkeypatch.setattr(distances, "BLOCK", request.param)


def test_the_nearest_is_that_of_all_distances(block):
    samples, training = features(11, 0), features(13, 1)
    index, distance = nearest(samples, training)
    expected = all_distances(samples, training)
    np.testing.assert_array_equal(index, expected.argmin(1))
    np.testing.assert_allclose(distance, expected.min(1), rtol=1e-12)


def test_a_copy_is_at_no_distance_however_far_from_the_origin():
    """Scalar products would lose distances that are small beside 1e6."""
    training = 1e6 + features(4, 0)
    index, distance = nearest(training[[2, 1]] + [[0.0], [1e-4]], training)
    assert index.tolist() == [2, 1]
    assert distance.tolist() == [0, pytest.approx(1e-4 * np.sqrt(5), rel=1e-3)]


def test_the_first_of_equal_ones_is_taken():
    assert nearest(np.zeros((1, 2)), np.array([[1.0, 0], [0, 1], [0, -1]]))[0].tolist() == [0]


def test_mean_pairwise_distance_is_that_of_all_pairs(block):
    samples = 100 + features(10, 0)
    expected = all_distances(samples, samples)[np.triu_indices(10, 1)].mean()
    assert mean_pairwise_distance(samples) == pytest.approx(expected, rel=1e-10)


def test_diversity_is_one_for_the_same_half_for_half_as_far_and_zero_for_one():
    real = 10 + features(20, 0)
    assert diversity(real, real) == 1
    assert diversity(real.mean(0) + (real - real.mean(0)) / 2, real) == pytest.approx(0.5)
    assert diversity(real[:1].repeat(5, 0), real) == pytest.approx(0, abs=1e-6)
    assert np.isnan(diversity(real, np.zeros((3, 5))))


def test_nearer_than_held_out_is_the_statistic_of_mann_and_whitney():
    training = features(30, 0)
    samples, held = np.concatenate([features(9, 1), training[:3]]), np.concatenate([features(12, 2), training[:2]])
    own, others = nearest(samples, training)[1], nearest(held, training)[1]
    expected = 1 - mannwhitneyu(own, others).statistic / (len(own) * len(others))  # ties count half here, too
    assert nearer_than_held_out(samples, held, training) == pytest.approx(expected)


def test_nearer_than_held_out_is_a_half_for_new_clips_and_one_for_copies():
    training, held = features(200, 0), features(200, 1)
    assert nearer_than_held_out(features(200, 2), held, training) == pytest.approx(0.5, abs=0.08)
    assert nearer_than_held_out(held, held, training) == 0.5
    assert nearer_than_held_out(training, held, training) == 1
    assert nearer_than_held_out(held + 100, held, training) == 0


@pytest.mark.parametrize(
    ("samples", "training", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), r"features are \(2, 3\) and \(2, 4\); give \(n, d\) and \(m, d\)"),
        (np.zeros(3), np.zeros((2, 3)), r"features are \(3,\)"),
        (np.zeros((0, 3)), np.zeros((2, 3)), "there are 0 clips and 2 training clips; give some of both"),
        (np.full((1, 3), np.nan), np.zeros((2, 3)), "some features are not finite"),
    ],
)
def test_clips_that_cannot_be_compared_are_refused(samples, training, message):
    with pytest.raises(InputError, match=message):
        nearest(samples, training)


def test_diversity_needs_two_clips():
    with pytest.raises(InputError, match="diversity needs more than one clip; give at least two"):
        mean_pairwise_distance(np.zeros((1, 3)))


def pair(colors=((200, 0, 0), (0, 0, 200)), frames: int = 16, size=(48, 64), **names) -> Pair:
    above, below = (torch.tensor(color).byte().view(3, 1, 1, 1).expand(3, frames, *size) for color in colors)
    return Pair(above, below, **{"sample_name": "0007", "training_name": "v_Archery_g01_c02", "distance": 4.2, **names})


def test_the_picture_has_the_sample_above_its_training_clip():
    picture = pairs_picture([pair()])
    middle, top = picture.width // 4, MARGIN + LINE
    assert picture.getpixel((middle, top + FRAME_HEIGHT // 2)) == (200, 0, 0)
    assert picture.getpixel((middle, top + FRAME_HEIGHT + 2 * SEAM + FRAME_HEIGHT // 2)) == (0, 0, 200)
    assert picture.getpixel((0, 0)) == picture.getpixel((picture.width - 1, picture.height - 1)) == PAPER


def test_a_strip_begins_with_the_first_and_ends_with_the_last_of_eight_frames():
    video = torch.arange(0, 160, 10).byte().view(1, 16, 1, 1).expand(3, 16, 96, 96)
    picture = pairs_picture([Pair(video, video, "a", "b", 0.0)])
    levels = [picture.getpixel((MARGIN + 48 + i * (96 + SEAM), MARGIN + LINE + 48))[0] for i in range(8)]
    assert (levels[0], levels[-1]) == (0, 150)
    assert levels == sorted(set(levels))


def ink(picture: Image.Image, rows: slice) -> np.ndarray:
    """The columns of a caption that are not blank."""
    return np.flatnonzero((np.asarray(picture)[rows] != PAPER).any((0, 2)))


def test_captions_say_who_and_how_near_and_stay_in_the_picture():
    above, below = slice(MARGIN, MARGIN + LINE), slice(-MARGIN - LINE, None)
    short, long = pairs_picture([pair()]), pairs_picture([pair(training_name="v_" + "ApplyEyeMakeup" * 20)])
    assert short.size == long.size
    for picture in (short, long):
        assert ink(picture, above).size
        assert MARGIN <= ink(picture, below).min() <= ink(picture, below).max() <= picture.width - MARGIN
    assert ink(short, below).size < ink(long, below).size
    assert not np.array_equal(np.asarray(short), np.asarray(pairs_picture([pair(distance=9.9)])))
    assert (np.asarray(short)[-MARGIN:] == PAPER).all()


@pytest.mark.parametrize(("columns", "expected"), [(1, (1, 3)), (2, (2, 2)), (5, (3, 1))])
def test_pairs_stand_in_so_many_columns(columns, expected):
    one, many = pairs_picture([pair()]), pairs_picture([pair()] * 3, columns=columns)
    block = (one.width - 2 * MARGIN, one.height - 2 * MARGIN)
    gaps = [(count - 1) * GAP for count in expected]
    found = [many.size[i] - 2 * MARGIN - gaps[i] for i in range(2)]
    assert found == [expected[i] * block[i] for i in range(2)]


def test_clips_of_other_sizes_and_lengths_are_drawn():
    narrow, wide = torch.zeros(3, 1, 64, 16, dtype=torch.uint8), torch.zeros(3, 20, 16, 64, dtype=torch.uint8)
    picture = pairs_picture([Pair(narrow, narrow, "a", "b", 1.0), Pair(wide, narrow, "c", "d", 2.0)])
    assert picture.width > 8 * 4 * FRAME_HEIGHT


def test_no_pairs_are_no_picture():
    with pytest.raises(InputError, match="there are no pairs to draw; give at least one"):
        pairs_picture([])
