"""The frame rate of a video is that of its timestamps, and clips with `fps` take the frames nearest in time."""

from fractions import Fraction

import numpy as np
import pytest

from pvdm.errors import InputError
from pvdm.video import ClipShape, VideoInfo, probe, read_clip
from pvdm.video.timeline import Timeline, packed, rate_and_times, timeline

TICK = Fraction(1, 1000)
FAST_THEN_SLOW = [*range(0, 1000, 20), *range(1000, 6001, 200)]
JITTER = [0, 31, 70, 99, 134, 171, 199, 230, 268, 301, 333, 365, 402, 433]
WITH_A_GAP = [*range(0, 400, 40), *range(60_000, 60_400, 40)]
NEGATIVE = [-120, -80, -30, 0, 100, 140, 400]


def info_of(milliseconds, tick=TICK, claims=()) -> VideoInfo:
    fps, times = rate_and_times(np.array(milliseconds), tick, claims)
    return VideoInfo(len(milliseconds), 8, 8, fps, times=times)


@pytest.mark.parametrize("times", [FAST_THEN_SLOW, JITTER, WITH_A_GAP, NEGATIVE])
@pytest.mark.parametrize("fps", [1.0, 5.0, 12.5, 30.0, 100.0])
def test_frames_are_the_nearest_in_time(times, fps):
    shape, info, seconds = ClipShape(4, 8, 8, fps=fps), info_of(times), np.array(times) / 1000
    usual = np.sort(np.diff(seconds))[(len(times) - 1) // 2]
    for start in range(len(times)):
        wanted = seconds[start] + np.arange(4) / fps
        fits = wanted[-1] < seconds[-1] + usual / 2 - 1e-9
        assert (start <= shape.last_start(info)) == fits
        if fits:
            found = shape.source_indices(start, info)
            apart = np.abs(seconds[:, None] - wanted)
            np.testing.assert_allclose(np.abs(seconds[found] - wanted), apart.min(axis=0), atol=1e-9)
            assert found[0] == start and (np.diff(found) >= 0).all()


def test_of_two_equally_near_it_is_the_later():
    info = info_of([0, 100, 200, 500, 600])
    assert ClipShape(3, 8, 8, fps=20.0).source_indices(0, info).tolist() == [0, 1, 1]
    assert ClipShape(4, 8, 8, fps=1000 / 350).source_indices(0, info).tolist()[:2] == [0, 3]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(15, 2), Fraction(240)])
@pytest.mark.parametrize("fps", [3.7, 5.0, 10.0, 12.0, 12.5, 23.976, 25.0, 60.0])
def test_a_constant_rate_gives_the_frames_that_numbers_give(rate, fps):
    info = VideoInfo(97, 8, 8, float(rate))
    by_time = Timeline(np.arange(97) / float(rate))
    for frames in (1, 2, 5, 16):
        shape = ClipShape(frames, 8, 8, fps=fps)
        step = float(rate) / fps  # the rule for videos without timestamps, to the bit
        steps = np.floor(np.arange(frames) * step + 0.5).astype(int)
        assert shape.last_start(info) == max(-1, 97 - steps[-1] - 1) == by_time.last_start(frames, fps)
        for start in range(shape.last_start(info) + 1):
            np.testing.assert_array_equal(shape.source_indices(start, info), start + steps)
            np.testing.assert_array_equal(by_time.nearest(start, frames, fps), start + steps)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.mov"])
@pytest.mark.parametrize("rate", [7, 24, 25, 30, 60, Fraction(30000, 1001), Fraction(24000, 1001)])
def test_files_of_constant_rate_have_exactly_the_rate_they_claim(make_video, name, rate):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    info = probe(make_video(name, frames=50, height=16, width=16, fps=rate, codec=codec))
    assert (info.fps, info.times) == (float(rate), None)


@pytest.mark.parametrize(
    ("milliseconds", "rate"),
    [
        ([0, 33, 67, 100, 133, 167, 200], 30.0),
        ([0, 17, 33, 50, 67, 83, 100], 60.0),
        ([5, 45, 85, 125], 25.0),
        (np.round(np.arange(300) * 1001 / 30).astype(int), 30000 / 1001),
        ([0, 400], 2.5),
    ],
)
@pytest.mark.parametrize("claims", [(), (Fraction(1000),), (None, Fraction(90_000))])
def test_rounded_times_are_of_a_constant_rate_and_a_wrong_claim_is_not_believed(milliseconds, rate, claims):
    info = info_of(milliseconds, claims=claims)
    assert info.fps == pytest.approx(rate, rel=1e-12) and info.times is None


