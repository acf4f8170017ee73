"""Training with scores of clips: what the denoiser is given, from videos and from latents, and what the model keeps."""

from __future__ import annotations

import json

import pytest
import torch
from miniature import batch, diffusion_training
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pvdm.cli import main
from pvdm.diffusion import SamplerConfig
from pvdm.generation import VideoGenerator
from pvdm.training import AdapterTraining
from pvdm.training.batches.sample_rng import Draw, keep_each

NAMES = ["motion", "fps"]
BOTH = {"model__scores": "[motion, fps]", "data__scores": "[fps, motion]"}


def scored_batch(count: int, *, flipped: bool = False) -> dict:
    motion, fps = torch.rand(count), torch.full((count,), 12.0)
    fps[::2] = torch.nan
    scores = {"fps": fps, "motion": motion}
    return {**batch(range(count), clips=2), "scores": dict(reversed(scores.items())) if flipped else scores}


def test_each_score_is_given_to_some_samples_and_an_absent_one_to_none(tmp_path):
    training, seen = diffusion_training(tmp_path, scores=NAMES, score_dropout=0.3), []
    training.generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    samples = scored_batch(60)
    training.training_step(samples, 0).backward()
    (condition,) = seen
    assert torch.equal(condition.scores[:, 0], samples["scores"]["motion"])
    motion, fps = condition.scores_mask.unbind(1)
    assert not fps[::2].any() and 12 < int(fps.sum()) < 29 and 30 < int(motion.sum()) < 54
    assert {(True, True), (True, False), (False, True)} <= set(zip(motion.tolist(), fps.tolist(), strict=True))
    layers = training.generator.denoiser.embed_scores.layers
    assert layers["of_motion"].weight.grad.any() and layers["of_fps"].weight.grad.any()
    _, cases = training.conditioning.validation(samples)
    assert list(cases) == ["no_context", "context", "scores"] and cases["scores"][1].all()


def test_what_a_sample_keeps_depends_on_its_key_alone():
    whole = keep_each(batch(range(8)), 0.5, 3, Draw.SCORES)
    assert torch.equal(keep_each(batch([5, 2]), 0.5, 3, Draw.SCORES), whole[[5, 2]])
    assert len({tuple(row) for row in whole.tolist()}) > 3
    assert not torch.equal(keep_each(batch(range(8), epoch=1), 0.5, 3, Draw.SCORES), whole)


def test_predictions_follow_the_scores_of_their_sample(tmp_path):
    training = diffusion_training(tmp_path, scores=NAMES, sampler=SamplerConfig(steps=2)).eval()
    samples = scored_batch(3)
    found = training.predict_step(samples, 0)["video"]
    changed = {"motion": samples["scores"]["motion"], "fps": samples["scores"]["fps"] + 9}
    other = training.predict_step(samples | {"scores": changed}, 0)["video"]
    assert [torch.equal(*pair) for pair in zip(found, other, strict=True)] == [True, False, True]


def check(run) -> VideoGenerator:
    """The model of a run, which has scores."""
    generator = VideoGenerator.load(run / "checkpoints" / "last.ckpt")
    assert generator.denoiser.config.scores == ("motion", "fps") and "scores (motion, fps)" in generator.takes
    low, high = generator.score_ranges["motion"]
    assert 0 < low < high and generator.score_ranges["fps"] == (25, 25)
    events = EventAccumulator(str(run))
    events.Reload()
    assert {"val/loss", "val/loss_scores"} <= set(events.Tags()["scalars"])
    return generator


def test_fit_learns_scores_of_videos_and_of_latents_alike(command, tmp_path):
    assert main(command("fit", "diffusion", trainer__val_check_interval=2, **BOTH)) == 0
    generator = check(tmp_path / "run")
    generator.save_pretrained(tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["denoiser"]["scores"] == NAMES
    loaded = VideoGenerator.from_pretrained(tmp_path / "model")
    assert loaded.denoiser.config == generator.denoiser.config
    assert loaded.score_ranges["motion"] == list(generator.score_ranges["motion"])
    assert loaded.sample(1, scores={"motion": 1}, steps=2).shape == (1, 3, 4, 16, 16)

    adapted = AdapterTraining(tmp_path / "model")
    assert adapted.generator.denoiser.config.scores == ("motion", "fps") and adapted.conditioning.scores == ()
    assert adapted.generator.score_ranges == loaded.score_ranges

    latents = tmp_path / "latents"
    assert main([*command("encode", "diffusion", **BOTH), "--output", str(latents), "--stride", "1"]) == 0
    options = {"data__path": latents, "data__layout": "latents", "trainer__val_check_interval": 2, **BOTH}
    assert main(command("fit", "diffusion", "again", **options)) == 0
    assert check(tmp_path / "again").score_ranges == generator.score_ranges


def test_a_model_without_scores_gains_them_and_computes_at_first_what_it_did(command, tmp_path):
    assert main(command("fit", "diffusion", trainer__max_steps=1)) == 0
    first = tmp_path / "run" / "checkpoints" / "last.ckpt"
    options = {"model__init_from": first, "model__optimizer__learning_rate": 0, **BOTH}
    assert main(command("fit", "diffusion", "more", trainer__max_steps=1, **options)) == 0
    old, new = (VideoGenerator.load(path) for path in (first, tmp_path / "more" / "checkpoints" / "last.ckpt"))
    assert new.denoiser.config.scores == ("motion", "fps")
    found = new.sample(1, scores={"motion": 3, "fps": 25}, steps=2)
    assert torch.equal(found, old.sample(1, steps=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model__scores": "[motion]"}, "data.scores is none, and model.scores motion; give both the same names, or"),
        ({"data__scores": "[fps]"}, "data.scores is fps, and model.scores none; give both the same names, or leave"),
        ({**BOTH, "data__scores": "[motion]"}, "data.scores is motion, and model.scores motion, fps; give both"),
        (
            {"model__scores": "[beauty]", "data__scores": "[beauty]"},
            "has a score beauty; name motion, fps or a column of their catalogue in data.scores",
        ),
        ({"model__scores": "['a b']"}, "a score is named 'a b'; give a word of letters, digits and _"),
        ({**BOTH, "model__score_dropout": 1.5}, "score_dropout is 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(command, caplog, options, message):
    assert main(command("fit", "diffusion", **options)) == 2
    assert message in caplog.text
