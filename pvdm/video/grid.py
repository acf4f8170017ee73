"""Several videos as one, side by side in rows."""

import math

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

WHITE = 255


def grid_video(videos: Tensor, columns: int) -> Tensor:
    """Videos (n, 3, t, h, w) uint8 in rows, each within a white line: (3, t, rows * (h + 2), columns * (w + 2)).

    The last row may end in white.
    """
    missing = -len(videos) % columns
    whole = torch.cat([videos, videos.new_full((missing, *videos.shape[1:]), WHITE)])
    bordered = functional.pad(whole, (1, 1, 1, 1), value=WHITE)
    return rearrange(bordered, "(r k) c t h w -> c t (r h) (k w)", k=columns)


def near_square(count: int) -> tuple[int, int]:
    """(rows, columns) that hold so many, no fewer columns than rows."""
    columns = math.ceil(math.sqrt(count))
    return math.ceil(count / columns), columns
