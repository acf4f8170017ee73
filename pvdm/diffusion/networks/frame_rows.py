"""Vectors of frames in a denoiser: a frame is a row of both motion planes, and the content plane has their mean."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from pvdm.autoencoder import Triplane
from pvdm.diffusion.networks.blocks import zero
from pvdm.errors import ArgumentError


def check_rows(config: object) -> None:
    """ArgumentError for impossible sizes of the vectors of a denoiser's frames."""
    for name in ("camera_width", "sound_width"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ArgumentError(f"{name} is {value}", "it must be at least 1", option=name)


class FrameRows(nn.Module):
    """A linear map of the vectors of frames; starts at zero, and has no bias, so that zeros have no effect.

    Args:
        vector_width: Numbers of a frame's vector.
        frame_patch: Frames that a row of the motion planes holds; their vectors are joined.
        width: Channels of the positions.
    """

    def __init__(self, vector_width: int, frame_patch: int, width: int) -> None:
        super().__init__()
        self.frame_patch = frame_patch
        self.project = zero(nn.Linear(vector_width * frame_patch, width, bias=False))

    def forward(self, rows: Tensor) -> Tensor:
        """rows: (b, t, vector width) -> (b, t / frame_patch, width)."""
        return self.project(rearrange(rows, "b (t f) d -> b t (f d)", f=self.frame_patch))


def planes_of_rows(rows: Tensor) -> Triplane:
    """Rows (b, t, c) as planes (b, c, 1, 1), (b, c, t, 1) and (b, c, t, 1), to be added to those of positions."""
    columns = rearrange(rows, "b t c -> b c t 1")
    return Triplane(rearrange(rows.mean(1), "b c -> b c 1 1"), columns, columns)
