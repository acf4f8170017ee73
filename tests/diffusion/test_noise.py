"""Noise belongs to a video's key, whatever else is in the batch."""

import pytest
import torch

from pvdm.diffusion import VideoNoise

KEYS = [(0, 0, 0), (0, 1, 0), (0, 1, 1), (7, 0, 0), (2**40, 3)]


def draws(keys, times=2):
    noise = VideoNoise(keys)
    return torch.stack([noise.normal((2, 9)) for _ in range(times)], dim=1)


def test_noise_does_not_depend_on_the_batch_or_its_order():
    together = draws(KEYS)
    for position, key in enumerate(KEYS):
        assert torch.equal(draws([key])[0], together[position])
    assert torch.equal(draws(KEYS[::-1]), together.flip(0))


def test_noise_is_standard_normal_and_independent():
    values = VideoNoise([(3, video) for video in range(4)]).normal((4, 50_000))
    assert values.shape == (4, 4, 50_000) and values.dtype == torch.float32
    videos = values.flatten(1)
    assert videos.mean(1).abs().max() < 0.01 and (videos.var(1) - 1).abs().max() < 0.02
    assert (torch.corrcoef(videos) - torch.eye(4)).abs().max() < 0.01


def test_the_next_draw_is_another():
    first, second = draws(KEYS).unbind(1)
    assert not torch.isclose(first, second).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [((5,), (5, 0)), ((5, 2), (5, 2, 0)), ((5, 1), (1, 5)), ((5,), (5 + 2**32,)), ((1, 2**33), (2**33, 1))],
)
def test_similar_keys_are_different_streams(one, other):
    assert not torch.equal(draws([one]), draws([other]))


def test_wrong_keys_are_named():
    with pytest.raises(ValueError, match="one for every video"):
        VideoNoise([])
    with pytest.raises(ValueError, match=r"the key \(3, -1\) must be"):
        VideoNoise([(3, -1)])
    with pytest.raises(ValueError, match=r"the key \(\) must be"):
        VideoNoise([()])


@pytest.mark.cuda
def test_noise_is_the_same_on_a_gpu():
    assert torch.equal(VideoNoise(KEYS).normal((2, 9), device="cuda").cpu(), VideoNoise(KEYS).normal((2, 9)))
