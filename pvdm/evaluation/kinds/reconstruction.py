"""Reconstruction: R-FVD, PSNR, SSIM, LPIPS and ST-RRED of clips beside what an autoencoder makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.evaluation.clips import Clip, ClipSource
from pvdm.evaluation.distances import frechet_distance
from pvdm.evaluation.features import FeatureTable
from pvdm.evaluation.fidelity import Fidelity
from pvdm.evaluation.floor import floor_of
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.models import ReconstructedClips
from pvdm.evaluation.results import Figure, Outcome

NO_CLIPS = torch.empty(0, 3, 0, 0, 0, dtype=torch.uint8)


def measure(real: ClipSource, fake: ClipSource, setting: Setting) -> Outcome:
    """`rfvd` (if the protocol has a detector), `psnr`, `ssim`, `lpips`, `st_rred`, and the curve `psnr_per_frame`.

    Clip i of one side is compared with clip i of the other, of the same name; InputError if the names differ.
    """
    wanted = setting.real_features(real) if setting.detector else None
    found, fidelity = _compare(real, fake, setting)
    figures = {} if wanted is None else {"rfvd": _frechet(real, found, wanted, setting)}
    return Outcome({**figures, **_figures(fidelity, setting)}, {"psnr_per_frame": fidelity["psnr_per_frame"]})


def _frechet(real: ClipSource, found: np.ndarray, wanted: np.ndarray, setting: Setting) -> Figure:
    """R-FVD; it compares the same clips, so that unlike FVD it may lie below the floor."""
    among_real = setting.real_halves(real, wanted, len(found))
    return Figure(frechet_distance(found, wanted), "lower", floor=floor_of(frechet_distance, among_real))


def _figures(fidelity: dict, setting: Setting) -> dict[str, Figure]:
    missing = {"lpips": str(setting.lpips), "st_rred": "ST-RRED takes its time; ask for it with --st-rred"}
    better = {"psnr": "higher", "ssim": "higher", "lpips": "lower", "st_rred": "lower"}
    return {
        name: Figure(fidelity[name], better[name], missing=missing.get(name) if fidelity[name] is None else None)
        for name in better
    }


def _compare(real: ClipSource, fake: ClipSource, setting: Setting) -> tuple[np.ndarray | None, dict]:
    """Features of the generated clips, and the measures of all pairs, in one pass."""
    lpips = None if isinstance(setting.lpips, str) else setting.lpips.per_frame
    fidelity, table = Fidelity(lpips=lpips, st_rred=setting.st_rred), FeatureTable()
    numbers = range(len(real))
    batches = [numbers[i : i + setting.batch_size] for i in range(0, len(real), setting.batch_size)]
    mine = setting.processes.share(batches)
    told, total, done = setting.told("reconstructions"), sum(map(len, mine)), 0
    for indices, found, wanted in _pairs(real, fake, mine, setting.batch_size):
        fidelity.update(indices, found.to(setting.device), wanted.to(setting.device))
        if setting.detector:
            table.update(indices, setting.detector(found))
        done += len(indices)
        if told:
            told(done, total)
    if not mine:  # metrics that nothing was put into warn
        table.update([], torch.empty(0, 0))
        fidelity.update([], NO_CLIPS, NO_CLIPS)
    return table.compute() if setting.detector else None, fidelity.compute()


def _pairs(
    real: ClipSource, fake: ClipSource, batches: list[range], batch_size: int
) -> Iterator[tuple[range, Tensor, Tensor]]:
    """(numbers, found, wanted), both (b, 3, t, h, w) uint8; what a model makes of clips is not read twice."""
    for indices in batches:
        originals = list(real.read(indices, batch_size=batch_size))
        wanted = torch.stack([clip.video for clip in originals])
        if isinstance(fake, ReconstructedClips):
            yield indices, fake.reconstruct(wanted), wanted
            continue
        clips = list(fake.read(indices, batch_size=batch_size))
        for original, clip in zip(originals, clips, strict=True):
            _check_same(original, clip)
        yield indices, torch.stack([clip.video for clip in clips]), wanted


def _check_same(original: Clip, clip: Clip) -> None:
    names = [PurePosixPath(name).with_suffix("").name for name in (original.name, clip.name)]
    if names[0] != names[1]:
        raise InputError(
            f"clip {clip.index} is {original.name} of the real videos and {clip.name} of the others; "
            "give reconstructions under the names of their originals, or a model as --fake"
        )
    if original.video.shape != clip.video.shape:
        sizes = ["x".join(map(str, video.shape[1:])) for video in (original.video, clip.video)]
        raise InputError(f"{original.name} is {sizes[0]} and its reconstruction {sizes[1]}; give both one --size")
