"""Repair: which clips are laid around gaps, that nothing else changes, and gaps of any length."""

from __future__ import annotations

import pytest
import torch
from small_models import hinted_generator, noise_video, small_generator

from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import Repair, VideoGenerator

FAST = SamplerConfig("ddim", steps=2)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    return hinted_generator()


def repaired(generator, source, missing, size: int = 100) -> tuple[torch.Tensor, list[list[int]]]:
    """The result, and which frames each clip was given."""
    seen = []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    parts = list(Repair(generator, sampler=FAST).run(source.split(size, dim=1), missing))
    hook.remove()
    return torch.cat(parts, dim=1), [condition.known[0].nonzero().flatten().tolist() for condition in seen[::2]]


def kept(frames: int, missing) -> list[int]:
    return [index for index in range(frames) if index not in missing]


@pytest.mark.parametrize(
    ("frames", "missing", "clips"),
    [
        (20, {9, 10}, [[0, 1, 2, 5, 6, 7]]),  # the gap is in the middle of a clip
        (20, {0}, [[1, 2, 3, 4, 5, 6, 7]]),
        (20, {19}, [[0, 1, 2, 3, 4, 5, 6]]),
        (20, {5, 7}, [[0, 1, 2, 4, 6, 7]]),
        (30, {4, 22}, [[0, 1, 2, 4, 5, 6, 7], [0, 1, 2, 4, 5, 6, 7]]),
        (20, set(range(6, 16)), [[0, 1], [0, 1, 6, 7]]),  # longer than a clip
        (6, {2}, [[0, 1, 3, 4, 5]]),  # a video shorter than a clip
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100])
def test_clips_are_laid_around_gaps_and_nothing_else_changes(generator, frames, missing, clips, size):
    source = noise_video(frames)
    found, given = repaired(generator, source, missing, size)
    assert given == clips
    places = kept(frames, missing)
    assert found.shape == source.shape and torch.equal(found[:, places], source[:, places])
    assert all(not torch.equal(found[:, index], source[:, index]) for index in missing)


def test_missing_frames_are_not_read(generator):
    source, other = noise_video(20), noise_video(20)
    other[:, 9:11] = 255 - other[:, 9:11]
    assert torch.equal(repaired(generator, source, {9, 10})[0], repaired(generator, other, {9, 10})[0])


def test_a_whole_video_passes_through(generator):
    source = noise_video(20)
    found, given = repaired(generator, source, set(), size=3)
    assert torch.equal(found, source) and not given


def test_whole_frames_pass_at_once_and_a_gap_waits_for_the_clip_behind_it(generator):
    read = []

    def parts():
        for index in range(30):
            read.append(index)
            yield noise_video(30)[:, index : index + 1]

    run, left = Repair(generator, sampler=FAST).run(parts(), {10, 11}), []
    for part in run:
        left += [read[-1]] * part.shape[1]
    assert left == [*range(10), *[17] * 8, *range(18, 30)]  # 8 frames are a clip


def test_bad_input_is_one_sentence(generator):
    with pytest.raises(InputError, match="none of frames 0 to 7 is there; begin the video where its frames begin"):
        repaired(generator, noise_video(20), set(range(9)))
    with pytest.raises(InputError, match="was not trained with given frames"):
        Repair(small_generator())
