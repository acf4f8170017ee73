"""Temporal coherence: warping error, flicker and motion of generated clips, to be compared with real clips."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from torch import Tensor, get_num_threads, uint8

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.fidelity import high_frequency_energy
from pvdm.evaluation.metrics.metric_setup import MetricSetup, column_means
from pvdm.evaluation.metrics.score import Score, Scores
from pvdm.video import to_float

NAMES = ["warping_error", "second_differences", "motion", "occlusion"]

SMALLEST, SHORTEST = 16, 3
"""Height and width in pixels, and frames, that a clip must have."""


def measure(real: ClipSource | None, fake: ClipSource, setup: MetricSetup) -> Scores:
    """The mean over clips of each score of `coherence`."""
    fake_means = column_means(NAMES, setup.rows(fake, coherence_rows, "generated clips"))
    real_means = {} if real is None else column_means(NAMES, setup.rows(real, coherence_rows, "real clips"))
    return Scores({name: Score(fake_means[name], "like real", real=real_means.get(name)) for name in NAMES})


def coherence_rows(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) uint8 -> (b, 4) float64, in the order of `NAMES`."""
    scores = [coherence(clip) for clip in video]
    return torch.tensor([[clip[name] for name in NAMES] for clip in scores], dtype=torch.float64)


def coherence(video: Tensor) -> dict[str, float]:
    """All scores of a clip (3, t, h, w) uint8, at least 3 frames of 16x16.

    No score is good or bad by itself: a frozen clip scores zero throughout, a shuffled one too high. 16 frames of
    256x256 take 0.7 s on one core.

    Returns:
        `warping_error`, `second_differences` and `motion`, see the functions below, and `occlusion`, the share of
        pixels without a consistent flow, which the warping error leaves out.
    """
    error, length, occluded = _flow_measures(_frames(video)).mean(0)
    return {
        "warping_error": float(error),
        "second_differences": second_difference_energy(video),
        "motion": float(length),
        "occlusion": float(occluded),
    }


def warping_error(video: Tensor) -> float:
    """Mean squared error, pixels in [0, 1], between each frame and the next one warped back onto it.

    Lai et al. 2018 (arXiv 1808.00449), section 4.3: the mean over the pixels that are not occluded, then over the pairs
    of frames. A generated video has no original, so the flow is its own, by DIS (Kroeger et al. 2016, arXiv
    1603.03590). A pixel is occluded where forward and backward flow disagree (Sundaram et al. 2010) or where it leaves
    the frame.

    video: (3, t, h, w) uint8, at least 3 frames of 16x16.
    """
    return coherence(video)["warping_error"]


def motion(video: Tensor) -> float:
    """Mean length of the optical flow in pixels per frame; 0 for a frozen video. video: as for `warping_error`."""
    return coherence(video)["motion"]


def second_difference_energy(video: Tensor) -> float:
    """Mean of (v[t - 1] - 2 v[t] + v[t + 1])^2, pixels in [0, 1]: flicker and jerks; 0 for a steady fade.

    video: (3, t, h, w) uint8, at least 3 frames of 16x16.
    """
    return float(_second_differences(_frames(video)).mean())


def coherence_curve(video: Tensor, window: int = 16) -> dict[str, list[float]]:
    """The scores along a long video (3, t, h, w) uint8, window by window, and its sharpness: how quality drifts.

    The step from the last frame of a window to the first of the next belongs to the earlier window, so the seams of an
    extended video count. A remainder shorter than a window is left out.

    Returns:
        `start_frames`, and for each of them `sharpness` (see `high_frequency_energy`), `warping_error`,
        `second_differences` and `motion`.
    """
    frames = _frames(video)
    if not SHORTEST <= window <= len(frames):
        raise InputError(
            f"a window of {window} frames does not fit a video of {len(frames)}",
            f"take {SHORTEST} to {len(frames)}",
        )
    starts = range(0, len(frames) - window + 1, window)
    flow, second = _flow_measures(frames), _second_differences(frames)
    clips = (video[:, start : start + window] for start in starts)
    return {
        "start_frames": list(starts),
        "sharpness": [high_frequency_energy(to_float(clip[None])).item() for clip in clips],
        "warping_error": [float(flow[start : start + window, 0].mean()) for start in starts],
        "second_differences": [float(second[start : start + window].mean()) for start in starts],
        "motion": [float(flow[start : start + window, 1].mean()) for start in starts],
    }


