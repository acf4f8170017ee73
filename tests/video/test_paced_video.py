"""Whole videos at a frame rate: frames by time, all of them, in pieces."""

import pytest
import torch

import pvdm
from pvdm.errors import InputError
from pvdm.video.paced_video import PacedVideo

SHOWN = [0, 20, 40, 60, 80, 100, 300, 500, 700, 900, 1100, 1300]


def numbers(video: PacedVideo) -> list[int]:
    return video.indices.tolist()


@pytest.mark.parametrize(
    ("fps", "wanted"), [(None, range(12)), (5, [0, 6, 7, 8, 9, 10, 11]), (2, [0, 7, 10]), (10, [0, 5, 6, 6, 7, 7])]
)
def test_a_variable_rate_is_read_by_time(make_video, frame_numbers, fps, wanted):
    path = make_video("a.mp4", 12, milliseconds=SHOWN)
    video = PacedVideo(path, fps=fps)
    assert numbers(video)[: len(wanted)] == list(wanted)
    assert video.has_every_frame == (fps is None) == (not video.is_paced)
    read = pvdm.read_video(path, fps=fps)
    assert frame_numbers(read.permute(1, 2, 3, 0).numpy()) == numbers(video)
    assert torch.equal(torch.cat(list(video.runs(5)), dim=1), read)
    assert torch.equal(video.last(3), read[:, -3:])


@pytest.mark.parametrize(("rate", "fps"), [(25, 25), (25, 12.5), (30, 12), (10, 25), (25, 23)])
def test_a_constant_rate_is_read_to_its_end(make_video, rate, fps):
    video = PacedVideo(make_video("a.mp4", 40, fps=rate), (16, 16), fps)
    apart = [abs(index / rate - place / fps) for place, index in enumerate(numbers(video))]
    assert max(apart) <= 0.5 / rate + 1e-9
    assert abs(video.frames / fps - 40 / rate) <= max(1 / fps, 1 / rate)
    assert video.has_every_frame == (rate == fps)


def test_a_folder_is_read_frame_by_frame(make_frame_folder):
    video = PacedVideo(make_frame_folder("a", frames=7), (16, 16), 3.0)
    assert (video.frames, video.is_paced, video.has_every_frame) == (7, False, True)


def test_a_pace_that_repeats_almost_every_frame_is_refused(make_video):
    path = make_video("a.mp4", 3, milliseconds=[0, 40, 4_000_000])
    with pytest.raises(InputError, match=r"has 3 frames in \d+ s, .* or use 0.0005 frames per second"):
        PacedVideo(path, fps=25)
