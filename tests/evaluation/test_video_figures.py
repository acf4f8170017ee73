"""Plain figures of videos against closed forms."""

import pytest
import torch

from pvdm.evaluation.video_figures import frame_difference, grid, seams, second_difference


def ramp(*steps: int) -> torch.Tensor:
    """(1, 3, t, 4, 4) uint8 whose grey level rises by these steps."""
    levels = torch.tensor([0, *steps]).cumsum(0)
    return levels[None, None, :, None, None].expand(1, 3, -1, 4, 4).to(torch.uint8)


def test_differences_of_a_steady_fade():
    assert frame_difference(ramp(5, 5, 5)).tolist() == [5] and second_difference(ramp(5, 5, 5)).tolist() == [0]
    assert frame_difference(ramp(1, 5, 3)).tolist() == [3] and second_difference(ramp(1, 5, 3)).tolist() == [3]
    falling = ramp(200).flip(2)
    assert frame_difference(falling).tolist() == [200]  # no overflow


def test_a_jump_at_clip_borders_is_a_seam():
    assert seams(ramp(2, 2, 2, 2, 2), clip=2) == 1
    assert seams(ramp(2, 8, 2, 8, 2), clip=2) == 4


def test_patches_of_flat_color_are_a_grid():
    noise = torch.randint(0, 256, (1, 3, 2, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert grid(noise, 8) == pytest.approx(1, abs=0.1)
    blocks = noise[..., ::8, ::8].repeat_interleave(8, -1).repeat_interleave(8, -2)
    assert grid((blocks // 2 + noise // 8), 8) > 10
