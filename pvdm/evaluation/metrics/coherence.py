"""Temporal coherence: warping error, flicker and motion, of generated clips beside those of real ones."""

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
from pvdm.evaluation.metrics.reconstruction import high_frequency_energy
from pvdm.evaluation.metrics.setup import MetricSetup, means
from pvdm.evaluation.results import Outcome, Score
from pvdm.video import to_float

NAMES = ["warping_error", "second_differences", "motion", "occlusion"]


SMALLEST, SHORTEST = 16, 3


def measure(real: ClipSource | None, fake: ClipSource, setting: MetricSetup) -> Outcome:
    """The mean over clips of each measure of `pvdm.evaluation.metrics.coherence`."""
    found = means(NAMES, setting.rows(fake, measures, "generated clips"))
    wanted = {} if real is None else means(NAMES, setting.rows(real, measures, "real clips"))
    return Outcome({name: Score(found[name], "like real", real=wanted.get(name)) for name in NAMES})


def measures(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) uint8 -> (b, 4) float64."""
    found = [coherence(clip) for clip in video]
    return torch.tensor([[clip[name] for name in NAMES] for clip in found], dtype=torch.float64)


def coherence(video: Tensor) -> dict[str, float]:
    """All measures of a clip (3, t, h, w) uint8, of at least 3 frames of 16x16.

    None of them is good or bad by itself: a frozen clip has none at all, a shuffled one too much of each. 16 frames of
    256x256 take 0.7 s of a core.

    Returns:
        `warping_error`, `second_differences` and `motion`, see the functions of these names, and `occlusion`, the
        share of pixels without a consistent flow, which the warping error leaves out.
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

    Lai et al. 2018 (arXiv 1808.00449), section 4.3: over the pixels that are not occluded, then over the pairs of
    frames. As the video generated has no original, the flow is its own, by DIS (Kroeger et al. 2016, arXiv 1603.03590),
    and a pixel is occluded where forward and backward flow disagree (Sundaram et al. 2010) or it leaves the frame.

    video: (3, t, h, w) uint8, of at least 3 frames of 16x16.
    """
    return coherence(video)["warping_error"]


def motion(video: Tensor) -> float:
    """Mean length of the optical flow in pixels per frame; 0 if frozen. video: as for `warping_error`."""
    return coherence(video)["motion"]


def second_difference_energy(video: Tensor) -> float:
    """Mean of (v[t - 1] - 2 v[t] + v[t + 1])^2, pixels in [0, 1]: flicker and jerks; a steady fade has none.

    video: (3, t, h, w) uint8, of at least 3 frames of 16x16.
    """
    return float(_second_differences(_frames(video)).mean())


def coherence_curve(video: Tensor, window: int = 16) -> dict[str, list[float]]:
    """The measures along a long video (3, t, h, w) uint8, window by window, and its sharpness: how quality drifts.

    What begins in a window counts in it: the step from its last frame to the next window's first one does, too, so that
    the seams of an extended video are seen. A rest shorter than a window is left out.

    Returns:
        `start_frames`, and for each of them `sharpness` (see `fidelity.high_frequency_energy`), `warping_error`,
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
    """(3, t, h, w) uint8 -> (t, h, w, 3), checked."""
    if video.ndim != 4 or len(video) != 3 or video.dtype != uint8:
        raise InputError(f"coherence found {tuple(video.shape)} of {video.dtype}", "give a clip (3, t, h, w) of uint8")
    frames, height, width = video.shape[1:]
    if frames < SHORTEST or min(height, width) < SMALLEST:
        found = f"{frames} {'frame' if frames == 1 else 'frames'} of {height}x{width}"
        raise InputError(f"coherence found {found}", f"give at least {SHORTEST} of {SMALLEST}x{SMALLEST}")
    return np.ascontiguousarray(video.permute(1, 2, 3, 0).cpu().numpy())


def _second_differences(frames: np.ndarray) -> np.ndarray:
    """The energy of each three frames in a row, (t - 2,) float64; exact, for the sums are of integers."""
    energies = []
    for i in range(len(frames) - 2):
        before, here, after = frames[i : i + 3].astype(np.int32)
        energies.append(np.square(before - 2 * here + after).sum(dtype=np.int64) / (here.size * 255**2))
    return np.array(energies)


def _flow_measures(frames: np.ndarray) -> np.ndarray:
    """Warping error, mean flow and share occluded of each two frames in a row, (t - 1, 3) float64."""
    with _one_thread(), ThreadPoolExecutor(get_num_threads()) as pool:
        return np.array(list(pool.map(_measure_pair, frames[:-1], frames[1:])))


def _measure_pair(here: np.ndarray, after: np.ndarray) -> tuple[float, ...]:
    """The same of two frames (h, w, 3) uint8."""
    # Of OpenCV's presets the only one without a crash on narrow frames, such as 16x128.
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (here, after))
    forward, backward = flow.calc(first, second, None), flow.calc(second, first, None)
    return _measure(here / np.float32(255), after / np.float32(255), forward, backward)


def _measure(here: np.ndarray, after: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> tuple[float, ...]:
    """Frames (h, w, 3) float32 in [0, 1] and the flows (h, w, 2) of the first to the second and back."""
    places = _places(here.shape[:2]) + forward
    occluded = _occluded(places, forward, _sample(backward, places))
    error = np.square(here - _sample(after, places), dtype=np.float64).mean(-1)
    seen = error if occluded.all() else error[~occluded]  # no flow at all: nothing is excused
    return seen.mean(), np.linalg.norm(forward, axis=-1).mean(dtype=np.float64), occluded.mean()


def _occluded(places: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Sundaram et al. 2010, "Dense point trajectories", eq. 5, or outside of the frame: (h, w) bool."""
    height, width = forward.shape[:2]
    disagreement = np.square(forward + backward).sum(-1)
    allowed = 0.01 * (np.square(forward).sum(-1) + np.square(backward).sum(-1)) + 0.5
    x, y = places[..., 0], places[..., 1]
    return (disagreement > allowed) | (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)


def _places(size: tuple[int, int]) -> np.ndarray:
    """The x and y of every pixel, (h, w, 2) float32."""
    return np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0])), -1).astype(np.float32)


def _sample(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """picture (h, w, c) at places (h, w, 2), bilinear."""
    return cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@contextmanager
def _one_thread() -> Iterator[None]:
    """A call of OpenCV is one thread: DIS divides a frame by their number, and may find another flow.

    As many pairs of frames as torch has threads are computed at once instead, so OMP_NUM_THREADS limits these, too.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
