"""Training with captions and with planes apart: what the denoiser is told, and what the model keeps."""

from __future__ import annotations

import pytest
import torch
from miniature import batch, diffusion_training, read
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pvdm.cli import main
from pvdm.conditions.text import TextConfig
from pvdm.generation import VideoGenerator
from pvdm.training.batches.sample_rng import captions, plane_times

TEXT = TextConfig(tokens=6)


def told_batch(count: int, caption: str = "a red ball, rolling left") -> dict:
    return {**batch(range(count), clips=2), "caption": [caption if index % 2 else "" for index in range(count)]}


def test_captions_are_told_to_some_samples_and_an_absent_one_to_none(tmp_path):
    training, seen = diffusion_training(tmp_path, text=TEXT, text_dropout=0.3), []
    training.generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    training.training_step(told_batch(60), 0).backward()
    (condition,) = seen
    counts = condition.text_mask.sum(1)
    assert not counts[::2].any() and set(counts[1::2].tolist()) == {0, 5}
    assert 10 < int((counts[1::2] > 0).sum()) < 28
    assert training.generator.denoiser.embed_text.project.weight.grad.any()


def test_clauses_are_left_out_one_by_one():
    samples = told_batch(400)
    assert captions(samples)[1] == "a red ball, rolling left"
    left = captions(samples, 0.5)[1::2]
    assert set(left) == {"a red ball, rolling left", "a red ball", " rolling left", ""}
    assert left == captions(samples, 0.5)[1::2]


def test_times_of_content_and_motion_differ_in_a_share_of_the_samples():
    samples, t = batch(range(400)), torch.arange(400) + 500
    both = plane_times(samples, t, 0.5, 1000)
    apart = both[:, 0] != both[:, 1]
    assert 150 < int(apart.sum()) < 250
    assert (both == t[:, None]).any(1).all() and (both[apart] == t[apart, None]).sum(0).min() > 60
    assert both.min() >= 0 and both.max() < 1000
    assert torch.equal(plane_times(samples, t, 0.0, 1000), t[:, None].expand(-1, 2))


def test_noise_of_two_levels_is_that_of_each_part_of_the_latent(tmp_path):
    training, seen = diffusion_training(tmp_path, planes_apart=1.0), []
    generator = training.generator
    generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    target = torch.ones(2, 2, generator.denoiser.shape.positions)
    training.losses(target, torch.zeros_like(target), torch.tensor([[0, 900], [900, 0]]), None)
    (noisy, times, _) = seen[0]
    assert times.tolist() == [[0, 900], [900, 0]]
    content = generator.autoencoder.content_mask
    at = [generator.schedule.level(time).alpha for time in (0, 900)]
    for row, (first, second) in zip(noisy, (at, at[::-1]), strict=True):
        assert row[content].unique().tolist() == pytest.approx([first])
        assert row[~content].unique().tolist() == pytest.approx([second])


def test_fit_learns_the_words_of_the_captions_and_the_model_keeps_them(command, videos, tmp_path):
    rows = ("file,caption", "train/0.mp4,a red Ball", "train/1.mp4,something blue", "val/0.mp4,a ball")
    (videos / "captions.csv").write_text("\n".join(rows))
    options = {"model__text__tokens": 6, "data__captions": "true", "model__planes_apart": 0.5}
    assert main(command("fit", "diffusion", trainer__val_check_interval=2, **options)) == 0
    run = tmp_path / "run"
    generator = VideoGenerator.load(run / "checkpoints" / "last.ckpt")
    assert generator.text.words == ("a", "ball", "blue", "red", "something")
    assert set(generator.text.examples) == {"a red Ball", "something blue", "a ball"}
    assert generator.denoiser.config.plane_times
    assert any("attend_text" in name for name in read(run)["state_dict"])
    events = EventAccumulator(str(run))
    events.Reload()
    assert {"val/loss", "val/loss_context", "val/loss_text"} <= set(events.Tags()["scalars"])


def test_cached_latents_have_the_captions_of_their_videos(command, videos, tmp_path):
    (videos / "captions.csv").write_text("file,caption\ntrain/0.mp4,a red Ball\n")
    latents = tmp_path / "latents"
    assert main([*command("encode", "diffusion", data__captions="true"), "--output", str(latents)]) == 0
    options = {"model__text__tokens": 6, "data__captions": "true", "data__layout": "latents", "data__path": latents}
    assert main(command("fit", "diffusion", "from_latents", **options)) == 0
    found = VideoGenerator.load(tmp_path / "from_latents" / "checkpoints" / "last.ckpt")
    assert found.text.words == ("a", "ball", "red")
    assert set(found.text.examples) == {"a red Ball"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model__text__tokens": 6}, "the samples have no captions; set data.captions true, or leave out model.text"),
        ({"data__captions": "true"}, "has a caption; put captions.csv into it"),
        ({"model__planes_apart": 0.5, "model__min_snr_gamma": 5}, "planes_apart has two; leave one of them out"),
    ],
)
def test_what_does_not_fit_is_refused(command, caplog, options, message):
    assert main(command("fit", "diffusion", **options)) == 2
    assert message in caplog.text
