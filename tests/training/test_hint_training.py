"""Training with given frames: the hint of each sample, its noise, what is encoded, and what validation measures."""

from __future__ import annotations

import pytest
import torch
from miniature import AUTOENCODER, batch, diffusion_training, loader, read, trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pvdm.cli import main
from pvdm.conditions.blurred_clips import blurred
from pvdm.conditions.given_frames import GivenFrames
from pvdm.conditions.hints import hint_clip
from pvdm.data.latents.latent_folder import open_latents
from pvdm.diffusion import Condition, SamplerConfig, TimeDistribution
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training.batches.batch import hint_of
from pvdm.training.batches.sample_rng import blur_factors, known_frames
from pvdm.video import to_float

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


def test_a_blurred_sample_is_given_all_frames_of_its_blurred_target(tmp_path):
    only_blurred = GivenFrames(*[0.0] * 6, blurred=1.0, blur_factors=(3.0, 3.0))
    training, samples = diffusion_training(tmp_path, given_frames=only_blurred), batch(range(3), clips=2)
    target, _ = training.conditioning.latents(samples, torch.zeros(3, dtype=torch.bool))
    marks = known_frames(samples, only_blurred, AUTOENCODER.frames)
    found = training.conditioning.hinted(Condition(), target, samples, marks)
    clips = samples["video"][:, :, AUTOENCODER.frames :]
    with torch.no_grad():
        wanted = training.generator.autoencoder.encode(to_float(blurred(clips, [3.0] * 3))).flatten()
    torch.testing.assert_close(found.hint, wanted, rtol=1e-4, atol=1e-5)
    assert found.known.all()


def test_the_blur_of_a_sample_is_its_own_and_others_have_none():
    given, samples = GivenFrames(blurred=0.4), batch(range(12), clips=2)
    marks = known_frames(samples, given, 16)
    found = blur_factors(samples, given, marks)
    assert [factor > 1 for factor in found] == marks.all(1).tolist()
    later = batch(range(4, 12), clips=2)
    assert blur_factors(later, given, known_frames(later, given, 16)) == found[4:]
    assert len({factor for factor in found if factor > 1}) == int(marks.all(1).sum()) > 1


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
    assert main(command("fit", "diffusion", model__given_frames="{blurred: 0.4}", trainer__val_check_interval=2)) == 0
    run = tmp_path / "run"
    assert VideoGenerator.load(run / "checkpoints" / "last.ckpt").denoiser.config.hints
    assert any("hint_in" in name for name in read(run)["state_dict"])
    events = EventAccumulator(str(run))
    events.Reload()
    assert {"val/loss", "val/loss_context", "val/loss_hint"} <= set(events.Tags()["scalars"])


@pytest.mark.parametrize("kind", ["first", "last", "ends"])
def test_predictions_are_given_frames_of_their_clips(tmp_path, kind):
    training, seen = module(tmp_path, predict_given=kind, sampler=SamplerConfig("ddim", 2)).eval(), []
    training.generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    samples = batch([4, 7], clips=2)
    found = training.predict_step(samples, 0)
    marks = known(*[{"first": [0], "last": [3], "ends": [0, 3]}[kind]] * 2)
    clips = samples["video"][:, :, AUTOENCODER.frames :]
    wanted = training.generator.hint(clips, marks)
    torch.testing.assert_close(seen[0].hint, wanted.hint, rtol=1e-4, atol=1e-5)
    assert torch.equal(seen[0].known, marks) and found["names"] == ["sample_000004", "sample_000007"]
    training.predict_given = None
    assert not torch.equal(training.predict_step(samples, 0)["video"], found["video"])
    assert seen[-1].known is None


def test_predictions_of_a_model_without_given_frames_refuse_them(tmp_path):
    training = diffusion_training(tmp_path, predict_given="first")
    with pytest.raises(InputError, match="was not trained with given frames: it takes the previous clip"):
        trainer(tmp_path).predict(training, loader([batch([0], clips=2)]))


NO_OTHERS = "random: 0, every: 0, gap: 0"


def test_latents_are_refused_for_given_frames_whose_hints_they_lack(command, tmp_path, caplog):
    latents = tmp_path / "latents"
    assert main([*command("encode", "diffusion"), "--output", str(latents)]) == 0
    for given, kinds in (
        (f"{{{NO_OTHERS}, blurred: 0.1}}", "first and last and ends and blurred"),
        (f"{{{NO_OTHERS}}}", "first and last and ends"),
    ):
        options = {"model__given_frames": given, "data__layout": "latents", "data__path": latents}
        assert main(command("fit", "diffusion", "from_latents", **options)) == 2
        assert f"have no hints of the given frames {kinds}; encode the videos with --hints" in caplog.messages[-1]
    assert main([*command("encode", "diffusion"), "--output", str(latents), "--hints", "last"]) == 2
    assert "holds other latents: --hints is None there and last ends here" in caplog.messages[-1]


def test_fit_trains_with_the_cached_hints_that_its_config_asks_for(command, tmp_path, caplog):
    latents, given = tmp_path / "latents", f"{{{NO_OTHERS}, last: 0, blurred: 0.3, blur_factors: [2, 3]}}"
    assert main([*command("encode", "diffusion", model__given_frames=given), "--output", str(latents)]) == 0
    assert open_latents(latents).hints == ("first", "ends", "blurred")
    options = {"model__given_frames": given, "data__layout": "latents", "data__path": latents}
    assert main(command("fit", "diffusion", "from_latents", **options)) == 0
    trained = VideoGenerator.load(tmp_path / "from_latents" / "checkpoints" / "last.ckpt")
    assert trained.denoiser.config.blurred_hints and trained.data["latents"]["blur_factors"] == [2, 3]
    other = [*command("encode", "diffusion", model__given_frames=given.replace("3]", "4]")), "--output", str(latents)]
    assert main(other) == 2
    assert "model.given_frames.blur_factors is 2.0 3.0 there and 2.0 4.0 here" in caplog.messages[-1]
