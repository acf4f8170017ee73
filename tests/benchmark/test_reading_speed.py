"""What is measured of reading is the same clips by both ways."""

import json

import pytest
import torch

from pvdm.benchmark.speed.reading_speed import on_one_core, read_whole
from pvdm.data import Video
from pvdm.video import ClipShape, probe, read_clip

SHAPE = ClipShape(4, 32, 32, stride=2)


def video(path) -> Video:
    return Video(path, probe(path))


def test_both_ways_read_the_same_clip(make_video, make_frame_folder, frame_numbers):
    for one in (video(make_video("a.mp4")), video(make_frame_folder("b"))):
        clips = [read_whole(one, SHAPE, 3), read_clip(one.path, SHAPE, 3)]
        for clip in clips:
            assert clip.shape == (3, 4, 32, 32) and clip.dtype == torch.uint8
            assert frame_numbers(clip.movedim(0, -1).numpy()) == [3, 5, 7, 9]


def test_what_is_told(make_video, make_frame_folder):
    path = make_video("a.mp4", g="1")
    threads = torch.get_num_threads()
    told = on_one_core([video(path), video(path)], SHAPE, rounds=2)
    assert torch.get_num_threads() == threads
    assert json.loads(json.dumps(told)) == told
    assert (told["clips"], told["videos"], told["frames_wanted"], told["frames_in_file"]) == (4, 2, 4, 40)
    assert told["frames_decoded"] == 4  # each is an entry point
    assert told["clips_per_second"] > 0 and told["whole_file_clips_per_second"] > 0 and told["ratio"] > 0
    folder = on_one_core([video(make_frame_folder("b"))], SHAPE, rounds=1)
    assert folder["frames_decoded"] is None and folder["frames_in_file"] == pytest.approx(12)
