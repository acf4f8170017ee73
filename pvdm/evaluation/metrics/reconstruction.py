"""Reconstruction: R-FVD, PSNR, SSIM, LPIPS and ST-RRED of an autoencoder on real clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import ReconstructedClips
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.features.extraction import FeatureTable
from pvdm.evaluation.metrics.fidelity import Fidelity
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.metrics.metric_setup import MetricSetup
from pvdm.evaluation.metrics.score import Better, Score, Scores, floor_of

NO_CLIPS = torch.empty(0, 3, 0, 0, 0, dtype=torch.uint8)
BETTER: dict[str, Better] = {"psnr": "higher", "ssim": "higher", "lpips": "lower", "st_rred": "lower"}


def measure(real: ClipSource, fake: ClipSource, setup: MetricSetup) -> Scores:
    """`rfvd` (if the protocol has a detector), `psnr`, `ssim`, `lpips`, `st_rred`, and the curve `psnr_per_frame`.

    Clip i of one side is compared with clip i of the other, which must have the same name, else InputError.
    """
    real_rows = setup.real_features(real) if setup.detector else None
    fake_rows, fidelity = _compare(real, fake, setup)
    scores = {} if real_rows is None else {"rfvd": _rfvd(real, fake_rows, real_rows, setup)}
    missing = {"lpips": str(setup.lpips), "st_rred": "ST-RRED is slow; request it with --st-rred"}
    for name, better in BETTER.items():
        value = fidelity[name]
        scores[name] = Score(value, better, missing=missing.get(name) if value is None else None)
    return Scores(scores, {"psnr_per_frame": fidelity["psnr_per_frame"]})


def _rfvd(real: ClipSource, fake_rows: np.ndarray, real_rows: np.ndarray, setup: MetricSetup) -> Score:
    """R-FVD, which unlike FVD may lie below its floor, because both sides are the same clips."""
    real_pairs = setup.real_halves(real, real_rows, len(fake_rows))
    return Score(frechet_distance(fake_rows, real_rows), "lower", floor=floor_of(frechet_distance, real_pairs))


def _compare(real: ClipSource, fake: ClipSource, setup: MetricSetup) -> tuple[np.ndarray | None, dict]:
    """Features of the reconstructions and `Fidelity` of all pairs, in one pass."""
    lpips = None if isinstance(setup.lpips, str) else setup.lpips.per_frame
    fidelity, table = Fidelity(lpips=lpips, st_rred=setup.st_rred), FeatureTable()
    numbers = range(len(real))
    batches = [numbers[i : i + setup.batch_size] for i in range(0, len(real), setup.batch_size)]
    mine = setup.processes.share(batches)
    progress, total, done = setup.progress_of("reconstructions"), sum(map(len, mine)), 0
    for indices, reconstructions, originals in _pairs(real, fake, mine, setup.batch_size):
        fidelity.update(indices, reconstructions.to(setup.device), originals.to(setup.device))
        if setup.detector:
            table.update(indices, setup.detector(reconstructions))
        done += len(indices)
        if progress:
            progress(done, total)
    if not mine:  # a metric that was never updated warns
        table.update([], torch.empty(0, 0))
        fidelity.update([], NO_CLIPS, NO_CLIPS)
    return table.compute() if setup.detector else None, fidelity.compute()


def _pairs(
    real: ClipSource, fake: ClipSource, batches: list[range], batch_size: int
) -> Iterator[tuple[range, Tensor, Tensor]]:
    """(clip numbers, reconstructions, originals), both (b, 3, t, h, w) uint8; a model's originals are read once."""
    for indices in batches:
        real_clips = list(real.read(indices, batch_size=batch_size))
        originals = torch.stack([clip.video for clip in real_clips])
        if isinstance(fake, ReconstructedClips):
            yield indices, fake.reconstruct(originals), originals
            continue
        fake_clips = list(fake.read(indices, batch_size=batch_size))
        for original, reconstruction in zip(real_clips, fake_clips, strict=True):
            _check_same(original, reconstruction)
        yield indices, torch.stack([clip.video for clip in fake_clips]), originals


def _check_same(original: Clip, reconstruction: Clip) -> None:
    """InputError unless both have the same name and size."""
    names = [PurePosixPath(clip.name).with_suffix("").name for clip in (original, reconstruction)]
    if names[0] != names[1]:
        raise InputError(
            f"clip {original.index} is {original.name} of the real videos and {reconstruction.name} of the fake ones",
            "name reconstructions like their originals, or give a model as --fake",
        )
    if original.video.shape != reconstruction.video.shape:
        sizes = ["x".join(map(str, clip.video.shape[1:])) for clip in (original, reconstruction)]
        raise InputError(f"{original.name} is {sizes[0]} and its reconstruction {sizes[1]}", "give both one --size")
