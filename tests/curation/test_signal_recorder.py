"""Motion, stillness and quality of rendered clips, whose answers are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pvdm.curation.duplicates.hashed_clip import clip_hashes
from pvdm.curation.duplicates.picture_hash import distance
from pvdm.curation.signals.frame_changes import smoothed
from pvdm.curation.signals.global_motion import fitted_similarity, lengths
from pvdm.curation.signals.letterbox import bars, likely_bars
from pvdm.curation.signals.picture_quality import blocking, colorfulness, flat_tone, sharpness
from pvdm.curation.signals.signal_recorder import SignalRecorder
from pvdm.curation.signals.signal_scores import clip_scores
from pvdm.video import VideoInfo

HEIGHT, WIDTH, FPS = 180, 320, 25


@pytest.fixture(autouse=True)
def one_thread():
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


def texture(seed: int, height: int = 360, width: int = 640) -> np.ndarray:
    """(h, w, 3) uint8: colored clouds, as detailed as a photograph."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    clouds = sum(scale * cv2.GaussianBlur(noise, (0, 0), scale) for scale in (2, 5, 15))
    return np.clip(128 + 60 * clouds / clouds.std(), 0, 255).astype(np.uint8)


def windows(picture: np.ndarray, places: list[tuple[float, float]]) -> list[np.ndarray]:
    """Frames that show a window of the picture at each (x, y)."""
    size = (WIDTH, HEIGHT)
    back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return [cv2.warpAffine(picture, np.float32([[1, 0, x], [0, 1, y]]), size, flags=back) for x, y in places]


