"""Training with given frames: the hint of each sample, its noise, what is encoded, and what validation measures."""

from __future__ import annotations

import torch
from miniature import AUTOENCODER, batch, diffusion_training, read
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pvdm.cli import main
from pvdm.conditions.given_frames import GivenFrames
from pvdm.conditions.hints import hint_clip
from pvdm.diffusion import Condition, TimeDistribution
from pvdm.generation import VideoGenerator
from pvdm.training.batch import hint_of

EVERY_KIND = GivenFrames()


def module(folder, **options):
    return diffusion_training(folder, given_frames=EVERY_KIND, **options)


def known(*frames: list[int]) -> torch.Tensor:
    marks = torch.zeros(len(frames), AUTOENCODER.frames, dtype=torch.bool)
    for mark, chosen in zip(marks, frames, strict=True):
        mark[chosen] = True
    return marks


def test_a_hint_is_the_latent_of_the_given_frames_of_the_target(tmp_path):
    training, samples = module(tmp_path), batch(range(3), clips=2)
    autoencoder, marks = training.generator.autoencoder, known([0], [], [0, 3])
    target, _ = training.conditioning.latents(samples, torch.zeros(3, dtype=torch.bool))
    found = hint_of(autoencoder, samples, marks, target)
    assert torch.equal(found.known, marks) and not found.hint[1].any()
    clips = samples["video"][:, :, AUTOENCODER.frames :]
    with torch.no_grad():
        wanted = autoencoder.encode(hint_clip(clips, marks)).flatten()
    torch.testing.assert_close(found.hint[[0, 2]], wanted[[0, 2]], rtol=1e-4, atol=1e-5)
    assert training.generator.denoiser.config.hints


def test_a_training_step_gives_some_samples_frames_and_learns_from_them(tmp_path):
    training, seen = module(tmp_path, hint_noise=TimeDistribution()), []
    denoiser = training.generator.denoiser
    denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    samples = batch(range(40), clips=2)
    training.training_step(samples, 0).backward()
    (condition,) = seen
    assert 10 < int(condition.known.any(1).sum()) < 35
    assert condition.hint_level.unique().numel() > 5
    assert denoiser.hint_in.planes["hw"].weight.grad.any()
    again = training.conditioning.hinted(
        Condition(),
        training.conditioning.latents(samples, torch.zeros(40, dtype=torch.bool))[0],
        samples,
        condition.known,
    )
    torch.testing.assert_close(again.hint, condition.hint)


def test_fit_trains_measures_and_exports_a_model_with_hints(command, tmp_path):
    assert main(command("fit", "diffusion", model__given_frames="{}", trainer__val_check_interval=2)) == 0
    run = tmp_path / "run"
    assert VideoGenerator.load(run / "checkpoints" / "last.ckpt").denoiser.config.hints
    assert any("hint_in" in name for name in read(run)["state_dict"])
    events = EventAccumulator(str(run))
    events.Reload()
    assert {"val/loss", "val/loss_context", "val/loss_hint"} <= set(events.Tags()["scalars"])


def test_latents_have_no_frames(command, tmp_path, caplog):
    latents = tmp_path / "latents"
    assert main([*command("encode", "diffusion"), "--output", str(latents)]) == 0
    options = {"model__given_frames": "{}", "data__layout": "latents", "data__path": latents}
    assert main(command("fit", "diffusion", "from_latents", **options)) == 2
    assert "hints are made of frames, and latents have none; give the videos as data.path" in caplog.text
