"""VIIDEO, the naturalness of frame differences without a reference, and ST-RRED, which compares with a reference."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import numpy as np
import torch
from torch import Tensor, uint8

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.metric_setup import MetricSetup
from pvdm.evaluation.metrics.score import Score, Scores

LUMA = (0.299, 0.587, 0.114)
"""BT.601: both metrics are defined on luminance."""

LOST = {"int": int, "float": float, "bool": bool}
"""Names that NumPy has removed and scikit-video 1.1.11 still uses."""

ST_RRED_SIZE = 72
"""Smallest height and width for ST-RRED: below it, its bands have too few blocks for a covariance."""

_LOCK = RLock()


def measure(real: ClipSource | None, fake: ClipSource, setup: MetricSetup) -> Scores:
    """`viideo`, the mean over clips."""
    fake_mean = setup.rows(fake, viideo_rows, "generated clips").mean()
    real_mean = None if real is None else setup.rows(real, viideo_rows, "real clips").mean()
    return Scores({"viideo": Score(float(fake_mean), "like real", real=real_mean)})


def viideo_rows(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) uint8 -> (b, 1) float64."""
    return torch.tensor([[viideo(clip)] for clip in video], dtype=torch.float64)


def viideo(video: Tensor) -> float:
    """VIIDEO (Mittal et al. 2016, "A completely blind video integrity oracle"); compare it with that of real clips.

    Lower is not better, although the paper defines 0 as natural and 1 as not. On clips of 16 and 48 frames it rises
    with compression, but real clips score 0.6 to 1.0, blurred ones 0.5 to 0.9, noisy ones 0.4 to 0.6, and frozen ones
    0, because they have no differences to judge. 16 frames of 256x256 take a few seconds.

    video: (3, t, h, w) uint8, at least 4 frames of 32x32.
    """
    luminance = _luminance(video, metric="VIIDEO", frames=4, size=32)
    with _scikit_video() as metrics:
        return float(metrics.viideo_score(luminance))


def st_rred(reference: Tensor, distorted: Tensor) -> float:
    """ST-RRED (Soundararajan and Bovik 2013) of a clip against its reference: 0 if they are equal, higher is worse.

    This is the variant that compares block by block, not only the means of whole frames. Frames are compared in pairs,
    so the last of an odd number is ignored. NaN if a clip has too little texture (a plain gradient).

    Both: (3, t, h, w) uint8 of the same shape, at least 2 frames of 72x72.
    """
    if reference.shape != distorted.shape:
        shapes = f"{tuple(reference.shape)} and {tuple(distorted.shape)}"
        raise InputError(f"ST-RRED compares clips of one shape, not {shapes}", "give each clip its own reference")
    clips = [_luminance(clip, metric="ST-RRED", frames=2, size=ST_RRED_SIZE) for clip in (reference, distorted)]
    with _scikit_video() as metrics:
        try:
            return float(metrics.strred(*clips)[1])
        except np.linalg.LinAlgError:
            return float("nan")


def _luminance(video: Tensor, *, metric: str, frames: int, size: int) -> np.ndarray:
    """(3, t, h, w) uint8 -> (t, h, w, 1) float64 in [0, 255]; InputError if it is smaller than frames and size."""
    if video.ndim != 4 or len(video) != 3 or video.dtype != uint8:
        raise InputError(
            f"{metric} was given {tuple(video.shape)} of {video.dtype}", "give a clip (3, t, h, w) of uint8"
        )
    if video.shape[1] < frames or min(video.shape[2:]) < size:
        count, height, width = video.shape[1:]
        clip = f"{count} {'frame' if count == 1 else 'frames'} of {height}x{width}"
        raise InputError(
            f"{metric} was given {clip}", f"give at least {frames} frames of {size}x{size}, or leave this metric out"
        )
    return np.tensordot(video.cpu().numpy(), LUMA, axes=(0, 0))[..., None]


@contextmanager
def _scikit_video() -> Iterator:
    """`skvideo.measure` without its warnings, with the names that NumPy has removed restored for the block."""
    with _LOCK, lost_names(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import skvideo.measure

        yield skvideo.measure


@contextmanager
def lost_names() -> Iterator[None]:
    """Defines `numpy.int` and the like for the block; names that NumPy still has are left alone."""
    added = {name: value for name, value in LOST.items() if name not in vars(np)}
    for name, value in added.items():
        setattr(np, name, value)
    try:
        yield
    finally:
        for name in added:
            delattr(np, name)