@pytest.mark.parametrize("times", [FAST_THEN_SLOW, JITTER, WITH_A_GAP, NEGATIVE])
def test_a_variable_rate_is_the_mean_not_the_declared_one(times):
    info = info_of(times, claims=(Fraction(25),))
    assert info.fps == pytest.approx((len(times) - 1) / (times[-1] - times[0]) * 1000)
    np.testing.assert_allclose(timeline(info.times).seconds, (np.array(times) - times[0]) / 1000, atol=1e-12)


def test_a_dropped_frame_is_a_gap_however_coarse_the_unit():
    info = info_of([0, 1, 2, 3, 5, 6], tick=Fraction(1, 25), claims=(Fraction(25),))
    assert ClipShape(6, 8, 8, fps=25.0).source_indices(0, info).tolist() == [0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize("ticks", [[7], [3, 3, 3], [0, 2, 1], None])
def test_the_declared_rate_is_used_without_timestamps(ticks):
    ticks = None if ticks is None else np.array(ticks)
    assert rate_and_times(ticks, TICK, (None, Fraction(24))) == (24.0, None)
    assert rate_and_times(ticks, TICK) == (None, None)
    assert rate_and_times(ticks, None, (Fraction(24),)) == (24.0, None)


def test_equal_times_may_be_among_others():
    info = info_of([0, 0, 0, 40, 300, 340])
    assert ClipShape(3, 8, 8, fps=25.0).source_indices(0, info).tolist() == [0, 3, 3]
    assert ClipShape(1, 8, 8, fps=25.0).last_start(info) == 5


def test_as_many_clips_as_have_room_in_the_time_and_no_more_than_there_are_starts():
    shape = ClipShape(5, 8, 8, fps=5.0)
    assert shape.fit_end_to_end(info_of(FAST_THEN_SLOW)) == int(6.02 / 0.82)
    assert shape.fit_end_to_end(info_of(WITH_A_GAP)) == 10
    assert ClipShape(5, 8, 8, fps=50.0).fit_end_to_end(info_of([0, 30, 90])) == 1


def test_with_a_stride_frames_are_counted_and_the_rate_is_that_of_the_clip():
    shape, info = ClipShape(4, 8, 8, stride=2), info_of(FAST_THEN_SLOW)
    assert shape.source_indices(3, info).tolist() == [3, 5, 7, 9]
    assert shape.output_fps(info, 0) == pytest.approx(25)
    assert shape.output_fps(info, 60) == pytest.approx(2.5)
    assert shape.output_fps(info) == pytest.approx(info.fps / 2)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.webm", "v.mov"])
def test_a_file_of_variable_rate_is_read_by_time(make_video, frame_numbers, name):
    shown = [0, 20, 40, 60, 80, 100, 300, 500, 700, 900, 1100, 1300]
    options = {"codec": "libvpx"} if name.endswith("webm") else {"bf": "2"}
    path = make_video(name, frames=12, milliseconds=shown, **options)
    info = probe(path)
    assert info.fps == pytest.approx(11 / 1.3)
    clip = read_clip(path, ClipShape(5, 48, 64, fps=5.0), info=info)
    numbers = frame_numbers(clip.permute(1, 2, 3, 0).numpy())
    assert numbers == [0, 6, 7, 8, 9]
    with pytest.raises(InputError, match=r"from frame 8 on does not fit in .*, which has 12 frames; start earlier"):
        read_clip(path, ClipShape(5, 48, 64, fps=5.0), 8, info=info)


def test_b_frames_in_avi_have_the_times_of_their_packets(make_video):
    info = probe(make_video("a.avi", frames=30, fps=12, bf="2"))
    assert (info.frames, info.fps, info.times) == (30, 12.0, None)


def test_one_frame_is_a_video(make_video):
    info = probe(make_video("a.mp4", frames=1))
    assert info.frames == 1 and info.times is None
    assert ClipShape(1, 8, 8, fps=12.0).last_start(info) == 0


def test_an_hour_of_uneven_frames_is_a_short_text():
    steps = np.random.default_rng(0).choice([33, 34, 50], 100_000)
    assert len(packed(np.cumsum(steps), TICK)) < 100_000


@pytest.mark.parametrize("text", ["", "1/1000", "1/1000 AAAA", "1/0 eA==", "x eJw="])
def test_other_texts_are_no_timeline(text):
    with pytest.raises(ValueError, match=r"timeline|Fraction|base64|padding"):
        timeline(text)
