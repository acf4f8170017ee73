"""The tree of clips: branches, scenes, what is discarded, deleted and forgotten."""

from __future__ import annotations

import pytest
import torch

from pvdm.errors import InputError
from pvdm.studio.streams.clip_batch import ClipRequest, MadeClip
from pvdm.studio.streams.clip_timeline import Timeline
from pvdm.studio.streams.stream_settings import StreamSettings


def grown(timeline: Timeline, clips: int, seed: int = 0) -> list[int]:
    """Adds clips after the head; their numbers."""
    for _ in range(clips):
        noise = timeline.next_noise(timeline.head, seed)
        asked = ClipRequest("a", StreamSettings(seed=seed), noise, version=7, parent=timeline.head)
        timeline.add(MadeClip(asked, torch.zeros(1, 1), torch.zeros(3, 4, 2, 2), 0.0, 0.1, 1))
    return list(timeline.clips)[-clips:]


def noises(timeline: Timeline) -> list[tuple[int, int, int]]:
    return [clip.noise for clip in timeline.clips.values()]


def test_a_stream_that_is_not_steered_is_video_0_of_its_seed():
    timeline = Timeline(100)
    grown(timeline, 3, seed=5)
    assert noises(timeline) == [(5, 0, 0), (5, 0, 1), (5, 0, 2)]
    assert [clip.parent for clip in timeline.clips.values()] == [None, 1, 2] and timeline.head == 3


def test_a_branch_and_a_further_scene_are_other_videos_of_the_seed():
    timeline = Timeline(100)
    grown(timeline, 3)
    timeline.head = 1
    grown(timeline, 2)
    timeline.head = None
    grown(timeline, 1)
    timeline.head = 1
    grown(timeline, 1, seed=9)
    assert noises(timeline)[3:] == [(0, 1, 1), (0, 1, 2), (0, 2, 0), (9, 0, 1)]
    assert [clip.id for clip in timeline.path(5)] == [1, 4, 5]


def test_clips_that_nobody_saw_are_made_again_with_the_same_noise():
    timeline = Timeline(100)
    grown(timeline, 3)
    timeline.discard([2, 3])
    assert timeline.head == 1 and timeline.next_noise(1, 0) == (0, 0, 1)
    timeline.discard([1])
    assert timeline.head is None and timeline.next_noise(None, 0) == (0, 0, 0)


def test_deleting_takes_all_after_a_clip_and_what_follows_is_new():
    timeline = Timeline(100)
    grown(timeline, 3)
    timeline.head = 1
    grown(timeline, 1)
    assert timeline.delete(2) == [2, 3] and timeline.head == 4
    assert timeline.delete(4) == [4] and timeline.head == 1
    assert timeline.next_noise(1, 0) == (0, 2, 1)
    assert timeline.delete(1) == [1] and timeline.head is None and not timeline.clips
    with pytest.raises(InputError, match="there is no clip 1 in this stream; choose one of its timeline"):
        timeline.delete(1)


def test_the_oldest_clips_are_forgotten_but_the_head_is_not():
    timeline = Timeline(10)
    grown(timeline, 10)
    assert not timeline.forget()
    timeline.head = 1
    grown(timeline, 1)
    timeline.head = 1
    assert timeline.forget() and list(timeline.clips) == [1, 4, 5, 6, 7, 8, 9, 10, 11]
    assert [clip.id for clip in timeline.path(5)] == [4, 5]
    for _ in range(100):
        grown(timeline, 1)
        timeline.forget()
    assert len(timeline.clips) <= 10 and timeline.head == max(timeline.clips)


def test_clients_are_told_of_each_clip():
    timeline = Timeline(10)
    grown(timeline, 2)
    assert (
        timeline.to_json()[1].items() >= {"id": 2, "parent": 1, "seed": 0, "video": 0, "clip": 1, "version": 7}.items()
    )
