"""Keyframes: which frames get which pictures, in one clip or along a video, and how they are kept exactly."""

import logging

import pytest
import torch
from PIL import Image

from pvdm.conditions.keyframes import Keyframes
from pvdm.errors import InputError

SIZE = (4, 6)


def picture(value: int) -> torch.Tensor:
    return torch.full((3, *SIZE), value, dtype=torch.uint8)


def given(frames: int = 16, **pictures) -> Keyframes:
    return Keyframes.of(frames, SIZE, **pictures)


def test_ends_and_numbers_become_frames():
    found = given(first_frame=picture(1), last_frame=picture(2), keyframes={5: picture(3)})
    assert {number: int(value[0, 0, 0]) for number, value in found.pictures.items()} == {0: 1, 15: 2, 5: 3}
    assert given() is None and given(keyframes={}) is None


def test_a_long_video_gives_each_clip_its_own():
    found = given(40, keyframes={0: picture(1), 15: picture(2), 33: picture(3)})
    video, known = found.clip(0, 16)
    assert known.nonzero().flatten().tolist() == [0, 15] and int(video[0, 15].max()) == 2
    assert found.clip(16, 16) is None
    video, known = found.clip(32, 16)
    assert known.nonzero().flatten().tolist() == [1] and int(video[:, 1].min()) == 3 and not video[:, 2:].any()
    assert sorted(given(40, last_frame=picture(1)).after(16).pictures) == [23]


def test_kept_frames_are_exact_and_their_neighbors_adjusted():
    clips = torch.full((2, 3, 8, *SIZE), 100, dtype=torch.uint8)
    found = given(8, keyframes={3: picture(160)}).kept(clips, 0)
    assert found[:, 0, :, 0, 0].tolist() == [[100, 120, 140, 160, 140, 120, 100, 100]] * 2
    assert torch.equal(given(24, keyframes={20: picture(0)}).kept(clips, 0), clips)
    both = given(8, keyframes={3: picture(160), 4: picture(40)}).kept(clips, 0)
    assert both[0, 0, 3:5, 0, 0].tolist() == [160, 40]
    assert int(given(8, first_frame=picture(255)).kept(clips, 0)[0, 0, 0, 0, 0]) == 255


def test_a_picture_of_another_shape_is_cut_and_that_is_said(tmp_path, caplog):
    pixels = torch.arange(3 * 20 * 60, dtype=torch.int32).remainder(256).byte().view(20, 60, 3).numpy()
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    with caplog.at_level(logging.WARNING):
        found = given(first_frame=tmp_path / "wide.png")
    assert found.pictures[0].shape == (3, *SIZE)
    assert "has another shape: 50 % is cut, left and right" in caplog.text
    caplog.clear()
    Image.fromarray(pixels[:, :30]).save(tmp_path / "same.png")
    given(first_frame=str(tmp_path / "same.png"))
    assert not caplog.text


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ({"keyframes": {16: picture(1)}}, "there is no frame 16 among 16; give numbers from 0 to 15"),
        ({"keyframes": {-1: picture(1)}}, "there is no frame -1 among 16"),
        ({"first_frame": picture(1), "keyframes": {0: picture(1)}}, "two pictures are given for frame 0; give one"),
        ({"first_frame": torch.zeros(3, 5, 5, dtype=torch.uint8)}, "a picture has 5x5 pixels; this model makes 6x4"),
        ({"first_frame": torch.ones(3, 4, 6)}, "the picture is torch.float32"),
        ({"first_frame": "nowhere.png"}, "nowhere.png does not exist; give a picture file"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(pictures, message):
    with pytest.raises(InputError, match=message):
        given(**pictures)


def test_frames_that_a_video_has_already_are_refused():
    with pytest.raises(InputError, match="frame 3 is one of the video's own; give numbers from 8, where new frames"):
        given(keyframes={3: picture(1), 9: picture(1)}).after(8)
