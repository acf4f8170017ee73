"""The table of reconstructions: R-FVD, PSNR, SSIM, LPIPS and ST-RRED of a part of the data, and PSNR by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pvdm.benchmark.context import BenchmarkContext, Unavailable
from pvdm.benchmark.figure_specs import RECONSTRUCTION, RECONSTRUCTION_RANDOM, FigureSpec, about, computed
from pvdm.benchmark.result_store import Arrays, rows_of
from pvdm.data import Part
from pvdm.evaluation.clips.model_clips import ReconstructedClips
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.fidelity import Fidelity, fidelity_means
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS

DETECTORS = ("i3d-400", "i3d-random")


def reconstruction(context: BenchmarkContext, part: Part) -> dict[str, Any]:
    """A part of the results: figures of the part of the data, and its curve; all processes must call it."""
    protocol = context.protocol(PROTOCOLS["pvdm/reconstruction"])
    specs = [*RECONSTRUCTION, *(RECONSTRUCTION_RANDOM if context.wants_random else ())]
    try:
        real = context.real(protocol, part=part)
    except Unavailable as error:
        return {"figures": [spec.entry(missing=str(error), part=part) for spec in specs]}
    rows = _rows(context, real, part)
    fidelity = fidelity_means(*(torch.from_numpy(rows[name]) for name in ("clips", "frames")))

    def values(spec: FigureSpec) -> dict[str, Any]:
        facts = about(context, spec, real=real, fake=len(real))
        if spec.key is None:
            return {**_frechet(context, rows, context.protocol(spec.wanted), part), **facts}
        if fidelity[spec.key] is None:
            raise Unavailable(context.why_missing(spec.key))
        return {"value": fidelity[spec.key], **facts}

    figures = [spec.measured(lambda spec=spec: values(spec), part=part) for spec in specs]
    return {"figures": figures, "curves": {"psnr_per_frame": {part: fidelity["psnr_per_frame"]}}}


def _rows(context: BenchmarkContext, real: ClipSource, part: Part) -> Arrays:
    """Fidelity of each clip, and its features before and after."""
    detectors = {name: context.detector(name) for name in context.records(*DETECTORS)}
    source = ReconstructedClips(context.generator, real, precision=context.plan.precision)
    lpips, device = context.lpips and context.lpips.per_frame, context.generator.device

    def measured(numbers: Sequence[int]) -> Arrays:
        originals = torch.stack([clip.video for clip in real.read(numbers, batch_size=len(numbers))])
        videos = source.reconstruct(originals)
        fidelity = Fidelity(lpips=lpips, st_rred=context.has_st_rred)
        fidelity.update(numbers, videos.to(device), originals.to(device))
        found = {name: rows.numpy() for name, rows in fidelity.rows().items()}
        for name, detector in detectors.items():
            for kind, clips in (("real", originals), ("found", videos)):
                found[f"{name}/{kind}"] = detector(clips).cpu().double().numpy()
        return found

    key = {"real": real.key(), "weights": context.records(*DETECTORS, "lpips")}
    return rows_of(context, f"reconstruction/{part}", len(real), measured, key=key)


def _frechet(context: BenchmarkContext, rows: Arrays, protocol: Protocol, part: Part) -> dict[str, Any]:
    """R-FVD, and its floor."""
    context.detector(protocol.detector)
    real, found = (rows[f"{protocol.detector}/{kind}"] for kind in ("real", "found"))
    return {"value": computed(frechet_distance, real, found), **context.floor(protocol, real, len(found), part=part)}
