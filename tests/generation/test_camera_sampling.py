"""Cameras in sampling: what a model is given of them, in Python and by the commands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from generation.small_models import AUTOENCODER, noise_video, randomized, small_generator, small_unet

from pvdm.cli import main
from pvdm.conditions.cameras import CAMERA_WIDTH, CameraPath
from pvdm.diffusion import DiffusionConfig, SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator

FAST = SamplerConfig("ddim", 2)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    unet = replace(small_unet(AUTOENCODER), camera_width=CAMERA_WIDTH)
    return randomized(VideoGenerator(AUTOENCODER, unet, DiffusionConfig(timesteps=200), fps=10.0))


@pytest.fixture(scope="module")
def model(generator, tmp_path_factory):
    generator.save_pretrained(folder := tmp_path_factory.mktemp("model") / "filmed")
    return folder


def test_a_video_depends_on_its_camera_and_guidance_by_it(generator):
    plain = generator.sample(2, sampler=FAST)
    found = generator.sample(2, camera="orbit:0..360", sampler=FAST)
    assert not torch.equal(found, plain)
    assert not torch.equal(generator.sample(2, camera="orbit:90..450", sampler=FAST), found)
    path = CameraPath(np.radians(np.linspace(0, 360, 8)))
    assert torch.equal(generator.sample(2, camera=path, sampler=FAST), found)
    guided = generator.sample(2, camera=path, sampler=replace(FAST, camera_guidance=2.0))
    assert not torch.equal(guided, found)


def test_a_weak_model_without_cameras_guides_one_with_cameras(generator, tmp_path):
    small_generator().save_pretrained(tmp_path / "weak")
    guided = replace(FAST, autoguidance=1.0, weak_model=str(tmp_path / "weak"))
    found = generator.sample(1, camera="orbit:0..90", sampler=guided)
    assert not torch.equal(found, generator.sample(1, camera="orbit:0..90", sampler=FAST))


def test_a_continued_video_has_the_camera_of_its_own_frames(generator):
    path, video, seen = CameraPath(np.radians(np.arange(26.0) ** 2)), noise_video(9), []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2].camera))
    found = generator.extend(video, frames=26, camera=path, sampler=FAST)
    hook.remove()
    assert found.shape[1] == 26 and len(seen) == 6
    for clip, first in ((seen[0], 9), (seen[2], 17)):
        assert torch.equal(clip[0], torch.from_numpy(path.at(range(first, first + 8)).vectors()))
    assert torch.equal(seen[4][0, 0], seen[4][0, 1])  # one frame is left, whose camera is held
    only = generator.extend(video, frames=17, only_new=True, camera=path.at(range(9, 26)), sampler=FAST)
    assert torch.equal(only, found[:, 9:])


def test_other_models_refuse_cameras_by_name():
    with pytest.raises(InputError, match="not trained with cameras: it takes the previous clip; leave out the camera"):
        small_generator().sample(1, camera="orbit:0..360", sampler=FAST)


def run(*arguments) -> int:
    return main([*map(str, arguments), "--device", "cpu", "--steps", "2", "--sampler", "ddim"])


def test_the_commands_take_cameras(model, generator, tmp_path):
    (tmp_path / "c.csv").write_text("azimuth\n" + "".join(f"{10 * n}\n" for n in range(20)))
    options = ("--camera", "orbit:0..360@20", "--format", "png", "--camera-guidance", 1)
    assert run("sample", model, "--num-videos", 2, *options, "--output", tmp_path / "a") == 0
    assert run("extend", model, "--frames", 20, "--camera", tmp_path / "c.csv", "--output", tmp_path / "b") == 0
    assert len(list((tmp_path / "b").iterdir())) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--camera|orbit", "the camera is orbit; give degrees"),
        ("--camera|none.json", "there is no file none.json"),
        ("--camera-guidance|1", "--camera-guidance is given without --camera"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(model, tmp_path, caplog, options, message):
    assert run("sample", model, *options.split("|"), "--output", tmp_path / "out") == 2
    assert message in caplog.text and not (tmp_path / "out").exists()
