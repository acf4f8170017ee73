"""Temporal coherence of synthetic videos with known motion, flicker and seams."""

import cv2
import numpy as np
import pytest
import torch

from pvdm.errors import InputError
from pvdm.evaluation.metrics.coherence import (
    coherence,
    coherence_curve,
    motion,
    second_difference_energy,
    warping_error,
)
from pvdm.video import ClipShape, read_clip


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colored blobs, (h, w, 3) uint8 of full contrast."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def video_of(frames: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2)


def pan(step: tuple[int, int], frames: int = 8, size: tuple[int, int] = (64, 80)) -> torch.Tensor:
    """A camera that moves over a texture by this many rows and columns per frame."""
    wide = texture(size[0] + step[0] * frames, size[1] + step[1] * frames)
    return video_of([wide[step[0] * i :, step[1] * i :][: size[0], : size[1]] for i in range(frames)])


def shuffled(video: torch.Tensor) -> torch.Tensor:
    return video[:, torch.randperm(video.shape[1], generator=torch.Generator().manual_seed(0))]


def flickering(video: torch.Tensor, amount: int = 20) -> torch.Tensor:
    signs = torch.tensor([amount, -amount]).repeat(video.shape[1])[: video.shape[1]]
    return (video.int() + signs[:, None, None]).clamp(0, 255).byte()


@pytest.fixture
def real_clip(shared_data) -> torch.Tensor:
    path = next((shared_data / "UCF-101" / "BabyCrawling").glob("*.avi"))
    return torch.as_tensor(read_clip(path, ClipShape(8, 64, 64)))


@pytest.mark.parametrize("step", [(0, 1), (0, 3), (2, 0), (3, 4)])
def test_a_pan_moves_by_its_step_and_is_warped_onto_itself(step):
    video = pan(step)
    frames = video.float() / 255
    unwarped = (frames[:, 1:] - frames[:, :-1]).square().mean().item()
    assert motion(video) == pytest.approx(np.hypot(*step), rel=0.05)
    assert warping_error(video) < 0.02 * unwarped


def test_the_share_that_leaves_the_frame_is_occluded():
    """And little error where the flow has no texture to follow."""
    assert 4 / 80 <= coherence(pan((0, 4)))["occlusion"] < 8 / 80


def test_occluded_pixels_do_not_count():
    """A square that moves over a still texture: only pixels at its edge are occluded."""
    ground, square = texture(64, 64), texture(20, 20, seed=1)
    frames = [ground.copy() for _ in range(6)]
    for i, frame in enumerate(frames):
        frame[20:40, 5 + 4 * i : 25 + 4 * i] = square
    found = coherence(video_of(frames))
    assert 20 * 4 / 64**2 / 2 < found["occlusion"] < 0.15
    assert found["warping_error"] < 1e-3


@pytest.mark.parametrize("still", [texture(16, 16), np.zeros((16, 24, 3), np.uint8)])
def test_a_frozen_clip_scores_zero(still):
    assert set(coherence(video_of([still] * 4)).values()) == {0.0}


def test_freezing_and_shuffling_and_flicker_are_seen_in_a_real_clip(real_clip):
    real, frozen = coherence(real_clip), coherence(real_clip[:, :1].expand(-1, 8, -1, -1))
    assert real["motion"] > 0.2
    assert min(real["second_differences"], real["warping_error"]) > 1e-5
    assert frozen["motion"] == frozen["second_differences"] == frozen["warping_error"] == 0
    for worse in (coherence(shuffled(real_clip)), coherence(flickering(real_clip))):
        assert worse["second_differences"] > 2 * real["second_differences"]
        assert worse["warping_error"] > 1.5 * real["warping_error"]


def test_shuffling_a_pan_is_incoherent():
    video = pan((1, 2))
    for name, value in coherence(shuffled(video)).items():
        assert value > coherence(video)[name], name


