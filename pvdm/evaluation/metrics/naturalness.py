"""VIIDEO, naturalness of frame differences without a reference, and ST-RRED, which compares with one."""

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
from pvdm.evaluation.metrics.setup import MetricSetup
from pvdm.evaluation.results import Outcome, Score

LUMA = (0.299, 0.587, 0.114)
"""BT.601: both measures are defined on luminance."""

LOST = {"int": int, "float": float, "bool": bool}
"""What NumPy has dropped and scikit-video 1.1.11 still uses."""

ST_RRED_SIZE = 72
"""Pixels of a side below which the bands of ST-RRED have fewer blocks than make a covariance."""

_LOCK = RLock()


def measure(real: ClipSource | None, fake: ClipSource, setting: MetricSetup) -> Outcome:
    """`viideo`, the mean over clips."""
    found = setting.rows(fake, scores, "generated clips").mean()
    wanted = None if real is None else setting.rows(real, scores, "real clips").mean()
    return Outcome({"viideo": Score(float(found), "like real", real=wanted)})


def scores(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) uint8 -> (b, 1) float64."""
    return torch.tensor([[viideo(clip)] for clip in video], dtype=torch.float64)


def viideo(video: Tensor) -> float:
    """VIIDEO (Mittal et al. 2016, "A completely blind video integrity oracle"), to be read beside that of real clips.

    Lower is not better, though 0 was meant as natural and 1 as not: on clips of 16 and 48 frames it rises with
    compression, but real ones score 0.6 to 1.0, the same blurred 0.5 to 0.9, with noise 0.4 to 0.6, and frozen 0, for
    there are no differences to judge. It takes some seconds for 16 frames of 256x256.

    video: (3, t, h, w) uint8, of at least 4 frames of 32x32.
    """
    luminance = _luminance(video, measure="VIIDEO", frames=4, size=32)
    with _scikit_video() as measure:
        return float(measure.viideo_score(luminance))


def st_rred(reference: Tensor, distorted: Tensor) -> float:
    """ST-RRED (Soundararajan and Bovik 2013) of a clip against its reference: 0 for itself, higher is worse.

    It is the variant that compares block by block and not the means of whole frames alone. Frames are taken in pairs:
    the last of an odd number is not seen. NaN where a clip has so little texture (a plain gradient) that there is none.

    Both: (3, t, h, w) uint8, of one shape, of at least 2 frames of 72x72: in smaller ones its bands have fewer blocks
    than make a covariance.
    """
    if reference.shape != distorted.shape:
        found = f"{tuple(reference.shape)} and {tuple(distorted.shape)}"
        raise InputError(f"ST-RRED compares clips of one shape, not {found}", "give each clip its own reference")
    clips = [_luminance(clip, measure="ST-RRED", frames=2, size=ST_RRED_SIZE) for clip in (reference, distorted)]
    with _scikit_video() as measure:
        try:
            return float(measure.strred(*clips)[1])
        except np.linalg.LinAlgError:
            return float("nan")


def _luminance(video: Tensor, *, measure: str, frames: int, size: int) -> np.ndarray:
    """(3, t, h, w) uint8 -> (t, h, w, 1) float64 in [0, 255], checked."""
    if video.ndim != 4 or len(video) != 3 or video.dtype != uint8:
        raise InputError(f"{measure} found {tuple(video.shape)} of {video.dtype}", "give a clip (3, t, h, w) of uint8")
    if video.shape[1] < frames or min(video.shape[2:]) < size:
        count, height, width = video.shape[1:]
        found = f"{count} {'frame' if count == 1 else 'frames'} of {height}x{width}"
        raise InputError(f"{measure} found {found}", f"give at least {frames} frames of {size}x{size}, or leave it out")
    return np.tensordot(video.cpu().numpy(), LUMA, axes=(0, 0))[..., None]


@contextmanager
def _scikit_video() -> Iterator:
    """`skvideo.measure`, with the names NumPy has lost while the block runs, and without its warnings."""
    with _LOCK, lost_names(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import skvideo.measure

        yield skvideo.measure


@contextmanager
def lost_names() -> Iterator[None]:
    """`numpy.int` and the like, until the block ends; names that NumPy has are left as they are."""
    added = {name: value for name, value in LOST.items() if name not in vars(np)}
    for name, value in added.items():
        setattr(np, name, value)
    try:
        yield
    finally:
        for name in added:
            delattr(np, name)
