"""Upscaling: what each clip is given, how clips follow each other, and what stays of the small video."""

from __future__ import annotations

import logging

import pytest
import torch
from small_models import hinted_generator, noise_video, small_generator

from pvdm.conditions.blurred_clips import blurred, enlarged
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import Upscaling, VideoGenerator
from pvdm.video import to_float, write_video

FAST = SamplerConfig("ddim", steps=2)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    """Clips of 8 frames of 32x32."""
    return hinted_generator()


def small_video(frames: int, height: int = 8, width: int = 8) -> torch.Tensor:
    return noise_video(frames)[..., :height, :width]


@pytest.fixture
def seen(generator):
    """The conditions that the network is given."""
    found = []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: found.append(inputs[2]))
    yield found
    hook.remove()


@pytest.mark.parametrize("frames", [1, 7, 8, 9, 20])
def test_every_frame_becomes_as_large_as_the_models(generator, frames):
    assert generator.upscale(small_video(frames), sampler=FAST).shape == (3, frames, 32, 32)
    assert Upscaling(generator).clips(frames) == -(-frames // 8)


def test_each_clip_is_given_its_enlarged_frames_and_the_clip_before(generator, seen):
    source = small_video(13)
    generator.upscale(source, sampler=FAST)
    first, second = seen[0], seen[2]
    with torch.no_grad():
        given = to_float(enlarged(torch.cat((source[:, 8:], source[:, -1:].expand(-1, 3, -1, -1)), dim=1), (32, 32)))
        wanted = generator.autoencoder.encode(given[None]).flatten()
    assert first.context is None and second.context.shape == second.hint.shape
    assert first.known.all() and second.known.all()
    torch.testing.assert_close(second.hint, wanted, rtol=1e-4, atol=1e-5)


def test_the_coarse_content_is_that_of_the_small_video(generator):
    source = torch.full((3, 12, 8, 8), 128, dtype=torch.uint8) + small_video(12) // 8
    given, found = enlarged(source, (32, 32)), generator.upscale(source, sampler=FAST)
    free = generator.upscale(source, sampler=FAST, keep_given=False)
    far, near = (
        (blurred(video[None], [4.0])[0].float() - given.float()).abs().mean().item() for video in (free, found)
    )
    assert near < 0.25 * far


def test_neither_parts_nor_what_follows_change_a_clip(generator):
    source = small_video(20)
    task = Upscaling(generator, sampler=FAST)
    whole = torch.cat(list(task.run([source])), dim=1)
    assert torch.equal(torch.cat(list(task.run(source.split([1, 2, 11, 6], dim=1))), dim=1), whole)
    assert torch.equal(generator.upscale(source[:, :16], sampler=FAST), whole[:, :16])
    assert not torch.equal(generator.upscale(source, sampler=FAST, seed=1), whole)


def test_a_stream_is_not_read_ahead(generator):
    read = []

    def parts():
        for index in range(100):
            read.append(index)
            yield small_video(4)

    next(Upscaling(generator, sampler=FAST).run(parts()))
    assert len(read) == 2


def test_a_file_of_another_shape_is_cut_and_that_is_said(generator, tmp_path, caplog):
    write_video(tmp_path / "wide.mp4", small_video(4, 8, 16), fps=10)
    with caplog.at_level(logging.WARNING):
        assert generator.upscale(tmp_path / "wide.mp4", sampler=FAST).shape == (3, 4, 32, 32)
    assert caplog.messages == ["the video has another shape: 50 % is cut, left and right"]


def test_bad_input_is_one_sentence(generator):
    with pytest.raises(InputError, match="the video has 32x40 pixels, and this model makes 32x32; give a smaller"):
        generator.upscale(torch.zeros(3, 4, 40, 32, dtype=torch.uint8))
    with pytest.raises(InputError, match="the video has no frame"):
        generator.upscale(small_video(0))
    with pytest.raises(InputError, match="was not trained with given frames"):
        small_generator().upscale(small_video(4))
    with pytest.raises(InputError, match=r"the video is torch.float32"):
        generator.upscale(torch.ones(3, 4, 8, 8))
