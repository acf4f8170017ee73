"""The sound of files: any part of it, and in videos that were written without."""

import numpy as np
import pytest
import torch
from video.sounds import tone, write_wav

from pvdm.errors import InputError
from pvdm.video import probe, read_frames, write_video
from pvdm.video.sound.muxing import add_sound
from pvdm.video.sound.soundtrack import read_sound


@pytest.fixture
def wav(tmp_path):
    return write_wav(tmp_path / "tone.wav", tone(3, begins=1))


def silent_video(path, frames=50):
    generator = torch.Generator().manual_seed(0)
    write_video(path, torch.randint(256, (3, frames, 16, 16), dtype=torch.uint8, generator=generator), fps=25)
    return path


def test_any_part_of_a_sound_is_read_and_the_rest_is_silent(wav):
    whole = read_sound(wav)
    np.testing.assert_allclose(whole.samples, tone(3, begins=1), atol=1e-4)
    assert whole.end == 3
    part = read_sound(wav, 2.5, 1.0)
    np.testing.assert_allclose(part.samples, np.concatenate([whole.samples[40_000:], np.zeros(8_000)]), atol=1e-6)
    early = read_sound(wav, -0.5, 2.0)
    np.testing.assert_allclose(early.samples, np.concatenate([np.zeros(8_000), whole.samples[:24_000]]), atol=1e-6)
    assert not read_sound(wav, 9.0, 0.1).samples.any() and len(read_sound(wav, 9.0, 0.1).samples) == 1600


def test_a_long_sound_is_read_from_nearby(tmp_path):
    file = write_wav(tmp_path / "long.wav", tone(60, begins=45))
    found = read_sound(file, 44.9, 0.2).samples
    assert not found[:1500].any()
    np.testing.assert_allclose(found, tone(60, begins=45)[round(44.9 * 16_000) :][:3200], atol=1e-4)


def test_sound_of_another_rate_is_resampled(tmp_path):
    found = read_sound(write_wav(tmp_path / "a.wav", tone(1, rate=44_100), rate=44_100)).samples
    assert abs(len(found) - 16_000) < 50
    np.testing.assert_allclose(found[1000:15_000], tone(1)[1000:15_000], atol=0.01)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_video_gets_a_sound_in_time_and_keeps_its_pictures(tmp_path, wav, suffix):
    video = silent_video(tmp_path / f"v{suffix}")
    assert read_sound(video) is None
    before = read_frames(video, range(50))
    add_sound(video, wav)
    np.testing.assert_array_equal(read_frames(video, range(50)), before)
    assert (probe(video).frames, probe(video).fps) == (50, 25.0)
    found = read_sound(video)
    assert 2 <= found.end < 2.1  # no longer than the video
    np.testing.assert_allclose(found.samples[:32_000], tone(2, begins=1), atol=0.1)
    assert np.abs(found.samples[:32_000] - tone(2, begins=1)).mean() < 0.005


def test_a_picture_format_has_no_sound_and_other_files_are_refused_by_name(tmp_path, wav):
    gif = silent_video(tmp_path / "v.gif", 3)
    content = gif.read_bytes()
    add_sound(gif, wav)
    assert gif.read_bytes() == content
    video = silent_video(tmp_path / "v.mp4", 3)
    (tmp_path / "no.wav").write_text("no sound")
    for broken in (tmp_path / "no.wav", tmp_path / "gone.wav", silent_video(tmp_path / "w.mp4", 3)):
        content = video.read_bytes()
        with pytest.raises(InputError, match=f"the sound of .*{broken.name} cannot be put into .*v.mp4"):
            add_sound(video, broken)
        assert video.read_bytes() == content
    with pytest.raises(InputError, match=r"the sound of .*no.wav cannot be read"):
        read_sound(tmp_path / "no.wav")
