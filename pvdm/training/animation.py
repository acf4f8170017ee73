"""Videos that play in TensorBoard: GIFs in its image summaries (its own `add_video` wants an old moviepy)."""

from __future__ import annotations

import io
from collections.abc import Sequence

import torch
from einops import rearrange
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor
from torch.nn import functional

GAP = 2
"""White pixels below and to the right of each video of a grid."""
PALETTE_PIXELS = 250_000
"""About as many pixels of a video, evenly spread, choose its 256 colours."""


def grid(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Rows of videos (3, t, h, w) uint8, all of one size, as one video (3, t, rows * (h + 2), columns * (w + 2))."""
    padded = [torch.stack([functional.pad(video, (0, GAP, 0, GAP), value=255) for video in row]) for row in rows]
    return rearrange(torch.stack(padded), "r k c t h w -> c t (r h) (k w)")


def gif(video: Tensor, fps: float) -> bytes:
    """video: (3, t, h, w) uint8. A GIF that plays on end, at 50 frames per second at most: faster, browsers crawl."""
    step = max(1, int((video[0].numel() / PALETTE_PIXELS) ** 0.5))
    palette = _picture(rearrange(video[:, :, ::step, ::step], "c t h w -> c (t h) w")).quantize()
    # One palette for all: colours do not flicker, and it takes a tenth of the time of Pillow's own choice for each.
    frames = [_picture(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in video.unbind(1)]
    milliseconds = max(20, round(100 / fps) * 10)
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, optimize=False)
    return file.getvalue()


def video_summary(tag: str, video: Tensor, fps: float) -> Summary:
    """TensorBoard's record of video (3, t, h, w) uint8; its browser plays it under this tag, among the images."""
    height, width = video.shape[2:]
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=gif(video, fps))
    return Summary(value=[Summary.Value(tag=tag, image=image)])


def _picture(image: Tensor) -> Image.Image:
    """image: (3, h, w) uint8."""
    return Image.fromarray(rearrange(image, "c h w -> h w c").contiguous().cpu().numpy())
