"""Resizing covers the target size without distortion; cropping uses the given position."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from pvdm.errors import InputError
from pvdm.video import resize_and_crop


def gradient(height: int, width: int, frames: int = 2) -> np.ndarray:
    """(t, h, w, 3) uint8: column number in red, row number in green."""
    video = np.zeros((frames, height, width, 3), np.uint8)
    video[..., 0] = np.arange(width)
    video[..., 1] = np.arange(height)[:, None]
    return video


@pytest.mark.parametrize("size", [(32, 32), (31, 64), (64, 20), (100, 100)])
@pytest.mark.parametrize("source", [(48, 64), (64, 48), (33, 33)])
def test_shape(source, size):
    clip = resize_and_crop(gradient(*source, frames=18), *size)
    assert clip.shape == (3, 18, *size)
    assert clip.dtype == torch.uint8 and clip.is_contiguous()


def test_same_size_is_the_identity():
    video = gradient(20, 30)
    assert_close(resize_and_crop(video, 20, 30), torch.from_numpy(video).permute(3, 0, 1, 2).contiguous())


@pytest.mark.parametrize(("crop", "left"), [((0.5, 0.0), 0), ((0.5, 0.5), 10), ((0.5, 1.0), 20)])
def test_crop_position(crop, left):
    clip = resize_and_crop(gradient(20, 40), 20, 20, crop)
    assert_close(clip[0, 0, 0], torch.arange(left, left + 20, dtype=torch.uint8))


def test_vertical_crop_position():
    clip = resize_and_crop(gradient(40, 20), 20, 20, (1.0, 0.0))
    assert_close(clip[1, 0, :, 0], torch.arange(20, 40, dtype=torch.uint8))


def test_shrinking_is_antialiased():
    stripes = np.zeros((1, 64, 64, 3), np.uint8)
    stripes[:, :, ::2] = 200
    clip = resize_and_crop(stripes, 16, 16).float()
    assert_close(clip[..., 2:-2], torch.full_like(clip[..., 2:-2], 100), atol=2, rtol=0)


def test_batches_do_not_show():
    rng = np.random.default_rng(0)
    video = rng.integers(0, 256, (20, 24, 24, 3), dtype=np.uint8)
    single = [resize_and_crop(video[i : i + 1], 16, 16) for i in range(20)]
    assert_close(resize_and_crop(video, 16, 16), torch.cat(single, dim=1))


def test_crop_outside_is_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        resize_and_crop(gradient(20, 20), 10, 10, (0.0, 1.5))
