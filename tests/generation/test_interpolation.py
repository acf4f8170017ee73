"""Interpolation: which frames each clip is given, where they come out, at any length, in bounded parts."""

from __future__ import annotations

import pytest
import torch
from small_models import hinted_generator, noise_video, small_generator

from pvdm.cli import main
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import Interpolation, VideoGenerator
from pvdm.video import probe, write_video

FAST = SamplerConfig("ddim", steps=2)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    return hinted_generator()


@pytest.mark.parametrize("frames", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("factor", [2, 3, 7])
def test_own_frames_stand_at_multiples_of_the_factor(generator, frames, factor):
    source = noise_video(frames)
    found = generator.interpolate(source, factor, sampler=FAST)
    assert found.shape == (3, (frames - 1) * factor + 1, 32, 32)
    assert torch.equal(found[:, ::factor], source)
    assert Interpolation(generator, factor).clips(frames) == -(-(frames - 1) // (7 // factor))


def test_each_clip_is_given_its_frames_alone(generator):
    seen = []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    generator.interpolate(noise_video(7), 3, sampler=FAST, batch_size=2)
    hook.remove()
    marks = [condition.known.nonzero().tolist() for condition in seen[::2]]
    assert marks == [[[0, 0], [0, 3], [0, 6], [1, 0], [1, 3], [1, 6]], [[0, 0], [0, 3], [0, 6]]]
    assert all(condition.context is None for condition in seen)


def test_neither_parts_nor_batches_change_the_result(generator):
    source = noise_video(9)
    task = Interpolation(generator, 3, sampler=FAST, batch_size=1)
    whole = torch.cat(list(task.run([source])), dim=1)
    in_parts = torch.cat(list(task.run(source.split([1, 2, 1, 5], dim=1))), dim=1)
    assert torch.equal(in_parts, whole)
    batched = generator.interpolate(source, 3, sampler=FAST, batch_size=4)
    assert (batched.int() - whole.int()).abs().max() <= 3  # pixels are rounded before each pass


def test_a_stream_is_not_read_ahead(generator):
    read = []

    def parts():
        for index in range(100):
            read.append(index)
            yield noise_video(4)

    run = Interpolation(generator, 3, sampler=FAST, batch_size=2).run(parts())
    next(run)
    assert len(read) <= 3


def test_without_keeping_all_frames_are_made_anew(generator):
    source = noise_video(5)
    found = generator.interpolate(source, 2, keep_given=False, sampler=FAST)
    assert found.shape[1] == 9 and not torch.equal(found[:, ::2], source)


def test_bad_input_is_one_sentence(generator):
    with pytest.raises(InputError, match="the factor is 8; give 2 to 7, for clips have 8 frames"):
        generator.interpolate(noise_video(3), 8)
    with pytest.raises(InputError, match="the video has a single frame; give one of at least two"):
        generator.interpolate(noise_video(1), 2)
    with pytest.raises(InputError, match="was not trained with given frames"):
        small_generator().interpolate(noise_video(3), 2)


def test_the_command_writes_more_frames_at_a_higher_rate_or_slower(generator, tmp_path):
    generator.save_pretrained(tmp_path / "model")
    write_video(tmp_path / "in.mp4", noise_video(6), fps=8)
    base = ["interpolate", f"{tmp_path}/model", f"{tmp_path}/in.mp4", "--factor", "4", "--device", "cpu"]
    base += ["--sampler", "ddim", "--steps", "2"]
    assert main([*base, "--output", f"{tmp_path}/out.mp4"]) == 0
    assert main([*base, "--slow", "--output", f"{tmp_path}/slow.mp4"]) == 0
    smooth, slow = (probe(tmp_path / name) for name in ("out.mp4", "slow.mp4"))
    assert (smooth.frames, smooth.fps) == (21, 32) and (slow.frames, slow.fps) == (21, 8)
    assert main([*base, "--output", f"{tmp_path}/out.mp4"]) == 2  # exists