def scaled(frame: np.ndarray, short_side: int) -> np.ndarray:
    factor = min(1, short_side / min(frame.shape[:2]))
    return cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def record(frames: list[np.ndarray], fps: float = FPS, start: int = 0) -> dict[str, np.ndarray]:
    """What a segment that starts at a frame says; frames: (h, w, 3) uint8 RGB."""
    recorder, samples = SignalRecorder(), []
    for number, frame in enumerate(frames[start:], start):
        recorder.frame(number, number / fps, scaled(frame, 90)[..., ::-1].copy())
        if int(number / fps * 2 + 1e-6) > int((number - 1) / fps * 2 + 1e-6) or number == 0:
            recorder.sample(number, number / fps, scaled(frame, 256), cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
            samples.append(number)
    numbers = np.arange(start, len(frames))
    return {**recorder.arrays(), "frame_number": numbers, "frame_seconds": numbers / fps} | {
        "sample_number": np.array(samples, int),
        "sample_seconds": np.array(samples) / fps,
    }


def scores(frames: list[np.ndarray], first: int = 0, last: int | None = None, fps: float = FPS) -> dict:
    facts = VideoInfo(len(frames), *frames[0].shape[:2], fps)
    return clip_scores(record(frames, fps), first, len(frames) - 1 if last is None else last, facts=facts)


def page(seed: int, height: int) -> np.ndarray:
    """A page of words, black on white."""
    draw = np.random.default_rng(seed)
    picture = np.full((height, WIDTH, 3), 255, np.uint8)
    for row in range(14, height, 14):
        words = " ".join("".join(draw.choice(list("abcdefghiklmnorstu"), draw.integers(2, 9))) for _ in range(6))
        cv2.putText(picture, words, (8, row), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 1, cv2.LINE_AA)
    return picture


def still() -> list[np.ndarray]:
    return windows(texture(0), [(0, 0)]) * 40


def slideshow() -> list[np.ndarray]:
    return [frame for seed in range(3) for frame in windows(texture(seed), [(0, 0)]) * 25]


def dissolving_slideshow() -> list[np.ndarray]:
    a, b = (windows(texture(seed), [(0, 0)])[0] for seed in (0, 1))
    return [a] * 30 + [cv2.addWeighted(a, 1 - k / 10, b, k / 10, 0) for k in range(1, 10)] + [b] * 30


def scrolling_page() -> list[np.ndarray]:
    text, frames, draw = page(0, 900), [], np.random.default_rng(0)
    for number in range(75):
        top = 5 * min(number, 40)
        frames.append(text[top : top + HEIGHT].copy())
        cv2.circle(frames[-1], tuple(draw.integers(100, 110, 2).tolist()), 4, (40, 40, 200), -1)
    return frames


def typing() -> list[np.ndarray]:
    text, frames = page(1, HEIGHT), []
    for number in range(75):
        frame = np.full_like(text, 255)
        frame[:60] = text[:60]
        frame[60:74, : 4 * number] = text[60:74, : 4 * number]
        frames.append(frame)
    return frames


def shaking() -> list[np.ndarray]:
    places = 60 + np.random.default_rng(0).normal(scale=3, size=(50, 2))
    return windows(texture(0), places.tolist())


def pan() -> list[np.ndarray]:
    return windows(texture(0), [(6 * number, 40) for number in range(50)])


def zoomed_photo() -> list[np.ndarray]:
    """2.2 s of a photo between black bars."""
    picture, frames = texture(1), []
    for number in range(55):
        side = 1.8 - 0.005 * number
        view = np.float32([[side, 0, 640 / 2 - side * WIDTH / 2], [0, side, 360 / 2 - side * HEIGHT / 2]])
        shown = cv2.warpAffine(picture, view, (WIDTH, HEIGHT), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP)
        shown[:20], shown[-20:] = 0, 0
        frames.append(shown)
    return frames


def zoomed_scene() -> list[np.ndarray]:
    """The same with a ball that rolls a little."""
    frames = zoomed_photo()
    for number, frame in enumerate(frames):
        cv2.circle(frame, (100 + number, 90), 40, (250, 250, 250), -1)
    return frames


def moving_object() -> list[np.ndarray]:
    """A ball swings before a camera at rest."""
    background, frames = windows(texture(0), [(0, 0)])[0], []
    for number in range(50):
        frames.append(background.copy())
        cv2.circle(frames[-1], (round(160 + 60 * np.sin(number)), 90), 30, (250, 250, 250), -1)
    return frames


@pytest.mark.parametrize(
    ("kind", "clip"),
    [
        ("still", still),
        ("slideshow", slideshow),
        ("slideshow", dissolving_slideshow),
        ("screen", scrolling_page),
        ("screen", typing),
        ("photo", zoomed_photo),
        ("shaking", shaking),
        ("video", zoomed_scene),
        ("video", pan),
        ("video", moving_object),
    ],
)
def test_kinds_are_told_apart(kind, clip):
    assert scores(clip())["kind"] == kind


def test_a_shift_a_turn_and_a_zoom_are_found_beside_an_object_of_its_own_way():
    expected = np.array([[1.02, -0.03, 2], [0.03, 1.02, -1], [0, 0, 1]])
    place = np.stack(np.meshgrid(np.arange(160), np.arange(128)), -1).astype(np.float32)
    flow = (place @ expected[:2, :2].T + expected[:2, 2] - place).astype(np.float32)
    flow[30:60, 20:60] = 9
    np.testing.assert_allclose(fitted_similarity(flow, np.ones((128, 160), np.float32)), expected, atol=0.02)


def test_lengths_are_the_same_anywhere_in_memory():
    x, y = np.random.default_rng(0).normal(size=(2, 101)).astype(np.float32)
    memory = np.empty(200, np.float32)
    found = set()
    for start in range(16):
        memory[start : start + 101] = x
        found.add(lengths(memory[start : start + 101], y).tobytes())
    assert len(found) == 1


def test_motion_is_the_way_in_half_a_second():
    """2 pixels a frame: 24 to 26 between samples, of a short side of 180."""
    frames = windows(texture(3), [(2 * number, 20) for number in range(51)])
    assert scores(frames)["motion"] == pytest.approx(100 * 25 / HEIGHT, rel=0.1)


def test_nothing_counts_across_the_border_of_a_clip():
    frames = windows(texture(1), [(0, 0)]) * 38 + windows(texture(2), [(0, 0)]) * 37
    for first, last in ((0, 37), (38, 74)):
        clip = scores(frames, first, last)
        assert (clip["motion"], clip["static"], clip["kind"]) == (0, 1, "still")


def test_new_pictures_are_no_motion():
    assert scores(slideshow())["motion"] == 0


def test_held_frames_are_counted():
    """25 moving pairs, 15 still ones, 10 moving ones."""
    places = [(number, 0) for number in range(26)] + [(25, 0)] * 15 + [(25 + number, 0) for number in range(1, 11)]
    clip = scores(windows(texture(4), [(3.0 * x, y) for x, y in places]))
    assert clip["static"] == pytest.approx(15 / 50)
    assert clip["frozen"] == pytest.approx(15 / FPS)


def test_segments_agree_with_one_pass():
    frames = windows(texture(5), [(40 + 30 * np.sin(number / 5), number / 3) for number in range(160)])
    whole, segment = record(frames), record(frames, start=10)
    for name in (name for name in whole if name.startswith(("frame_", "sample_"))):
        kind = name.partition("_")[0]
        own = [arrays[name][arrays[f"{kind}_number"] >= 50] for arrays in (whole, segment)]
        np.testing.assert_array_equal(*own)
        assert len(own[0])


def test_a_segment_without_samples_or_frames_has_the_same_arrays():
    whole, one, none = record(pan()[:14]), SignalRecorder(), SignalRecorder()
    one.frame(0, 0, scaled(texture(0), 90))
    for recorder, frames in ((one, 1), (none, 0)):
        arrays = recorder.arrays()
        assert arrays.keys() == {name for name in whole if not name.endswith(("_number", "_seconds"))}
        for name, array in arrays.items():
            assert array.shape == (frames if name.startswith("frame_") else 0, *whole[name].shape[1:])
            assert array.dtype == whole[name].dtype


def with_bars(frame: np.ndarray, top: int, bottom: int, left: int, right: int) -> np.ndarray:
    return cv2.copyMakeBorder(frame, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))


