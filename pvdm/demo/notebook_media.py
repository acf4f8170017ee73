"""Videos and pictures that a notebook shows: each is drawn where it is the last value of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from pvdm.demo.pictures import enlarged, save_picture, tiled, write_media
from pvdm.files.web_page import data_uri
from pvdm.video.pixels import as_pixels

SIDE = 160
"""Pixels to which small videos and pictures are enlarged, about."""
GAP = 4


@dataclass(frozen=True)
class Media:
    """A video or a picture as HTML that holds it; notebooks call `_repr_html_`."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def film(videos: Tensor, *, fps: float, columns: int | None = None) -> Media:
    """Videos that play in a loop side by side: (n, 3, t, h, w) or one (3, t, h, w), uint8 or float32 from 0 to 255."""
    clips = as_pixels(videos if videos.ndim == 5 else videos[None], torch.uint8)
    columns = columns or len(clips)
    missing = -len(clips) % columns
    clips = torch.cat([clips, clips.new_zeros(missing, *clips.shape[1:])])
    whole = tiled(torch.stack([_large(clip) for clip in clips]), columns, gap=GAP, fill=255)
    with TemporaryDirectory() as folder:
        path = Path(folder, "film.mp4")
        write_media(path, whole, fps=fps)
        address = data_uri(path.read_bytes(), "video/mp4")
    return Media(f'<video autoplay muted loop playsinline controls src="{address}"></video>')


def pictures(found: dict[str, Tensor], *, side: int = SIDE) -> Media:
    """Pictures (3, h, w) uint8 beside each other, each below its name, their pixels as squares."""
    parts = []
    with TemporaryDirectory() as folder:
        for name, picture in found.items():
            path = Path(folder, "picture.png")
            save_picture(picture, path, scale=max(1, side // max(picture.shape[1:])))
            image = f'<img alt="{name}" src="{data_uri(path.read_bytes(), "image/png")}">'
            parts.append(f'<figure style="display: inline-block; margin: 4px">{name}<br>{image}</figure>')
    return Media("".join(parts))


def _large(clip: Tensor) -> Tensor:
    return enlarged(clip, max(1, round(SIDE / max(clip.shape[-2:]))), smooth=False)
