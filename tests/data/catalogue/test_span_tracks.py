"""Cameras and sound of a span are those of its frames in the file."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from torch.testing import assert_close
from video.sounds import tone, write_wav

from pvdm.data import Index, Video
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.data.tracks.video_sound import sound_of
from pvdm.errors import InputError
from pvdm.video import VideoInfo
from pvdm.video.timeline import packed

WHOLE = VideoInfo(50, 16, 16, 25.0)
SPAN = replace(WHOLE, frames=20, first_frame=30)
TRACKS = FrameTracks(cameras=True)


def test_the_camera(tmp_path):
    (tmp_path / "a.camera.csv").write_text("azimuth\n" + "\n".join(map(str, range(50))))
    of_span, of_file = (
        TRACKS.of(tmp_path / "a.mp4", info, np.arange(4) + start) for info, start in ((SPAN, 5), (WHOLE, 35))
    )
    assert_close(of_span["camera"], of_file["camera"], rtol=0, atol=0)
    assert of_span["has_camera"]


def test_a_camera_must_reach_the_end_of_the_span(tmp_path):
    (tmp_path / "a.camera.csv").write_text("azimuth\n" + "1\n" * 40)
    early, late = (Video(tmp_path / "a.mp4", replace(SPAN, first_frame=first)) for first in (20, 21))
    TRACKS.notes(Index([early], []), tmp_path)
    with pytest.raises(InputError, match="is of 40 frames, and its video has 41"):
        TRACKS.notes(Index([late], []), tmp_path)


def test_the_sound(tmp_path):
    write_wav(tmp_path / "a.wav", tone(2.0, begins=1.0))
    frames, path = np.arange(8), tmp_path / "a.mp4"
    for first in (0, 20, 30):
        heard = sound_of(path, replace(SPAN, first_frame=first), frames, "mel")
        assert_close(heard, sound_of(path, WHOLE, first + frames, "mel"), rtol=0, atol=1e-5)


def test_the_sound_of_a_variable_rate(tmp_path):
    write_wav(tmp_path / "a.wav", tone(2.0, begins=1.0))
    ticks = np.concatenate((np.arange(20) * 20, 400 + np.arange(1, 31) * 40))
    whole = replace(WHOLE, times=packed(ticks, Fraction(1, 1000)))
    span, path = replace(whole, frames=20, first_frame=15), tmp_path / "a.mp4"
    heard = sound_of(path, span, np.arange(8), "mel")
    assert_close(heard, sound_of(path, whole, 15 + np.arange(8), "mel"), rtol=0, atol=1e-5)