def test_second_differences_of_flicker_and_fade_are_their_closed_forms():
    grey = torch.full((3, 7, 16, 20), 100, dtype=torch.uint8)
    fade = (grey.int() + 5 * torch.arange(7)[:, None, None]).byte()
    assert second_difference_energy(fade) == 0
    assert second_difference_energy(flickering(grey)) == pytest.approx((4 * 20 / 255) ** 2, rel=1e-12)


def test_second_differences_are_those_of_numpy():
    video = torch.randint(256, (3, 5, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    expected = np.square(np.diff(video.numpy() / 255, n=2, axis=1)).mean()
    assert second_difference_energy(video) == pytest.approx(expected, rel=1e-12)


def test_without_any_flow_nothing_is_excused():
    """Black, then white: every pixel is wrong, warped or not."""
    frames = [np.full((16, 16, 3), value, np.uint8) for value in (0, 255, 0)]
    assert warping_error(video_of(frames)) == pytest.approx(1)


def test_scores_do_not_depend_on_the_number_of_threads():
    video, before, found = pan((1, 2), frames=4, size=(128, 128)), (cv2.getNumThreads(), torch.get_num_threads()), []
    try:
        for threads in (1, 3):
            cv2.setNumThreads(threads)
            torch.set_num_threads(threads)
            found.append(coherence(video))
            assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
    assert found[0] == found[1]


@pytest.mark.parametrize("size", [(16, 16), (16, 128), (256, 17), (33, 40)])
def test_any_size_has_figures(size):
    assert all(np.isfinite(list(coherence(pan((0, 1), frames=3, size=size)).values())))


def test_the_curve_tells_where_quality_falls():
    sharp = pan((0, 1), frames=8)
    soft = video_of([cv2.GaussianBlur(frame, (0, 0), 4) for frame in flickering(sharp).permute(1, 2, 3, 0).numpy()])
    curve = coherence_curve(torch.cat([sharp, soft, sharp[:, :3]], 1), window=8)
    assert curve.pop("start_frames") == [0, 8]
    assert curve.keys() == {"sharpness", "warping_error", "second_differences", "motion"}
    assert curve["sharpness"][1] < 0.5 * curve["sharpness"][0]
    assert curve["second_differences"][1] > curve["second_differences"][0]


def test_a_seam_counts_in_the_window_it_ends():
    still, other = texture(32, 32), texture(32, 32, seed=1)
    curve = coherence_curve(video_of([still] * 4 + [other] * 8), window=4)
    for name in ("warping_error", "second_differences", "motion"):
        assert curve[name][0] > 0
        assert curve[name][1:] == [0, 0], name


def test_a_curve_of_one_window_is_the_clip():
    video = pan((1, 1))
    curve, clip = coherence_curve(video, window=8), coherence(video)
    for name in ("warping_error", "second_differences", "motion"):
        assert curve[name] == [pytest.approx(clip[name], rel=1e-12)]


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (torch.zeros(3, 2, 16, 16, dtype=torch.uint8), "was given 2 frames of 16x16; give at least 3 frames of 16x16"),
        (torch.zeros(3, 3, 15, 16, dtype=torch.uint8), "was given 3 frames of 15x16"),
        (
            torch.zeros(3, 3, 16, 16),
            r"was given \(3, 3, 16, 16\) of torch.float32; give a clip \(3, t, h, w\) of uint8",
        ),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), r"was given \(1, 3, 16, 16\) of torch.uint8"),
    ],
)
def test_other_shapes_and_types_are_refused(video, message):
    for measure in (coherence, second_difference_energy, coherence_curve):
        with pytest.raises(InputError, match=message):
            measure(video)


@pytest.mark.parametrize("window", [2, 5])
def test_a_window_that_does_not_fit_is_refused(window):
    with pytest.raises(InputError, match=f"a window of {window} frames does not fit a video of 4; take 3 to 4"):
        coherence_curve(torch.zeros(3, 4, 16, 16, dtype=torch.uint8), window=window)
