"""The clips of a file are the maximal spans between sure joints; no frame belongs to two."""

from dataclasses import dataclass

import numpy as np
import pytest

from pvdm.curation.scan.spans import Span, spans_between


@dataclass(frozen=True)
class Joint:
    first: int
    last: int
    sure: bool = True


def test_hard_cuts_leave_no_frame_out_and_gradual_ones_leave_theirs():
    joints = [Joint(10, 9), Joint(20, 25), Joint(40, 39)]
    assert spans_between(joints, np.arange(50), 50) == [Span(0, 9), Span(10, 19), Span(26, 39), Span(40, 49)]


def test_unsure_joints_are_counted_and_end_no_clip():
    joints = [Joint(10, 9, sure=False), Joint(30, 29), Joint(35, 38, sure=False), Joint(40, 41, sure=False)]
    assert spans_between(joints, np.arange(50), 50) == [Span(0, 29, cuts=1), Span(30, 49, cuts=2)]


def test_damaged_frames_divide_clips_and_are_spans_of_their_own():
    numbers = np.array([i for i in range(30) if i not in (0, 12, 13, 29)])
    expected = [Span(0, 0, damaged=True), Span(1, 11), Span(12, 13, damaged=True), Span(14, 28)]
    assert spans_between([], numbers, 30) == [*expected, Span(29, 29, damaged=True)]


def test_a_fade_at_either_end_and_neighbors_that_overlap():
    assert spans_between([Joint(0, 4), Joint(25, 29)], np.arange(30), 30) == [Span(5, 24)]
    assert spans_between([Joint(10, 14), Joint(13, 16)], np.arange(30), 30) == [Span(0, 9), Span(17, 29)]


def test_a_file_without_joints_or_without_frames():
    assert spans_between([], np.arange(1), 1) == [Span(0, 0)]
    assert spans_between([], np.arange(0), 3) == [Span(0, 2, damaged=True)]


@pytest.mark.parametrize("seed", range(20))
def test_spans_and_sure_transitions_partition_the_frames(seed):
    generator = np.random.default_rng(seed)
    starts = np.sort(generator.choice(np.arange(1, 190), 12, replace=False))
    joints = [Joint(int(at), int(at + generator.integers(-1, 8)), bool(generator.random() < 0.7)) for at in starts]
    numbers = np.flatnonzero(generator.random(200) < 0.97)
    spans = spans_between(joints, numbers, 200)
    count, sure = np.zeros(200, int), np.zeros(200, bool)
    for span in spans:
        count[span.first : span.last + 1] += 1
        inside = np.isin(np.arange(span.first, span.last + 1), numbers)
        assert not inside.any() if span.damaged else inside.all()
    for joint in joints:
        sure[joint.first : joint.last + 1] |= joint.sure
    decoded = np.isin(np.arange(200), numbers)
    np.testing.assert_array_equal(count, np.where(decoded & sure, 0, 1))
