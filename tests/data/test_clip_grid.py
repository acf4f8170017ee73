"""Rows of encoded clips against the frames that a sample of the videos themselves would have."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pvdm.data.latents.clip_grid import ClipGrid
from pvdm.video import ClipShape, VideoInfo
from pvdm.video.timeline import packed

CLIPS = [ClipShape(4, 8, 8), ClipShape(5, 8, 8, stride=3), ClipShape(4, 8, 8, fps=10.0), ClipShape(3, 8, 8, fps=12.0)]
CYCLES = [replace(clip, loop=True) for clip in (*CLIPS, ClipShape(20, 8, 8))]
UNEVEN = packed(np.array([*range(0, 400, 20), *range(400, 2400, 100), *range(9000, 9300, 60)]), Fraction(1, 1000))
INFOS = [*(VideoInfo(frames, 8, 8, 25.0) for frames in (13, 20, 31, 40, 90)), VideoInfo(45, 8, 8, 4.8, times=UNEVEN)]


@pytest.mark.parametrize("clip", [*CLIPS, *CYCLES], ids=str)
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7])
def test_context_and_target_are_the_frames_of_a_sample(clip, stride):
    grid, pair = ClipGrid(clip, stride), clip.longer(2)
    for info in INFOS:
        whole = pair.last_start(info) >= 0
        used, shape = set(), pair if whole else clip
        for start in range(0, shape.last_start(info) + 1, stride):
            context, target = grid.sample(start, info)
            assert (context is not None) == whole
            rows = [target] if context is None else [context, target]
            found = np.concatenate([grid.frames(row, info) for row in rows])
            assert found.tolist() == shape.source_indices(start, info).tolist()
            used.update(rows)
        assert used == set(range(grid.rows(info)))  # none is missing, and none is encoded that is not read


@pytest.mark.parametrize("stride", [1, 3, 4])
def test_the_nearest_start_is_one_that_there_is(stride):
    grid, info = ClipGrid(CLIPS[0], stride), VideoInfo(21, 8, 8, None)
    there = range(0, 21 - 8 + 1, stride)
    for start in range(14):
        found = grid.nearest(start, info)
        assert found in there
        assert abs(found - start) == min(abs(other - start) for other in there)


def test_each_clip_of_a_cycle_is_encoded_once():
    info = VideoInfo(16, 8, 8, 10.0)
    for clip in (ClipShape(4, 8, 8, loop=True), ClipShape(16, 8, 8, loop=True), ClipShape(20, 8, 8, loop=True)):
        assert ClipGrid(clip, 4).rows(info) == 4
    assert ClipGrid(ClipShape(4, 8, 8, loop=True), 3).rows(info) == 2 * 6


def test_a_clip_is_encoded_once_where_targets_are_later_contexts():
    info = VideoInfo(40, 8, 8, 25.0)
    assert ClipGrid(ClipShape(4, 8, 8), 1).rows(info) == 37
    assert ClipGrid(ClipShape(4, 8, 8), 4).rows(info) == 10
    assert ClipGrid(ClipShape(4, 8, 8), 3).rows(info) == 2 * 11
