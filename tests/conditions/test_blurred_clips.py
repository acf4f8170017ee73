"""Blurred clips: what small ones become, what training makes of whole ones, and what is kept of a given one."""

import pytest
import torch
from PIL import Image

from pvdm.conditions.blurred_clips import blurred, enlarged, with_blur_of
from pvdm.conditions.hints import hint_clip
from pvdm.video import to_float


def waves(size: int, cycles: float, frames: int = 3) -> torch.Tensor:
    """(3, frames, size, size) uint8, of so many cycles across."""
    across = torch.linspace(0, 2 * torch.pi * cycles, size)
    pixels = (128 + 50 * torch.sin(across[:, None] + across + torch.arange(frames)[:, None, None])).byte()
    return pixels.expand(3, -1, -1, -1)


def test_a_small_clip_is_scaled_as_pillow_does():
    small = torch.randint(64, 192, (3, 2, 5, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = enlarged(small, (10, 16))
    picture = Image.fromarray(small[:, 1].permute(1, 2, 0).numpy()).resize((16, 10), Image.Resampling.BICUBIC)
    wanted = torch.tensor(list(picture.getdata()), dtype=torch.int).view(10, 16, 3).permute(2, 0, 1)
    assert found.shape == (3, 2, 10, 16) and (found[:, 1].int() - wanted).abs().max() <= 1


def test_another_shape_is_cut_to_its_center():
    small = torch.zeros(3, 2, 4, 12, dtype=torch.uint8)
    small[..., 4:8] = 200
    found = enlarged(small, (8, 8))
    assert found.shape == (3, 2, 8, 8) and int(found.min()) > 100


def test_a_clip_without_details_is_blurred_to_itself_and_details_are_lost():
    coarse, fine = waves(32, 0.6), waves(32, 9)
    found = blurred(torch.stack((coarse, fine, fine)), (3.0, 3.0, 1.0))
    change = (found[0].int() - coarse.int()).abs()[..., 4:-4, 4:-4]
    assert change.max() <= 4
    assert found[1].float().std() < 0.1 * fine.float().std()
    assert torch.equal(found[2], fine)


def test_training_sees_what_upscaling_gives():
    """A clip blurred by a whole factor is its small one enlarged, so that the hints are the same."""
    clip = torch.randint(256, (3, 4, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    scaled = torch.nn.functional.interpolate(clip.float(), size=(8, 12), mode="bicubic", antialias=True)
    small = scaled.round().clamp(0, 255).byte()
    found, known = blurred(clip[None], [4.0]), torch.ones(1, 4, dtype=torch.bool)
    assert torch.equal(found[0], enlarged(small, (32, 48)))
    torch.testing.assert_close(hint_clip(found, known), to_float(found))


def test_the_coarse_content_becomes_that_of_the_given_clip():
    truth = waves(32, 0.6).int() + waves(32, 9).int() // 4
    truth = truth.clamp(0, 255).byte()[None]
    given, darker = blurred(truth, [3.0]), (truth.int() - 40).clamp(min=0).byte()
    found = with_blur_of(darker, given, 3.0)
    assert (found.int() - truth.int()).abs().max() <= 2
    with pytest.raises(ValueError, match="zip"):
        with_blur_of(darker, torch.cat((given, given)), 3.0)