@pytest.mark.parametrize("sides", [(24, 24, 0, 0), (0, 0, 37, 38), (10, 33, 5, 21), (0, 0, 0, 0)])
def test_crop_removes_bars(sides):
    clip = scores([with_bars(frame, *sides) for frame in moving_object()[:15]])
    assert tuple(clip[f"crop_{side}"] for side in ("top", "bottom", "left", "right")) == sides


def test_a_bar_that_cannot_be_seen_is_as_the_opposite_one():
    frames = [with_bars(frame, 30, 30, 0, 0) for frame in moving_object()[:15]]
    for frame in frames:
        frame[-60:-30, : int(0.6 * frame.shape[1])] = 0  # dark ground above the lower bar
    clip = scores(frames)
    assert [clip[f"crop_{side}"] for side in ("top", "bottom", "left", "right")] == [30, 30, 0, 0]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_bars_of_a_turned_video_are_those_displayed(turns):
    shown = cv2.cvtColor(with_bars(texture(6), 40, 20, 0, 64), cv2.COLOR_RGB2GRAY)
    found = bars(np.ascontiguousarray(np.rot90(shown, -turns)), scaled(shown, 90))
    np.testing.assert_allclose(found * [420, 420, 704, 704], [40, 20, 0, 64], atol=0.01)


def test_bars_are_remembered_in_the_dark():
    """Hashes with bars and without agree, also where a part of the picture is black."""
    bright, dark = texture(6, HEIGHT, WIDTH), texture(6, HEIGHT, WIDTH)
    dark[:100] = 0
    frames = [bright] * 13 + [dark] * 13
    hashes = [record(clip)["frame_hash"] for clip in (frames, [with_bars(frame, 30, 30, 0, 0) for frame in frames])]
    assert distance(*hashes).max() <= 2
    known = np.float32([[0.1, 0.2, np.nan, np.nan], [np.nan, 0.3, 0.4, np.nan]])
    np.testing.assert_array_equal(likely_bars(known), np.float32([0.1, 0.3, 0.4, 0.4]))


def test_dark_scenes_and_black_pictures_have_no_crop():
    dark = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    lamp = cv2.circle(dark.copy(), (160, 90), 40, (255, 255, 200), -1)
    for frame in (dark, lamp):
        clip = scores([frame] * 5)
        assert [clip[f"crop_{side}"] for side in ("top", "bottom", "left", "right")] == [0, 0, 0, 0]


