"""The demo's figures against clips for which they are known."""

from __future__ import annotations

import pytest
import torch

from pvdm.demo.demo_figures import block_energy, drift, frame_differences, nearest_scenes, seam_ratios


@pytest.fixture
def moving() -> torch.Tensor:
    """A smooth pattern that moves by one pixel a frame: (3, 64, 32, 32) uint8."""
    x = torch.arange(32)[None, None, :] + torch.arange(64)[:, None, None]
    wave = 128 + 90 * torch.sin(x * 2 * torch.pi / 32) + 0 * torch.arange(32)[None, :, None]
    return wave.byte().expand(3, 64, 32, 32)


def test_a_steady_motion_has_no_seams_and_a_jump_is_one(moving):
    found = seam_ratios(moving, 16)
    assert found["seams"] == pytest.approx(1, abs=0.02) and found["first_seam"] == pytest.approx(1, abs=0.02)
    jump = torch.cat([moving[:, :16], moving[:, 24:40], moving[:, 40:64]], dim=1)
    assert seam_ratios(jump, 16)["first_seam"] > 3 and len(found["differences"]) == 63


def test_a_still_or_fading_copy_is_seen(moving):
    assert drift(moving, {"a": moving}, 16) == pytest.approx({"motion": 1, "contrast": 1}, abs=0.02)
    still = moving[:, :1].expand_as(moving)
    assert drift(still, {"a": moving}, 16)["motion"] == 0
    faint = (128 + (moving.float() - 128) / 2).byte()
    assert drift(faint, {"a": moving}, 16) == pytest.approx({"motion": 0.5, "contrast": 0.5}, abs=0.05)


def test_samples_of_a_scene_are_recognized_and_mixtures_are_not(moving):
    other = (255 - moving.float() / 2).byte()
    real = {"a": moving, "b": other}
    noisy = (moving[:, 5:21].float() + 10 * torch.randn(3, 16, 32, 32)).clamp(0, 255).byte()
    mixed = ((moving[:, 5:21].float() + other[:, 5:21].float()) / 2).byte()
    found = nearest_scenes(torch.stack([noisy, other[:, :16], mixed]), real)
    assert found["scenes"][:2] == ["a", "b"] and found["recognized"] == pytest.approx(2 / 3)
    assert found["distances"][1] == 0 and found["distances"][2] > found["apart"] / 2


def test_one_scene_alone_cannot_be_told_from_others(moving):
    found = nearest_scenes(moving[None, :, :16], {"a": moving})
    assert found["apart"] is None and found["recognized"] is None and found["scenes"] == ["a"]


def test_a_grid_of_patches_is_seen(moving):
    assert block_energy([moving], [moving], 8) == pytest.approx(1)
    blocks = moving[..., ::8].repeat_interleave(8, 3)
    assert block_energy([blocks], [moving], 8) > 5


def test_differences_are_gray_levels_a_frame():
    video = torch.zeros(3, 3, 4, 4, dtype=torch.uint8)
    video[:, 1] = 10
    torch.testing.assert_close(frame_differences(video), torch.tensor([10.0, 10.0]))
