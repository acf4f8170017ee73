"""Measures a packaged model, for its card: figures.py MODEL DATA LAYOUT OUTPUT

DATA holds the data set in its published layout, of which the validation clips are taken, scaled and cropped to the
model's size. OUTPUT is a JSON file, which package.py takes once "compute" and "commands" are added.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from pvdm.benchmark.learning.cosine_transform import cosine_transform_psnr, ranked_coefficients
from pvdm.benchmark.learning.learning_figures import reconstruction
from pvdm.data.data_options import parse_options
from pvdm.data.mixing.mixed_collection import collection_of
from pvdm.evaluation.video_figures import frame_difference, seams, second_difference
from pvdm.generation import VideoGenerator

BATCH = 8
SAMPLES = 64
LONG = 4
"""Samples, and clips of a long video."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("layout")
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    generator = VideoGenerator.from_pretrained(options.model).eval()
    config = generator.autoencoder.config
    sizes = {"frames": config.frames, "height": config.height, "width": config.width}
    videos = collection_of(parse_options({"path": str(options.data), "layout": options.layout, "clips": 1, **sizes}))
    videos.setup()
    training, test = (
        torch.stack([part[number]["video"] for number in range(len(part))])
        for part in (videos.training, videos.validation)
    )
    figures = of_reconstructions(generator, training, test)
    if generator.denoiser is not None:
        figures |= of_samples(generator, test)
    options.output.write_text(json.dumps({"figures": figures}, indent=1) + "\n", encoding="utf-8")


@torch.no_grad()
def of_reconstructions(generator: VideoGenerator, training: Tensor, test: Tensor) -> dict[str, str]:
    """Of all validation clips."""
    shape, channels = generator.autoencoder.config.latent_shape, generator.autoencoder.config.latent_channels
    cosine = cosine_transform_psnr(ranked_coefficients(training), test, values := channels * shape.positions)
    scores = reconstruction(generator, test)
    found = torch.cat([generator.reconstruct(part) for part in test.split(BATCH)])
    return {
        f"PSNR of {len(test)} clips held out": f"{scores['psnr']:.1f} dB",
        f"PSNR of a cosine transform of as many values ({values:,})": f"{cosine:.1f} dB",
        "motion of reconstructions": ratio(frame_difference(found), frame_difference(test)),
        "grid of reconstructions, differences across patch borders over those inside": f"{scores['grid']:.2f}",
    }


@torch.no_grad()
def of_samples(generator: VideoGenerator, test: Tensor) -> dict[str, str]:
    """Of samples of all classes in turn, and of longer videos."""
    classes = generator.class_count
    labels = [number % classes for number in range(SAMPLES)] if classes else None
    found = generator.sample(SAMPLES, labels=labels)
    videos = [(1, number) for number in range(SAMPLES // LONG)]
    stream = generator.stream(
        num_frames=LONG * generator.frames, videos=videos, labels=labels and labels[: len(videos)]
    )
    long = torch.cat(list(stream), dim=2)
    return {
        "motion of samples": ratio(frame_difference(found), frame_difference(test)),
        "flicker of samples, second differences": ratio(second_difference(found), second_difference(test)),
        "seams, differences across borders of clips over those within": f"{seams(long, generator.frames):.2f}",
    }


def ratio(found: Tensor, real: Tensor) -> str:
    """Of means, to be read as relative to the real clips."""
    return f"{float(found.mean() / real.mean()):.2f} of the real clips'"


if __name__ == "__main__":
    main()
