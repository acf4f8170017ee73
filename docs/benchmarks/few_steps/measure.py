"""Samples of a model by several samplers, against clips that training never saw:

python docs/benchmarks/few_steps/measure.py MODEL DATA LAYOUT OUTPUT unipc:20 unipc:5:cubic consistency:4 ...

`unipc:20+4` takes 4 steps for the clips after the first of a video. The result of each is written as it comes; the same
command resumes. LOOP=1 for cycles such as sprites.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.benchmark.learning.learning_figures import Judge, RealClips
from pvdm.data.data_options import parse_options
from pvdm.data.mixing.mixed_collection import collection_of
from pvdm.diffusion import SamplerConfig, VideoNoise
from pvdm.evaluation.features.detectors import load_detector
from pvdm.evaluation.results import versions
from pvdm.generation import VideoGenerator

REAL, COMPARED, REFERENCE = 1024, 64, 100
"""Real clips, latents whose distance from the reference is measured, and the steps of the reference."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("layout")
    parser.add_argument("output", type=Path)
    parser.add_argument("samplers", nargs="+", metavar="NAME:STEPS[+LATER][:GRID]")
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--extended", type=int, default=64)
    options = parser.parse_args()
    generator = VideoGenerator.load(options.model).eval()
    detector = load_detector("efficientnet-lite0")
    real = real_clips(generator, options, detector)
    found = json.loads(options.output.read_text()) if options.output.is_file() else {"samplers": {}}
    found |= {"model": Path(options.model).name, "samples": options.samples, "versions": versions()}
    reference = None
    for name in options.samplers:
        if name in found["samplers"]:
            continue
        sampler, later = samplers_of(name)
        reference = latents(generator, SamplerConfig("unipc", REFERENCE)) if reference is None else reference
        figures, _ = Judge(real, detector, options.samples, options.extended, sampler, later).figures(generator)
        error = (latents(generator, sampler) - reference).square().mean().sqrt()
        found["samplers"][name] = short(figures) | {"error": float(error), "sampler": asdict(sampler)}
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def samplers_of(text: str) -> list[SamplerConfig]:
    """`unipc:5+2:cubic` as the samplers of first and later clips."""
    name, steps, *grid = text.split(":")
    first, _, later = steps.partition("+")
    return [SamplerConfig(name, int(count), grid=grid[0] if grid else None) for count in (first, later or first)]


def real_clips(generator: VideoGenerator, options: argparse.Namespace, detector: Any) -> RealClips:
    """Those of the data set, kept beside the output."""
    file = options.output.with_suffix(".real.npz")
    if not file.is_file():
        config = generator.autoencoder.config
        sizes = {"frames": config.frames, "height": config.height, "width": config.width, "clips": 1}
        sizes |= {"loop": bool(os.environ.get("LOOP")), "validation_clips": COMPARED}
        videos = collection_of(parse_options({"path": options.data, "layout": options.layout, **sizes}))
        file.parent.mkdir(parents=True, exist_ok=True)
        RealClips.of(videos, detector, REAL).save(file)
    return RealClips.load(file)


@torch.no_grad()
def latents(generator: VideoGenerator, sampler: SamplerConfig) -> Tensor:
    """Latents of the first videos of the seed 2, which every sampler begins with the same noise."""
    return torch.cat(list(_latents(generator, sampler)))


def _latents(generator: VideoGenerator, sampler: SamplerConfig) -> Iterator[Tensor]:
    labels = np.arange(COMPARED) % (generator.class_count or 1) if generator.class_count else None
    for start in range(0, COMPARED, 8):
        part = slice(start, start + 8)
        given = None if labels is None else [int(label) for label in labels[part]]
        condition = generator.described(8, labels=given)
        yield generator.sample_latent(
            VideoNoise([(2, index, 0) for index in range(*part.indices(COMPARED))]), condition, sampler
        )


def short(figures: dict[str, Any]) -> dict[str, Any]:
    """Without the draws of the bootstrap."""
    parts = {name: figures[name] for name in ("samples", "extension")}
    return {name: {key: value for key, value in part.items() if key != "draws"} for name, part in parts.items()}


if __name__ == "__main__":
    main()
