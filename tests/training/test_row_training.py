"""Training with vectors of frames: what the denoiser is given, and what the model keeps."""

from __future__ import annotations

import pytest
import torch
from miniature import batch, diffusion_training
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from video.sounds import tone, write_wav

from pvdm.cli import main
from pvdm.conditions.cameras import CAMERA_WIDTH
from pvdm.diffusion import SamplerConfig
from pvdm.generation import VideoGenerator
from pvdm.training import AdapterTraining

SCENES = {"data__layout": "scenes", "data__scenes__videos": 20, "data__scenes__held_out": 5, "data__path": "null"}


def filmed_batch(count: int) -> dict:
    camera = torch.randn(count, 4, CAMERA_WIDTH, generator=torch.Generator().manual_seed(0))
    return {**batch(range(count), clips=2), "camera": camera, "has_camera": torch.arange(count) % 2 == 1}


def test_cameras_are_given_to_some_samples_and_an_absent_one_to_none(tmp_path):
    training, seen = diffusion_training(tmp_path, camera=True, camera_dropout=0.3), []
    training.generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    samples = filmed_batch(60)
    training.training_step(samples, 0).backward()
    (condition,) = seen
    assert torch.equal(condition.camera, samples["camera"])
    assert not condition.camera_mask[::2].any() and 10 < int(condition.camera_mask.sum()) < 28
    assert training.generator.denoiser.embed_camera.project.weight.grad.any()
    _, cases = training.conditioning.validation(samples)
    assert list(cases) == ["no_context", "context", "camera"]
    assert torch.equal(cases["camera"][1], samples["has_camera"])


def test_predictions_follow_the_camera_of_their_sample(tmp_path):
    training = diffusion_training(tmp_path, camera=True, sampler=SamplerConfig(steps=2)).eval()
    torch.nn.init.normal_(training.generator.denoiser.embed_camera.project.weight)
    samples = filmed_batch(3)
    found = training.predict_step(samples, 0)["video"]
    other = training.predict_step(samples | {"camera": samples["camera"] + 1}, 0)["video"]
    assert [torch.equal(*pair) for pair in zip(found, other, strict=True)] == [True, False, True]


def test_fit_learns_cameras_of_scenes_and_the_model_takes_them(command, videos, tmp_path):
    options = {**SCENES, "model__camera": "true", "data__cameras": "true", "data__scenes__turntable": "true"}
    assert main(command("fit", "diffusion", trainer__val_check_interval=2, **options)) == 0
    run = tmp_path / "run"
    generator = VideoGenerator.load(run / "checkpoints" / "last.ckpt")
    assert generator.denoiser.config.camera_width == CAMERA_WIDTH and "a camera" in generator.takes
    assert generator.sample(1, camera="orbit:0..270@20", steps=2).shape == (1, 3, 4, 16, 16)
    events = EventAccumulator(str(run))
    events.Reload()
    assert {"val/loss", "val/loss_camera"} <= set(events.Tags()["scalars"])


def test_fit_learns_the_sound_of_scenes_and_the_model_keeps_its_encoder(command, tmp_path):
    options = {**SCENES, "model__sound": "true", "data__sound": "true", "model__sound_dropout": 0.5}
    assert main(command("fit", "diffusion", trainer__val_check_interval=2, **options)) == 0
    run = tmp_path / "run"
    generator = VideoGenerator.load(run / "checkpoints" / "last.ckpt")
    assert generator.sound == "mel" and generator.denoiser.config.sound_width == 200 and "sound" in generator.takes
    sound = write_wav(tmp_path / "a.wav", tone(1))
    assert generator.sample(1, sound=sound, steps=2).shape == (1, 3, 4, 16, 16)
    assert VideoGenerator.from_config(generator.to_config()).sound == "mel"
    events = EventAccumulator(str(run))
    events.Reload()
    assert {"val/loss", "val/loss_sound"} <= set(events.Tags()["scalars"])
    adapted = AdapterTraining(run / "checkpoints" / "last.ckpt")
    assert adapted.generator.sound == "mel" and adapted.conditioning.rows == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model__sound": "true"}, "the samples have no sound; set data.sound true, or leave out model.sound"),
        ({"model__camera": "true"}, "the samples have no camera; set data.cameras true, or leave out model.camera"),
        ({"data__cameras": "true"}, "has a camera; put files such as clip.camera.csv beside its videos"),
    ],
)
def test_what_does_not_fit_is_refused(command, caplog, options, message):
    assert main(command("fit", "diffusion", **options)) == 2
    assert message in caplog.text
