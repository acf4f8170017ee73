"""Clips for I3D are scaled and cropped as by torchvision, frame by frame."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize

from pvdm.evaluation.features.i3d import scaled_size, square

SIZE = 32


def clips(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (2, 3, 4, height, width), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("size", [(32, 32), (20, 20), (96, 96), (48, 64), (64, 48), (24, 32), (33, 71), (130, 36)])
def test_it_is_a_scaled_and_cropped_centre(size):
    video = clips(*size)
    height, width = size
    target = [-(-SIZE * side // min(size)) for side in (height, width)]  # rounded up, in integers
    top, left = (target[0] - SIZE) // 2, (target[1] - SIZE) // 2
    for clip, found in zip(video, square(video, SIZE), strict=True):
        for frame in range(clip.shape[1]):
            scaled = resize(clip[:, frame] / 255, target, InterpolationMode.BILINEAR, antialias=False)
            wanted = (scaled[:, top : top + SIZE, left : left + SIZE] - 0.5) * 2
            torch.testing.assert_close(found[:, frame], wanted, rtol=0, atol=1e-6)


def test_an_even_margin_is_torchvisions_centre():
    video = clips(16, 24)
    scaled = resize(video.transpose(1, 2).flatten(0, 1) / 255, [32, 48], antialias=False)
    wanted = center_crop(scaled, [SIZE, SIZE]).unflatten(0, (2, 4)).transpose(1, 2) * 2 - 1
    torch.testing.assert_close(square(video, SIZE), wanted, rtol=0, atol=1e-6)


def test_square_clips_are_as_tats_has_them():
    video = clips(48, 48)
    frames = functional.interpolate(video[0].transpose(0, 1).float(), size=(SIZE, SIZE), mode="bilinear")
    torch.testing.assert_close(square(video, SIZE)[0], (2 * frames / 255 - 1).transpose(0, 1), rtol=0, atol=1e-6)


def test_a_clip_of_the_size_keeps_its_pixels_and_fills_the_range():
    video = clips(SIZE, SIZE)
    video[0, :, 0], video[0, :, 1] = 0, 255
    found = square(video, SIZE)
    assert found.dtype == torch.float32
    assert found.shape == (2, 3, 4, SIZE, SIZE)
    assert (found[0, :, 0] == -1).all()
    assert (found[0, :, 1] == 1).all()
    assert torch.equal((found * 127.5 + 127.5).round().byte(), video)


@pytest.mark.parametrize(
    ("size", "scaled"),
    [((256, 256), (224, 224)), ((240, 320), (224, 299)), ((320, 240), (299, 224)), ((360, 640), (224, 399))],
)
def test_the_longer_side_is_rounded_up(size, scaled):
    assert scaled_size(*size, 224) == scaled


def test_a_square_is_rounded_as_published():
    assert scaled_size(400, 400, 224) == (225, 224)
    assert square(clips(50, 50), 224).shape[-2:] == (224, 224)
