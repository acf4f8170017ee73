"""Scores in sampling: what a model is given of them, in Python and by the commands, and what it says of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from generation.small_models import AUTOENCODER, noise_video, randomized, small_generator, small_unet

from pvdm.cli import main
from pvdm.diffusion import DiffusionConfig, SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.generation.model_card import example_commands, properties
from pvdm.video import probe

FAST = SamplerConfig("ddim", 2)
RANGES = {"motion": (0.5, 6.0)}


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    unet = small_unet(AUTOENCODER, scores=("motion", "fps"), hints=True, blurred_hints=True)
    sizes = (AUTOENCODER, unet, DiffusionConfig(timesteps=200))
    return randomized(VideoGenerator(*sizes, fps=10.0, score_ranges=RANGES))


@pytest.fixture(scope="module")
def model(generator, tmp_path_factory):
    generator.save_pretrained(folder := tmp_path_factory.mktemp("model") / "scored")
    return folder


def test_a_video_depends_on_its_scores_and_guidance_by_them(generator):
    plain, found = (generator.sample(2, sampler=FAST, scores=scores) for scores in (None, {"motion": 3}))
    assert not torch.equal(found, plain) and torch.equal(generator.sample(2, sampler=FAST, scores={}), plain)
    alone = generator.sample(1, sampler=FAST, scores={"motion": 3.0})
    torch.testing.assert_close(alone, found[:1], rtol=0, atol=1)
    other = generator.sample(2, scores={"motion": 3, "fps": 12}, sampler=FAST)
    assert not torch.equal(other, found)
    guided = generator.sample(2, scores={"motion": 3}, sampler=replace(FAST, scores_guidance=2.0))
    assert not torch.equal(guided, found)


def test_every_clip_of_a_longer_video_has_its_scores(generator):
    seen = []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    generator.extend(noise_video(9), frames=26, scores={"fps": 12}, sampler=FAST)
    hook.remove()
    assert len(seen) == 6 and {tuple(each.scores[0].tolist()) for each in seen} == {(0, 12)}
    assert all(each.scores_mask.tolist() == [[False, True]] for each in seen)


def test_tasks_with_given_frames_take_scores(generator):
    video, small = noise_video(5), noise_video(8)[..., ::2, ::2]
    for task in (
        lambda **given: generator.interpolate(video, 2, keep_given=False, sampler=FAST, **given),
        lambda **given: generator.upscale(small, keep_given=False, sampler=FAST, **given),
    ):
        assert not torch.equal(task(scores={"motion": 3}), task())


def test_a_weak_model_without_scores_guides_one_with_scores(generator, tmp_path):
    small_generator().save_pretrained(tmp_path / "weak")
    guided = replace(FAST, autoguidance=1.0, weak_model=str(tmp_path / "weak"))
    found = generator.sample(1, scores={"motion": 3}, sampler=guided)
    assert not torch.equal(found, generator.sample(1, scores={"motion": 3}, sampler=FAST))


def test_what_a_model_has_is_said_and_a_score_it_lacks_refused(generator):
    rows = dict(properties(generator.to_config()))
    assert rows["scores"] == "motion 0.5 to 6, fps"
    assert "pvdm sample MODEL --score motion=6 fps=1 --output scored.mp4" in example_commands(generator.to_config())
    assert "scores" not in dict(properties(small_generator().to_config()))
    with pytest.raises(
        InputError, match=r"with a score speed: it takes .* scores \(motion, fps\).*; give motion or fps"
    ):
        generator.sample(1, scores={"speed": 1}, sampler=FAST)
    with pytest.raises(InputError, match="with a score motion: it takes the previous clip; leave it out, or"):
        small_generator().sample(1, scores={"motion": 1}, sampler=FAST)
    with pytest.raises(InputError, match="the score motion is nan; give a finite number"):
        generator.sample(1, scores={"motion": float("nan")}, sampler=FAST)


def test_an_unusual_score_is_warned_of(generator, caplog):
    generator.sample(1, scores={"motion": 6, "fps": 99}, sampler=FAST)
    assert not caplog.text
    generator.sample(1, scores={"motion": 7}, sampler=FAST)
    assert "motion 7 is unusual: 90 % of the training clips had 0.5 to 6" in caplog.text


def test_what_a_model_stores_comes_back_or_is_refused(generator):
    config = json.loads(json.dumps(generator.to_config()))
    again = VideoGenerator.from_config(config)
    assert again.denoiser.config == generator.denoiser.config and again.score_ranges == {"motion": [0.5, 6.0]}
    old = small_generator().to_config()
    del old["denoiser"]["scores"]
    assert VideoGenerator.from_config(old).denoiser.config.scores == () and "score_ranges" not in old


@pytest.mark.parametrize(
    ("part", "value"), [("scores", "motion"), ("scores", [1]), ("score_ranges", {"motion": [1]}), ("score_ranges", 3)]
)
def test_a_damaged_configuration_is_refused(model, tmp_path, part, value):
    config = json.loads((model / "config.json").read_text())
    (config["denoiser"] if part == "scores" else config)[part] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="not one of this version of pvdm"):
        VideoGenerator.from_pretrained(tmp_path)


def run(*arguments) -> int:
    return main([*map(str, arguments), "--device", "cpu", "--steps", "2", "--sampler", "ddim"])


def test_the_commands_take_scores(model, generator, tmp_path, make_video):
    options = ("--score", "motion=3", "fps=12.5", "--scores-guidance", 1)
    assert run("sample", model, "--num-videos", 2, *options, "--output", tmp_path / "a") == 0
    record = json.loads((tmp_path / "a" / "samples.json").read_text())
    assert record["scores"] == {"motion": 3, "fps": 12.5} and record["sampler"]["scores_guidance"] == 1
    assert record["fps"] == probe(tmp_path / "a" / "sample_000000_seed0.mp4").fps == 12.5
    assert run("sample", model, *options, "--fps", 5, "--num-videos", 1, "--output", tmp_path / "b") == 0
    assert json.loads((tmp_path / "b" / "samples.json").read_text())["fps"] == 5
    assert run("extend", model, "--frames", 9, "--score", "motion=3", "--output", tmp_path / "c.mp4") == 0
    assert probe(tmp_path / "c.mp4").fps == 10
    video = make_video("d.mp4", 5, 32, 32)
    for verb, more in (("interpolate", ()), ("repair", ("--missing", 2))):
        assert run(verb, model, video, *more, "--score", "motion=3", "--output", tmp_path / f"{verb}.mp4") == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--score|motion", "--score is motion; give a name and a number, as in motion=2"),
        ("--score|motion=much", "much is not a finite number"),
        ("--score|motion=1|--score|motion=2", "two numbers are given for the score motion; give one"),
        ("--score|speed=1", "this model was not trained with a score speed"),
        ("--score|fps=-1", "the score fps is -1; give frames per second, above 0 and below 1000"),
        ("--scores-guidance|1", "--scores-guidance is given without --score; give a --score, or leave it out"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(model, tmp_path, caplog, options, message):
    assert run("sample", model, *options.split("|"), "--output", tmp_path / "out") == 2
    assert message in caplog.text and not (tmp_path / "out").exists()
