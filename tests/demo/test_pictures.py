"""Pictures of the demo: sizes, order, and planes as colors."""

from __future__ import annotations

import torch
from PIL import Image

from pvdm.demo.pictures import (
    color_picture,
    enlarged,
    filmstrip,
    forth_and_back,
    plane_picture,
    save_picture,
    stacked,
    tiled,
)


def test_a_film_strip_shows_the_first_and_the_last_frame():
    video = torch.arange(10, dtype=torch.uint8).expand(3, 4, 4, 10).permute(0, 3, 1, 2)
    strip = filmstrip(video, 4)
    assert strip.shape == (3, 4, 16)
    assert strip[0, 0, ::4].tolist() == [0, 3, 6, 9]
    assert stacked([strip, strip], gap=2).shape == (3, 10, 16)


def test_videos_are_tiled_row_by_row_with_gaps_between():
    videos = torch.arange(1, 5, dtype=torch.uint8)[:, None, None, None, None].expand(4, 3, 2, 3, 3)
    whole = tiled(videos, 2, gap=1, fill=9)
    assert whole.shape == (3, 2, 7, 7)
    assert whole[0, 0, ::4, ::4].tolist() == [[1, 2], [3, 4]] and (whole[:, :, 3] == 9).all()


def test_enlarging_sharply_copies_and_smoothly_keeps_flat_areas():
    video = torch.randint(0, 256, (3, 2, 4, 5), dtype=torch.uint8)
    torch.testing.assert_close(enlarged(video, 3, smooth=False)[:, :, ::3, ::3], video)
    flat = torch.full((3, 2, 4, 5), 77, dtype=torch.uint8)
    smooth = enlarged(flat, 3, smooth=True)
    assert smooth.shape == (3, 2, 12, 15) and (smooth == 77).all()


def test_forth_and_back_repeats_neither_end():
    video = torch.arange(4)[None, :, None, None]
    assert forth_and_back(video)[0, :, 0, 0].tolist() == [0, 1, 2, 3, 2, 1]


def test_a_plane_of_one_channel_is_gray_and_keeps_its_order():
    plane = torch.linspace(-1, 1, 12).reshape(1, 3, 4)
    picture = plane_picture(plane)
    assert picture.shape == (3, 3, 4) and picture.dtype == torch.uint8
    assert (picture[0] == picture[1]).all() and (picture[0] == picture[2]).all()
    steps = picture[0].flatten().float().diff()
    assert (steps > 0).all() or (steps < 0).all()  # the sign of a component is free


def test_a_plane_is_drawn_in_the_colors_of_its_channels():
    plane = torch.stack([torch.linspace(0, 1, 12).reshape(3, 4), torch.zeros(3, 4)])
    picture = color_picture(plane, torch.tensor([[1.0, 0.0, 0.0], [0.0, 9.0, 0.0]]))
    assert picture.shape == (3, 3, 4) and picture[0, 0, 0] == 0 and picture[0, 2, 3] == 255
    assert (picture[1:] == 0).all()


def test_pictures_are_enlarged_in_files(tmp_path):
    save_picture(torch.zeros(3, 4, 5, dtype=torch.uint8), tmp_path / "a.png", scale=3)
    assert Image.open(tmp_path / "a.png").size == (15, 12)
