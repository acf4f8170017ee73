"""Prompts in generation: their states reach the denoiser, clip by clip, and models without text refuse them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from small_models import noise_video, small_generator, told_and_hinted, told_generator

from pvdm.cli import main
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import Repair, VideoGenerator
from pvdm.video import write_video

FAST = SamplerConfig("ddim", steps=2)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    return told_generator()


@pytest.fixture
def seen(generator):
    """The conditions that the denoiser is called with."""
    found = []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: found.append(inputs[2]))
    yield found
    hook.remove()


@pytest.fixture
def seen_by():
    """`seen_by(generator)` -> the generator, and a list of the conditions that its denoiser is called with."""
    hooks = []

    def watch(generator):
        found = []
        hooks.append(generator.denoiser.register_forward_pre_hook(lambda _, inputs: found.append(inputs[2])))
        return generator, found

    yield watch
    for hook in hooks:
        hook.remove()


@pytest.fixture(scope="module")
def model(generator, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("told") / "model"
    generator.save_pretrained(folder)
    return str(folder)


def test_a_prompt_reaches_the_denoiser_as_the_states_of_its_words(generator, seen):
    found = generator.sample(2, prompt=["a red ball", None], sampler=FAST)
    states, mask = generator.text_encoder(["a red ball", ""])
    assert torch.equal(seen[0].text, states) and torch.equal(seen[0].text_mask, mask)
    alone = generator.sample(1, prompt="A red ball!", sampler=FAST)
    assert (alone[0].int() - found[0].int()).abs().max() <= 1
    without = generator.sample(2, sampler=FAST)
    assert not torch.equal(found[0], without[0]) and (found[1].int() - without[1].int()).abs().max() <= 1


def test_guidance_by_the_prompt_leads_away_from_the_negative_one(generator, seen):
    guided = replace(FAST, prompt_guidance=2.0)
    away = generator.sample(1, prompt="red ball", negative_prompt="blue ball", sampler=guided)
    states, _ = generator.text_encoder(["red ball", "blue ball"])
    assert torch.equal(seen[0].text, states)
    assert not torch.equal(away, generator.sample(1, prompt="red ball", sampler=guided))


def test_along_a_video_prompts_hold_from_their_frames_on(generator, seen):
    start = torch.zeros(3, 8, 32, 32, dtype=torch.uint8)
    generator.extend(start, frames=8 * 4, prompt={0: "red ball", 16: "blue ball"}, sampler=FAST)
    red, blue = (generator.text_encoder([text])[0] for text in ("red ball", "blue ball"))
    told = [condition.text for condition in seen[::2]]
    assert [torch.equal(text, red) for text in told] == [True, False, False]
    assert [torch.equal(text, blue) for text in told] == [False, True, True]
    assert all(condition.context is not None for condition in seen)


def test_the_tasks_take_prompts_beside_given_frames(seen_by):
    generator, seen = seen_by(told_and_hinted())
    video = noise_video(10)
    told = {"label": None, "prompt": "red ball", "negative_prompt": "blue ball", "sampler": FAST}
    runs = {
        "interpolate": lambda **options: generator.interpolate(video[:, :5], 2, **options),
        "upscale": lambda **options: generator.upscale(video[:, :8, :16, :16], **options),
        "repair": lambda **options: torch.cat([*Repair(generator, **options).run([video], {4, 5})], dim=1),
    }
    for name, run in runs.items():
        seen.clear()
        prompted = run(**told)
        state, _ = generator.text_encoder(["red ball"])
        assert seen and all(torch.equal(part.text, state.expand_as(part.text)) for part in seen), name
        assert all(part.known is not None and part.negative is not None for part in seen), name
        assert not torch.equal(prompted, run(sampler=FAST)), name
        with pytest.raises(InputError, match="does not know the word 'rde'"):
            run(prompt="rde", sampler=FAST)


def test_each_clip_of_a_batch_has_the_prompt(seen_by):
    generator, seen = seen_by(told_and_hinted())
    options = {"prompt": "red ball", "sampler": FAST}
    together = generator.interpolate(noise_video(11), 2, batch_size=3, **options)
    assert [len(part.text) for part in seen] == [3, 3, 1, 1]
    one_by_one = generator.interpolate(noise_video(11), 2, batch_size=1, **options)
    assert (together.int() - one_by_one.int()).abs().max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": "a rde ball"}, r"does not know the word 'rde'; give words of its 5, such as red"),
        ({"prompt": ""}, "the prompt is empty"),
        ({"prompt": ["red", "red", "red"]}, "there are 3 prompts for 2 videos"),
        ({"negative_prompt": "red"}, "there is a negative prompt and no prompt"),
    ],
)
def test_prompts_that_cannot_be_followed_are_refused(generator, options, message):
    with pytest.raises(InputError, match=message):
        generator.sample(2, sampler=FAST, **options)


def test_a_model_without_text_says_what_it_takes():
    with pytest.raises(InputError, match="not trained with text: it takes the previous clip; leave out the prompt"):
        small_generator().sample(1, prompt="red", sampler=FAST)
    assert told_generator().takes == "the previous clip, a prompt and content or motion of a video"


def test_a_model_remembers_its_words(generator, model):
    again = VideoGenerator.load(model)
    assert again.text == generator.text
    options = {"prompt": "red ball", "sampler": FAST}
    assert torch.equal(again.sample(1, **options), generator.sample(1, **options))


def run(*arguments) -> int:
    return main([*map(str, arguments), "--device", "cpu", "--steps", "2", "--sampler", "ddim"])


def test_the_commands_take_prompts_and_record_them(generator, model, tmp_path, caplog):
    out = tmp_path / "out"
    command = ("sample", model, "--num-videos", 3, "--prompt", "red ball", "--prompt", "blue ball", "--format", "png")
    assert run(*command, "--prompt-guidance", 1, "--negative-prompt", "a", "--output", out) == 0
    record = json.loads((out / "samples.json").read_text())
    assert [video["prompt"] for video in record["videos"]] == ["red ball", "blue ball", "red ball"]
    assert record["sampler"]["prompt_guidance"] == 1.0
    long = ("extend", model, "--frames", 20, "--output", tmp_path / "long")
    assert run(*long, "--prompt-at", "0=red ball", "8=blue ball") == 0
    assert len(list((tmp_path / "long").iterdir())) == 20


def test_commands_that_change_a_video_take_a_prompt(tmp_path, caplog):
    told_and_hinted().save_pretrained(tmp_path / "model")
    write_video(tmp_path / "video.mp4", noise_video(8), fps=10)
    write_video(tmp_path / "small.mp4", noise_video(8)[..., :16, :16], fps=10)
    for verb, source, *more in (("interpolate", "video"), ("repair", "video", "--missing", "3"), ("upscale", "small")):
        command = (verb, tmp_path / "model", tmp_path / f"{source}.mp4", *more, "--output", tmp_path / f"{verb}.mp4")
        assert run(*command, "--prompt-guidance", "1") == 2
        assert "--prompt-guidance is given without --prompt" in caplog.messages[-1]
        assert run(*command, "--prompt", "rde ball") == 2 and "does not know the word 'rde'" in caplog.messages[-1]
        assert run(*command, "--prompt", "red ball", "--negative-prompt", "a", "--prompt-guidance", "1") == 0


@pytest.mark.parametrize(
    ("verb", "options", "message"),
    [
        ("sample", "--prompt|red bal", "does not know the word 'bal'"),
        ("sample", "--prompt-guidance|2", "--prompt-guidance is given without --prompt"),
        ("sample", "--num-videos|1|--prompt|a|--prompt|red", "there are 2 prompts for 1 video(s)"),
        ("extend", "--frames|9|--prompt-at|red", "--prompt-at is red; give a frame's number and a prompt"),
        ("extend", "--frames|9|--prompt-at|9=red", "there is no frame 9 among 9"),
        ("extend", "--frames|9|--prompt-at|1=red|1=a", "two prompts are given for frame 1"),
        ("extend", "--frames|9|--prompt-at|1=red|--prompt|a", "--prompt and --prompt-at are both given"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(model, tmp_path, caplog, verb, options, message):
    assert run(verb, model, *options.split("|"), "--output", tmp_path / "out") == 2
    assert message in caplog.text and not (tmp_path / "out").exists()


def test_text_needs_no_layers_and_one_number_of_tokens(tmp_path):
    """Without layers over the tokens, and with a configuration whose two numbers of tokens differ."""
    told_generator(text_layers=0).save_pretrained(tmp_path / "whole")
    assert VideoGenerator.from_pretrained(tmp_path / "whole").denoiser.config.text_layers == 0
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    config["text"]["tokens"] = 5
    (tmp_path / "whole" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="the denoiser is for texts of 6 tokens, not 5"):
        VideoGenerator.from_pretrained(tmp_path / "whole")