def _frames(video: Tensor) -> np.ndarray:
    """(3, t, h, w) uint8 -> (t, h, w, 3); InputError for another shape, or if it is too small."""
    if video.ndim != 4 or len(video) != 3 or video.dtype != uint8:
        raise InputError(
            f"coherence was given {tuple(video.shape)} of {video.dtype}", "give a clip (3, t, h, w) of uint8"
        )
    frames, height, width = video.shape[1:]
    if frames < SHORTEST or min(height, width) < SMALLEST:
        clip = f"{frames} {'frame' if frames == 1 else 'frames'} of {height}x{width}"
        raise InputError(f"coherence was given {clip}", f"give at least {SHORTEST} frames of {SMALLEST}x{SMALLEST}")
    return np.ascontiguousarray(video.permute(1, 2, 3, 0).cpu().numpy())


def _second_differences(frames: np.ndarray) -> np.ndarray:
    """The energy of each three consecutive frames, (t - 2,) float64; exact, because the sums are of integers."""
    energies = []
    for i in range(len(frames) - 2):
        before, here, after = frames[i : i + 3].astype(np.int32)
        energies.append(np.square(before - 2 * here + after).sum(dtype=np.int64) / (here.size * 255**2))
    return np.array(energies)


def _flow_measures(frames: np.ndarray) -> np.ndarray:
    """Warping error, mean flow and occluded share of each two consecutive frames, (t - 1, 3) float64."""
    with _one_thread(), ThreadPoolExecutor(get_num_threads()) as pool:
        return np.array(list(pool.map(_pair_measures, frames[:-1], frames[1:])))


def _pair_measures(here: np.ndarray, after: np.ndarray) -> tuple[float, ...]:
    """Warping error, mean flow and occluded share of two frames (h, w, 3) uint8."""
    # The only preset of OpenCV that does not crash on narrow frames, such as 16x128.
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (here, after))
    forward, backward = flow.calc(first, second, None), flow.calc(second, first, None)
    return _measures_from_flow(here / np.float32(255), after / np.float32(255), forward, backward)


def _measures_from_flow(
    here: np.ndarray, after: np.ndarray, forward: np.ndarray, backward: np.ndarray
) -> tuple[float, ...]:
    """Frames (h, w, 3) float32 in [0, 1], the flow (h, w, 2) from the first to the second, and the flow back."""
    places = _places(here.shape[:2]) + forward
    occluded = _occluded(places, forward, _sample(backward, places))
    error = np.square(here - _sample(after, places), dtype=np.float64).mean(-1)
    visible = error if occluded.all() else error[~occluded]  # where there is no flow at all, every pixel counts
    return visible.mean(), np.linalg.norm(forward, axis=-1).mean(dtype=np.float64), occluded.mean()


def _occluded(places: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Sundaram et al. 2010, "Dense point trajectories", eq. 5, or outside the frame: (h, w) bool."""
    height, width = forward.shape[:2]
    disagreement = np.square(forward + backward).sum(-1)
    allowed = 0.01 * (np.square(forward).sum(-1) + np.square(backward).sum(-1)) + 0.5
    x, y = places[..., 0], places[..., 1]
    return (disagreement > allowed) | (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)


def _places(size: tuple[int, int]) -> np.ndarray:
    """x and y of every pixel, (h, w, 2) float32."""
    return np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0])), -1).astype(np.float32)


def _sample(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """picture (h, w, c) at places (h, w, 2), bilinear."""
    return cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limits OpenCV to one thread: DIS divides a frame by the number of threads, which may change the flow.

    Pairs of frames are computed in parallel instead, on as many threads as torch uses, so OMP_NUM_THREADS applies.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
