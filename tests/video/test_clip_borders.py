"""Jumps between clips fade; what does not jump is left as it is."""

from __future__ import annotations

import pytest
import torch

from pvdm.evaluation.video_figures import seams
from pvdm.video.clip_borders import faded


def moving(start: float, speed: float, frames: int = 8) -> torch.Tensor:
    """Pixels that grow evenly: (1, 3, t, 4, 4) uint8."""
    values = start + speed * torch.arange(frames)
    return values[:, None, None].expand(1, 3, -1, 4, 4).round().byte()


def test_a_jump_becomes_a_usual_difference_that_fades():
    before, clip = moving(100, 2), moving(160, 2)  # 116 would go on evenly
    found = faded(before, clip, 4)
    assert found[0, 0, :, 0, 0].tolist() == [116, 129, 142, 155, 168, 170, 172, 174]
    assert seams(torch.cat((before, clip), 2), 8) > 10
    assert seams(torch.cat((before, found), 2), 8) <= 1


def test_an_even_continuation_is_left_as_it_is():
    clip = moving(116, 2)
    assert torch.equal(faded(moving(100, 2), clip, 4), clip)


@pytest.mark.parametrize("frames", [1, 3])
def test_short_ends_fade_as_far_as_they_go(frames):
    found = faded(moving(100, 0), moving(140, 0, frames), 4)
    assert found[0, 0, :, 0, 0].tolist() == [100, 110, 120][:frames]


def test_without_a_fade_or_frames_before_nothing_changes():
    clip = moving(200, 1)
    assert torch.equal(faded(moving(0, 1), clip, 0), clip)
    assert torch.equal(faded(moving(0, 1, 0), clip, 4), clip)
    assert torch.equal(faded(moving(0, 1, 1), clip[:, :, :1], 4), clip[:, :, :1])  # nothing says what is usual


def test_each_video_has_its_own_jump():
    before, clip = moving(100, 2).repeat(2, 1, 1, 1, 1), torch.cat((moving(160, 2), moving(116, 2)))
    assert torch.equal(faded(before, clip, 4)[1:], moving(116, 2))
