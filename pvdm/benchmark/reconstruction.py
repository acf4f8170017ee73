"""The table of reconstructions: R-FVD, PSNR, SSIM, LPIPS and ST-RRED of a part of the data, and PSNR per frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.benchmark.bench import Bench, Unavailable
from pvdm.benchmark.chunks import Arrays, Chunked
from pvdm.benchmark.figures import RECONSTRUCTION, RECONSTRUCTION_RANDOM, Spec, check_enough, computed, counts, named
from pvdm.data import Part
from pvdm.evaluation.clips.model_clips import ReconstructedClips
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.fidelity import Fidelity, fidelity_means
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS

DETECTORS = ("i3d-400", "i3d-random")
COST = 4.0
"""Of a clip, in evaluations of the network: a rough guess, for the estimate of the time left."""


def reconstruction(bench: Bench, part: Part) -> dict[str, Any]:
    """A part of the results: figures of the part of the data, and its curve."""
    protocol = bench.protocol(PROTOCOLS["pvdm/reconstruction"])
    specs = [*RECONSTRUCTION, *(RECONSTRUCTION_RANDOM if bench.wants_random else ())]
    try:
        real = bench.real(protocol, part=part)
    except Unavailable as error:
        return {"figures": [spec.missing(str(error), part=part) for spec in specs]}
    rows = measured(bench, real, part)
    fidelity = fidelity_means(*(torch.from_numpy(rows[name]) for name in ("clips", "frames")))
    figures = [_figure(bench, spec, part, real, rows, fidelity) for spec in specs]
    return {"figures": figures, "curves": {"psnr_per_frame": {part: fidelity["psnr_per_frame"]}}}


def measured(bench: Bench, real: ClipSource, part: Part) -> Arrays:
    """Fidelity of each clip and features of it before and after; all processes must call it."""
    detectors = {name: bench.detector(name) for name in bench.known(*DETECTORS)}
    found = ReconstructedClips(bench.generator, real, precision=bench.plan.precision)
    lpips, device = bench.lpips and bench.lpips.per_frame, bench.generator.device

    def chunk(numbers: Sequence[int]) -> Arrays:
        originals = torch.stack([clip.video for clip in real.read(numbers, batch_size=len(numbers))])
        videos = found.reconstruct(originals)
        fidelity = Fidelity(lpips=lpips, st_rred=bench.has_st_rred)
        fidelity.update(numbers, videos.to(device), originals.to(device))
        rows = {name: rows.numpy() for name, rows in fidelity.rows().items()}
        both = {"real": originals, "found": videos}
        features = {f"{name}/{kind}": _rows(detectors[name](both[kind])) for name in detectors for kind in both}
        return {**rows, **features}

    key = {"real": real.key(), "weights": bench.records(*DETECTORS, "lpips")}
    return Chunked(bench, f"reconstruction/{part}", len(real), chunk, key, reconstruction_cost(len(real))).run()


def reconstruction_cost(clips: int) -> float:
    """Of so many clips, in evaluations of the network."""
    return COST * clips


def _figure(
    bench: Bench, spec: Spec, part: Part, real: ClipSource, rows: Arrays, fidelity: dict[str, Any]
) -> dict[str, Any]:
    protocol = bench.protocol(spec.wanted)
    try:
        few = check_enough(bench, spec.wanted, real=real, fake=len(real))
        values = {"value": fidelity[spec.key]} if spec.key else _frechet(bench, rows, protocol, part)
        if values["value"] is None:
            raise Unavailable(bench.why_missing(spec.key))
    except Unavailable as error:
        return spec.missing(str(error), part=part)
    return spec.entry(**values, part=part, few=few, counts=counts(real, len(real)), **named(protocol))


def _frechet(bench: Bench, rows: Arrays, protocol: Protocol, part: Part) -> dict[str, Any]:
    """R-FVD, and its floor."""
    bench.detector(protocol.detector)
    real, found = (rows[f"{protocol.detector}/{kind}"] for kind in ("real", "found"))
    return {
        "value": computed(frechet_distance, real, found),
        **bench.floor(protocol, real, len(found), part=part),
    }


def _rows(features: Tensor) -> np.ndarray:
    return features.cpu().double().numpy()
