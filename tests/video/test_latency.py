"""Latency: of each frame, of those between them, and of none."""

from pvdm.video.live import latency
from pvdm.video.live.latency import Latency


def test_each_frame_counts_from_its_arrival(monkeypatch):
    found = Latency()
    for moment in (10.0, 11.0, 12.0):
        found.came(moment)
    monkeypatch.setattr(latency, "monotonic", lambda: 12.0)
    found.went(2)
    monkeypatch.setattr(latency, "monotonic", lambda: 14.0)
    found.went(1)
    assert (found.median, found.worst, found.rate, found.frames) == (2.0, 2.0, 0.75, 3)
    assert str(found) == "0.8 frames per second, from arrival to output median 2.00 s, worst 2.00 s"


def test_frames_between_those_that_came_have_no_arrival(monkeypatch):
    found = Latency()
    for moment in (1.0, 2.0, 3.0):
        found.came(moment)
    monkeypatch.setattr(latency, "monotonic", lambda: 4.0)
    for frames in (1, 2, 2, 2):
        found.went(frames, each=3)
    assert found.frames == 7 and (found.median, found.worst) == (2.0, 3.0)


def test_a_video_without_frames_has_none():
    assert (Latency().median, Latency().worst, Latency().rate) == (0, 0, 0)