def test_light_and_color_of_known_pictures():
    half = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    half[:, WIDTH // 2 :] = 255
    clip = scores([cv2.flip(half, 1)])
    assert clip["brightness"] == pytest.approx(0.5)
    assert clip["contrast"] == pytest.approx(0.5)
    assert clip["colorfulness"] == pytest.approx(0)
    red = np.full((40, 40, 3), (255, 0, 0), np.uint8)
    assert colorfulness(red) == pytest.approx(0.3 * np.hypot(255, 127.5), rel=1e-3)


def test_sharpness_falls_with_blur_and_not_with_size():
    gray = cv2.cvtColor(texture(7, 512, 512), cv2.COLOR_RGB2GRAY)
    half = cv2.resize(gray, (256, 256), interpolation=cv2.INTER_AREA)
    assert sharpness(gray, 512) == pytest.approx(sharpness(half, 256), rel=0.02)
    assert sharpness(cv2.GaussianBlur(half, (0, 0), 3), 256) < sharpness(half, 256) / 10


def test_blocking_is_one_without_blocks():
    gray = cv2.cvtColor(texture(8), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (80, 45), interpolation=cv2.INTER_AREA)
    blocks = cv2.addWeighted(cv2.resize(small, (640, 360), interpolation=cv2.INTER_NEAREST), 0.8, gray, 0.2, 0)
    assert blocking(gray) == pytest.approx(1, abs=0.03)
    assert blocking(np.full((90, 160), 77, np.uint8)) == 1
    assert blocking(blocks) > 3
    assert blocking(np.roll(blocks, 4, axis=(0, 1))) < 1


def test_flat_tone_is_the_share_of_one_level():
    gray = np.arange(100, dtype=np.uint8).reshape(10, 10).repeat(2, 0)
    gray[:10] = 200
    assert flat_tone(gray) == pytest.approx(0.5)


def test_uneven_times_are_a_variable_rate():
    arrays = record(pan()[:20])
    uneven = VideoInfo(20, HEIGHT, WIDTH, 25.0, times="of the file")
    assert not clip_scores(arrays, 0, 19, facts=uneven)["variable_rate"]
    arrays["frame_seconds"] = arrays["frame_seconds"] + np.where(np.arange(20) > 12, 0.1, 0)
    assert clip_scores(arrays, 0, 19, facts=uneven)["variable_rate"]
    assert not clip_scores(arrays, 0, 11, facts=uneven)["variable_rate"]


@pytest.mark.parametrize("size", [(16, 16), (9, 400), (400, 6), (64, 48)])
def test_small_and_narrow_pictures_have_scores(size):
    picture = texture(9, 430, 400)
    frames = [np.ascontiguousarray(picture[number : number + size[0], : size[1]]) for number in range(30)]
    clip = scores(frames)
    assert [name for name, value in clip.items() if not isinstance(value, str) and not np.isfinite(value)] == []


def test_a_clip_between_two_samples_says_what_it_can():
    clip = scores(pan()[:12], 3, 9)
    assert np.isnan(clip["motion"])
    assert np.isnan(clip["brightness"])
    assert (clip["static"], clip["kind"]) == (0, "video")


def test_frames_of_one_time_and_clips_without_frames_do_no_harm():
    arrays = record(shaking()[:20])
    facts = VideoInfo(20, HEIGHT, WIDTH, 25.0)
    arrays["frame_seconds"] = np.zeros(20)
    assert clip_scores(arrays, 0, 19, facts=facts)["frozen"] == 0
    none = clip_scores(arrays, 100, 120, facts=facts)
    assert np.isnan([none["motion"], none["sharpness"]]).all()
    assert len(clip_hashes(arrays, 100, 120)) == 0


@pytest.mark.parametrize("window", [5, 9])
def test_a_path_is_smoothed_by_parabolas(window):
    path, half, place = np.random.default_rng(0).normal(size=(9, 2)), window // 2, np.arange(9)
    found = smoothed(path, window)
    for at in range(9):
        first = min(max(at - half, 0), 9 - window)
        near = slice(first, first + window)
        expected = [np.polyval(np.polyfit(place[near], values[near], 2), at) for values in path.T]
        np.testing.assert_allclose(found[at], expected, atol=1e-9)
