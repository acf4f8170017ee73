"""Several videos as one: in rows, from left to right, each within a white line."""

import pytest
import torch

from pvdm.video import grid_video, near_square


def grey(count: int) -> torch.Tensor:
    """Videos (count, 3, 2, 4, 6) uint8, each of the grey level of its number."""
    return torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1, 1).expand(count, 3, 2, 4, 6)


def test_videos_stand_in_rows():
    grid = grid_video(grey(4), columns=2)
    assert grid.shape == (3, 2, 2 * 6, 2 * 8)
    assert [grid[0, 0, row, column].item() for row in (3, 9) for column in (4, 12)] == [0, 1, 2, 3]
    assert (grid[:, :, 0] == 255).all() and (grid[:, :, :, 7:9] == 255).all()


def test_the_last_row_ends_in_white():
    grid = grid_video(grey(5), columns=3)
    assert grid.shape == (3, 2, 2 * 6, 3 * 8)
    assert grid[0, 0, 9, 12] == 4 and (grid[:, :, 6:, 16:] == 255).all()


@pytest.mark.parametrize(("count", "arrangement"), [(1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (5, (2, 3)), (16, (4, 4))])
def test_near_a_square(count, arrangement):
    assert near_square(count) == arrangement
