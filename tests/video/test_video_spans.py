"""A span of a file is read as a video of its own."""

from dataclasses import replace

import numpy as np
import pytest
from torch.testing import assert_close

from pvdm.errors import InputError
from pvdm.video import ClipShape, probe, read_clip, read_frames
from pvdm.video.reader import read_covering

SHAPE = ClipShape(4, 16, 24)
MILLISECONDS = [0, 40, 80, 120, 160, 260, 360, 460, 560, 660, 700, 740, 780, 820, 860, 900, 1000, 1100, 1200, 1300]
"""Of 20 frames, of which those from the 5th to the 10th and the last are shown longer."""


def span(info, first, last):
    return replace(info, frames=last - first + 1, first_frame=first)


@pytest.fixture(params=["file", "file of variable rate", "folder"])
def video(request, make_video, make_frame_folder):
    """Path of a video of 20 frames, and what is known of it."""
    if request.param == "folder":
        path = make_frame_folder("f", 20)
    else:
        times = {"milliseconds": MILLISECONDS} if "variable" in request.param else {}
        path = make_video("v.mp4", 20, g="12", **times)
    return path, probe(path)


def test_frames_count_from_the_first_of_the_span(video, frame_numbers):
    path, info = video
    part = span(info, 7, 15)
    assert frame_numbers(read_frames(path, [0, 8, 3, 3], info=part)) == [7, 15, 10, 10]
    covering = read_covering(path, np.array([0, 8]), (48, 64), info=part)
    assert_close(covering, read_covering(path, np.array([7, 15]), (48, 64), info=info), rtol=0, atol=0)


@pytest.mark.parametrize("outside", [-1, 9, 12])
def test_no_frame_outside_the_span_is_read(video, outside):
    path, info = video
    with pytest.raises(InputError, match=f"has no frame {outside}, only 9 frames"):
        read_frames(path, [0, outside], info=span(info, 7, 15))
    with pytest.raises(InputError, match=f"has no frame {outside}, only 9 frames"):
        read_covering(path, np.array([0, outside]), (16, 24), info=span(info, 7, 15))


@pytest.mark.parametrize("pace", [{}, {"stride": 2}, {"fps": 12.0}, {"loop": True}])
def test_clips_lie_within_the_span(video, pace, frame_numbers):
    (path, info), shape = video, replace(SHAPE, **pace)
    if shape.fps and info.fps is None:
        with pytest.raises(InputError, match="has no frame rate"):
            shape.last_start(span(info, 4, 15))
        return
    part = span(info, 4, 15)
    last = shape.last_start(part)
    assert last >= 0
    for start in range(last + 1):
        clip = read_clip(path, shape, start, info=part)
        numbers = frame_numbers(clip.permute(1, 2, 3, 0).numpy())
        assert min(numbers) >= 4 and max(numbers) <= 15 and numbers[0] == 4 + start
        if not shape.loop:
            assert numbers == (4 + shape.source_indices(start, part)).tolist()
    with pytest.raises(InputError, match="does not fit"):
        read_clip(path, shape, last + 1, info=part)


@pytest.mark.parametrize("first", [0, 4, 11])
def test_the_times_of_a_span_are_those_of_its_frames_in_the_file(make_video, first):
    info = probe(make_video("v.mp4", 20, milliseconds=MILLISECONDS))
    part = span(info, first, first + 8)
    wanted = np.array(MILLISECONDS[first : first + 9]) / 1000
    assert_close(part.timeline.seconds, wanted - wanted[0])
    assert part.start_seconds == pytest.approx(wanted[0])
    assert span(info, 0, 19).timeline is info.timeline


def test_the_start_of_a_span_of_constant_rate(make_video):
    info = probe(make_video("v.mp4", 20, fps=10))
    assert (info.start_seconds, span(info, 5, 9).start_seconds) == (0, 0.5)
