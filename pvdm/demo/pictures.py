"""Pictures of the demo: enlarged videos, grids for wide and narrow screens, planes of latents, and film strips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from einops import rearrange
from PIL import Image
from torch import Tensor
from torch.nn import functional

from pvdm.files.atomic_write import replacing
from pvdm.video import write_video

LUMA = torch.tensor([[1.0, 1.0, 1.0], [0.9, -0.5, 0.1], [-0.2, -0.4, 1.0]])
"""What a first, second and third component add to red, green and blue: brightness and two colors."""
CUT = 0.01
"""Share of the values that are drawn as black, and as many as white."""

SPREAD = 52.0
"""Gray levels of one standard deviation of the first component."""


def enlarged(video: Tensor, times: int, *, smooth: bool) -> Tensor:
    """(3, t, h, w) uint8 -> (3, t, times h, times w) uint8: smoothly as photographs, or sharply as drawings."""
    if not smooth:
        return video.repeat_interleave(times, 2).repeat_interleave(times, 3)
    frames = functional.interpolate(video.transpose(0, 1).float(), scale_factor=times, mode="bicubic")
    return frames.round().clamp(0, 255).byte().transpose(0, 1)


def tiled(videos: Tensor, columns: int, *, gap: int = 0, fill: int = 0) -> Tensor:
    """Videos (n, 3, t, h, w) uint8 in rows of `columns`, n a multiple of it: (3, t, H, W), `gap` pixels between."""
    half = functional.pad(videos, (0, gap, 0, gap), value=fill)
    whole = rearrange(half, "(r k) c t h w -> c t (r h) (k w)", k=columns)
    return whole[..., : whole.shape[-2] - gap, : whole.shape[-1] - gap]


def forth_and_back(video: Tensor) -> Tensor:
    """(3, t, h, w) -> (3, 2 t - 2, h, w), which loops without a jump."""
    return torch.cat([video, video[:, 1:-1].flip(1)], dim=1)


def write_media(path: Path, video: Tensor, *, fps: float) -> None:
    """Writes (3, t, h, w) uint8, whose sides are made even, as H.264 needs."""
    height, width = video.shape[-2:]
    write_video(path, video[..., : height - height % 2, : width - width % 2], fps=fps, overwrite=True)


def plane_picture(plane: Tensor) -> Tensor:
    """A plane (c, rows, columns) as a picture (3, rows, columns) uint8.

    The first principal component of its channels is brightness, the second and third are colors.
    """
    rows = plane.flatten(1).T.double()
    mean = rows.mean(0)
    _, spreads, directions = torch.linalg.svd(rows - mean, full_matrices=False)
    count = min(3, len(directions))
    scale = (spreads[0] / len(rows) ** 0.5).clamp(min=1e-6)
    components = (rows - mean) @ directions[:count].T / scale
    colors = 128 + SPREAD * components @ LUMA[:count].double()
    return colors.T.reshape(3, *plane.shape[1:]).round().clamp(0, 255).byte()


def color_picture(plane: Tensor, colors: Tensor) -> Tensor:
    """A plane (c, rows, columns) in the colors (c, 3) that its channels add: (3, rows, columns) uint8, stretched."""
    picture = torch.einsum("crk,cd->drk", plane.double(), colors.double())
    low, high = picture.quantile(CUT), picture.quantile(1 - CUT)
    return (255 * (picture - low) / (high - low).clamp(min=1e-6)).round().clamp(0, 255).byte()


def filmstrip(video: Tensor, frames: int, *, gap: int = 0, fill: int = 255) -> Tensor:
    """`frames` frames of (3, t, h, w) uint8, spread evenly over it from the first to the last: (3, h, w')."""
    chosen = torch.linspace(0, video.shape[1] - 1, frames).round().long()
    return tiled(video[:, chosen].transpose(0, 1)[:, :, None], frames, gap=gap, fill=fill)[:, 0]


def stacked(pictures: Sequence[Tensor], *, gap: int, fill: int = 255) -> Tensor:
    """Pictures (3, h, w) uint8 of equal width from top to bottom, `gap` pixels between them."""
    padded = [functional.pad(picture, (0, 0, 0, gap), value=fill) for picture in pictures]
    whole = torch.cat(padded, dim=1)
    return whole[:, : whole.shape[1] - gap]


def save_picture(picture: Tensor, path: Path, *, scale: int = 1) -> None:
    """Saves (3, h, w) uint8, enlarged `scale` times without smoothing."""
    image = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
    with replacing(path, overwrite=True) as temporary:
        image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(temporary)
