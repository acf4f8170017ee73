"""Copies of training clips are refused, whatever moment of a video they show, and new or blurred clips are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pvdm.errors import InputError
from pvdm.evaluation.clips.every_clip import EveryClip
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.copy_guard import CopyGuard
from pvdm.video import write_video


def drawn(seed: int, frames: int = 8) -> torch.Tensor:
    """(3, t, 32, 32) uint8: coarse patches that change to others."""
    coarse = torch.from_numpy(np.random.default_rng(seed).integers(256, size=(3, frames, 4, 4), dtype=np.uint8))
    return coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> Path:
    """Twelve videos of 8 frames, and one of 24."""
    folder = tmp_path_factory.mktemp("training")
    for seed in range(12):
        write_video(folder / f"{seed:02}", drawn(seed), fps=8)
    write_video(folder / "long", drawn(50, 24), fps=8)
    return folder


@pytest.fixture(scope="module")
def guard(training) -> CopyGuard:
    return CopyGuard.of(training, frames=8, size=(32, 32), fps=8)


def test_copies_of_any_moment_are_found_with_their_source(guard):
    long = drawn(50, 24)
    softer = (0.8 * drawn(3).float() + 20).byte()
    for clip, source in ((drawn(3), "03"), (softer, "03"), (drawn(7).flip(-1), "07"), (long[:, 12:20], "long")):
        found = guard.nearest(clip)
        assert guard.is_copy(found) and found.training == source
    assert not any(guard.is_copy(guard.nearest(drawn(seed))) for seed in range(100, 120))


def test_a_blur_that_is_near_to_all_is_no_copy(guard):
    mean = torch.stack([drawn(seed).float() for seed in range(12)]).mean(0).byte()
    found = guard.nearest(mean)
    assert found.distance < min(guard.nearest(drawn(seed)).distance for seed in range(100, 104))
    assert not guard.is_copy(found)


def test_clips_reach_from_end_to_end_half_a_clip_apart(training):
    clips = EveryClip(VideoSet.find(training), frames=8, scaling=Scaling((32, 32)))
    starts = [clips.first_frame(12, turn) for turn in range(clips.counts[12])]
    assert len(clips) == 12 + 5 and starts == [0, 4, 8, 12, 16]
    *_, last = clips.read(range(len(clips)))
    assert torch.equal(last.video, drawn(50, 24)[:, 16:]) and clips.group(16) == 12


def test_too_few_videos_and_a_model_are_refused(tmp_path, training):
    for seed in range(4):
        write_video(tmp_path / "few" / str(seed), drawn(seed), fps=8)
    with pytest.raises(InputError, match="9 training videos or more, but there are 4"):
        CopyGuard.of(tmp_path / "few", frames=8, size=(32, 32))
    with pytest.raises(InputError, match="is a model"):
        CopyGuard.of("pvdm/sprites-64", frames=8, size=(32, 32))
