"""Sound in sampling: what a model hears, in Python and by the commands, and the tracks of what they write."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from generation.small_models import AUTOENCODER, noise_video, randomized, small_generator, small_unet
from video.sounds import tone, write_wav

from pvdm.cli import main
from pvdm.conditions.sound import MEL, file_vectors, sound_width
from pvdm.diffusion import DiffusionConfig, SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.video import read_frames, write_video
from pvdm.video.sound.soundtrack import read_sound

FAST = SamplerConfig("ddim", 2)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    unet = replace(small_unet(AUTOENCODER), sound_width=sound_width(MEL))
    return randomized(VideoGenerator(AUTOENCODER, unet, DiffusionConfig(timesteps=200), fps=10.0, sound=MEL))


@pytest.fixture(scope="module")
def model(generator, tmp_path_factory):
    generator.save_pretrained(folder := tmp_path_factory.mktemp("model") / "hearing")
    return folder


@pytest.fixture
def wav(tmp_path):
    return write_wav(tmp_path / "tone.wav", tone(3, begins=1))


def test_a_video_depends_on_its_sound_and_guidance_by_it(generator, wav, tmp_path):
    plain, found = generator.sample(2, sampler=FAST), generator.sample(2, sound=wav, sampler=FAST)
    other = write_wav(tmp_path / "other.wav", tone(3, pitch=2000))
    assert not torch.equal(found, plain) and not torch.equal(generator.sample(2, sound=other, sampler=FAST), found)
    guided = generator.sample(2, sound=wav, sampler=replace(FAST, sound_guidance=2.0))
    assert not torch.equal(guided, found)


def test_a_continued_video_hears_the_time_of_its_own_frames(generator, wav):
    seen = []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2].sound))
    generator.extend(noise_video(9), frames=24, sound=wav, sampler=FAST)
    hook.remove()
    whole = torch.from_numpy(file_vectors(wav, 24, 10.0, MEL))
    assert torch.equal(seen[0][0], whole[9:17]) and torch.equal(seen[2][0, :7], whole[17:])
    middle = whole.reshape(24, 5, 40)[:, 2].amax(1)
    assert middle[:9].max() < -0.9 < 0 < middle[10:].min()


def test_a_sound_that_does_not_fit_is_refused(generator, wav, tmp_path):
    short = write_wav(tmp_path / "short.wav", tone(0.5))
    message = r"the sound of .*short.wav lasts 0.50 seconds, and the video 0.80; give a longer one, or at most 5 frames"
    with pytest.raises(InputError, match=message):
        generator.sample(1, sound=short, sampler=FAST)
    write_video(silent := tmp_path / "silent.mp4", noise_video(9), fps=10)
    with pytest.raises(InputError, match=r"silent.mp4 has no sound"):
        generator.sample(1, sound=silent, sampler=FAST)
    with pytest.raises(InputError, match="not trained with sound: it takes the previous clip; leave out the sound"):
        small_generator().sample(1, sound=wav, sampler=FAST)


def run(*arguments) -> int:
    return main([*map(str, arguments), "--device", "cpu", "--steps", "2", "--sampler", "ddim"])


def test_the_commands_take_a_sound_and_their_videos_have_it(model, wav, tmp_path):
    assert run("sample", model, "--num-videos", 2, "--audio", wav, "--output", tmp_path / "folder") == 0
    assert run("sample", model, "--num-videos", 2, "--audio", wav, "--output", tmp_path / "grid.mp4") == 0
    assert run("extend", model, "--frames", 20, "--audio", wav, "--output", tmp_path / "long.webm") == 0
    for file in [*(tmp_path / "folder").glob("*.mp4"), tmp_path / "grid.mp4"]:
        assert 0.8 <= read_sound(file).end < 0.95
    found = read_sound(tmp_path / "long.webm").samples
    assert np.abs(found[:32_000] - tone(2, begins=1)).mean() < 0.01
    assert len(read_frames(tmp_path / "long.webm", range(20))) == 20
    again = ("sample", model, "--num-videos", 1, "--audio", tmp_path / "long.webm", "--output", tmp_path / "b.gif")
    assert run(*again) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--audio|gone.wav", "there is no file gone.wav"),
        ("--sound-guidance|1", "--sound-guidance is given without --audio; give --audio, or leave it out"),
        ("--audio|tone.wav|--fps|2", "lasts 3.00 seconds, and the video 4.00"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    model, wav, tmp_path, caplog, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    assert run("sample", model, *options.split("|"), "--output", tmp_path / "out") == 2
    assert message in caplog.text and not (tmp_path / "out").exists()
