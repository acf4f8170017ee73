"""Clips consist of the frames that stride, frame rate and start select."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from pvdm.errors import InputError
from pvdm.video import ClipShape, VideoInfo, probe, read_clip, read_frames, resize_and_crop
from pvdm.video.timeline import packed

INFO = VideoInfo(frames=100, height=48, width=64, fps=30.0)
NO_RATE = VideoInfo(frames=100, height=48, width=64, fps=None)


def test_stride():
    shape = ClipShape(4, 32, 32, stride=3)
    assert shape.source_indices(5, INFO).tolist() == [5, 8, 11, 14]
    assert shape.span(INFO) == 10
    assert shape.output_fps(INFO) == 10.0
    assert shape.output_fps(NO_RATE) is None


@pytest.mark.parametrize(
    ("fps", "steps"), [(30.0, [0, 1, 2, 3]), (12.0, [0, 3, 5, 8]), (60.0, [0, 1, 1, 2]), (10.0, [0, 3, 6, 9])]
)
def test_target_frame_rate(fps, steps):
    shape = ClipShape(4, 32, 32, fps=fps)
    assert shape.source_indices(7, INFO).tolist() == [7 + step for step in steps]
    assert shape.span(INFO) == steps[-1] + 1
    assert shape.output_fps(INFO) == fps


def test_nominal_rate_takes_every_frame():
    shape = ClipShape(1000, 32, 32, fps=29.97)
    info = VideoInfo(2000, 48, 64, fps=30000 / 1001)
    np.testing.assert_array_equal(shape.source_indices(0, info), np.arange(1000))


def test_a_cycle_goes_on_with_its_first_frame():
    info, shape = VideoInfo(5, 48, 64, 10.0), ClipShape(7, 32, 32, stride=2, loop=True)
    assert shape.source_indices(3, info).tolist() == [3, 0, 2, 4, 1, 3, 0]
    assert (shape.span(info), shape.last_start(info), shape.fit_end_to_end(info)) == (13, 4, 1)
    assert ClipShape(2, 32, 32, loop=True).fit_end_to_end(info) == 2
    assert ClipShape(6, 32, 32, fps=5.0, loop=True).source_indices(1, info).tolist() == [1, 3, 0, 2, 4, 1]
    with pytest.raises(InputError, match="no frame rate; set a stride"):
        ClipShape(4, 8, 8, fps=10, loop=True).last_start(NO_RATE)


def test_a_cycle_of_variable_rate_wraps_after_its_last_frame_was_shown():
    times = packed(np.array([0, 100, 300, 400]), Fraction(1, 1000))  # the last frame lasts 100 ms, the median
    info = VideoInfo(4, 48, 64, 7.5, times=times)
    shape = ClipShape(11, 32, 32, fps=10.0, loop=True)
    assert shape.source_indices(0, info).tolist() == [0, 1, 2, 2, 3, 0, 1, 2, 2, 3, 0]
    assert shape.source_indices(2, info).tolist()[:4] == [2, 3, 0, 1]


def test_clips_of_a_cycle_are_read_in_their_order(make_video, make_frame_folder, frame_numbers):
    shape = ClipShape(9, 48, 64, stride=3, loop=True)
    for path in (make_video("cycle.mp4", frames=10), make_frame_folder("cycle", frames=10)):
        clip = read_clip(path, shape, 8)
        assert frame_numbers(clip.movedim(0, -1).numpy()) == [8, 1, 4, 7, 0, 3, 6, 9, 2]


def test_records_of_clips_do_not_mention_loops_unless_there_are_any():
    assert "loop" not in ClipShape(4, 8, 8).to_dict()
    assert ClipShape(**ClipShape(4, 8, 8, loop=True).to_dict()).loop


def test_longer():
    assert ClipShape(16, 32, 32, stride=2).longer(2) == ClipShape(32, 32, 32, stride=2)


@pytest.mark.parametrize("name", ["frames", "height", "width", "stride", "fps"])
@pytest.mark.parametrize("value", [0, -1])
def test_values_must_be_positive(name, value):
    values = {"frames": 4, "height": 8, "width": 8, name: value}
    with pytest.raises(InputError, match=f"clip's {name} is {value}; give a positive"):
        ClipShape(**values)


def test_stride_excludes_fps():
    with pytest.raises(InputError, match=r"both stride 2 and fps 10; set one"):
        ClipShape(4, 8, 8, stride=2, fps=10)


def test_fps_of_a_frame_folder_is_unknown():
    with pytest.raises(InputError, match="no frame rate; set a stride"):
        ClipShape(4, 8, 8, fps=10).span(NO_RATE)


def test_read_clip(make_video, frame_numbers):
    path = make_video("a.mp4", g="12")
    clip = read_clip(path, ClipShape(5, 32, 24, stride=2), start=9)
    assert clip.shape == (3, 5, 32, 24) and clip.dtype == torch.uint8
    assert frame_numbers(clip.permute(1, 2, 3, 0).numpy()) == [9, 11, 13, 15, 17]


def test_read_clip_is_reading_and_transforming(shared_data):
    path = shared_data / "wild" / "flipping_a_pancake.mkv"
    shape = ClipShape(4, 64, 64)
    clip = read_clip(path, shape, 20, crop=(0.0, 1.0))
    expected = resize_and_crop(read_frames(path, range(20, 24)), 64, 64, (0.0, 1.0))
    assert (
        clip.float() - expected
    ).square().mean() < 4  # scaled in the file's colors; another place differs by hundreds
    assert (clip.float() - expected.roll(1, -1)).square().mean() > 20
    flipped = read_clip(path, shape, 20, info=probe(path), crop=(0.0, 1.0), flip=True)
    assert_close(flipped, clip.flip(-1))


@pytest.mark.parametrize("start", [-1, 8])
def test_clip_must_lie_in_the_video(make_frame_folder, start):
    folder = make_frame_folder("short", frames=10)
    with pytest.raises(InputError, match=r"short, which has 10 frames; start earlier"):
        read_clip(folder, ClipShape(3, 8, 8), start)
