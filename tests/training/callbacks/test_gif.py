"""GIFs for TensorBoard, read back by Pillow."""

import io

import torch
from PIL import Image
from runs import frames_of

from pvdm.training.callbacks.video_log import gif, grid, video_summary


def moving_square(frames: int = 5) -> torch.Tensor:
    """(3, t, 8, 12): a red square on black that moves two pixels to the right in each frame."""
    video = torch.zeros(3, frames, 8, 12, dtype=torch.uint8)
    for frame in range(frames):
        video[0, frame, 2:5, 2 * frame : 2 * frame + 3] = 255
    return video


def test_a_gif_has_the_video_s_frames():
    video = moving_square()
    assert torch.equal(frames_of(gif(video, 10)), video)


def test_a_gif_plays_on_end_at_the_video_s_rate():
    for fps, milliseconds in ((10, 100), (25, 40), (30, 30), (240, 20)):
        picture = Image.open(io.BytesIO(gif(moving_square(), fps)))
        assert picture.info["duration"] == milliseconds
        assert picture.info["loop"] == 0


def test_colours_are_near():
    row, column = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    video = torch.stack([torch.stack([row * 8, column * 8, (row + column) * 4 + t]) for t in range(3)], 1).byte()
    difference = frames_of(gif(video, 25)).float() - video.float()
    assert difference.abs().mean() < 8


def test_a_grid_keeps_every_video_in_its_place():
    videos = torch.randint(200, (6, 3, 4, 8, 12), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = grid([videos[:3], videos[3:]])
    assert found.shape == (3, 4, 20, 42)
    for index, video in enumerate(videos):
        top, left = index // 3 * 10, index % 3 * 14
        assert torch.equal(found[:, :, top : top + 8, left : left + 12], video)
    assert (found[:, :, 8:10] == 255).all() and (found[:, :, :, 12:14] == 255).all()


def test_the_summary_says_the_size():
    (value,) = video_summary("videos/real", moving_square(), 25).value
    assert value.tag == "videos/real"
    assert (value.image.height, value.image.width) == (8, 12)
    assert torch.equal(frames_of(value.image.encoded_image_string), moving_square())
