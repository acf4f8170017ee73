"""Clips of which some frames are given: interpolated as NumPy does it, and read nowhere else."""

import numpy as np
import pytest
import torch

from pvdm.conditions.hints import hint_clip
from pvdm.video import to_float


def clips(count: int = 1, frames: int = 8) -> torch.Tensor:
    return torch.randint(256, (count, 3, frames, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def marks(frames: int, *chosen: list[int]) -> torch.Tensor:
    known = torch.zeros(len(chosen), frames, dtype=torch.bool)
    for row, places in zip(known, chosen, strict=True):
        row[places] = True
    return known


@pytest.mark.parametrize("places", [[0], [7], [0, 7], [2, 5], [1, 3, 4], list(range(8))])
def test_frames_between_given_ones_are_those_of_numpy(places):
    video = clips()
    found = hint_clip(video, marks(8, places))[0].numpy()
    pixels = to_float(video)[0].numpy()
    wanted = np.apply_along_axis(lambda values: np.interp(np.arange(8), places, values[places]), 1, pixels)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_array_equal(found[:, places], pixels[:, places])


def test_each_clip_has_its_own_frames_and_one_without_any_is_gray():
    video = clips(3)
    found = hint_clip(video, marks(8, [0], [], [4, 6]))
    for index, places in ((0, [0]), (2, [4, 6])):
        torch.testing.assert_close(found[index : index + 1], hint_clip(video[index : index + 1], marks(8, places)))
    assert not found[1].any()


def test_frames_that_are_not_given_do_not_matter():
    video, known = clips(), marks(8, [1, 6])
    other = torch.where(known[:, None, :, None, None], video, 255 - video)
    assert torch.equal(hint_clip(video, known), hint_clip(other, known))
