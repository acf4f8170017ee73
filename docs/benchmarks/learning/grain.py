"""What the order of appearance-motion/16f sees of the noise in footage, on the clips and models of a bench.

python docs/benchmarks/learning/grain.py OUTPUT/skytimelapse pvdm2-0

OUTPUT is that of run.sh. Real training clips are compared with all training clips as they are, smoothed in time and
reconstructed, then samples as they are and with white noise, given in gray levels. "turn" is the mean product of
successive changes of the features over the mean square of changes: negative where changes turn back, as noise does.
Four minutes on one core, at 96 clips.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.benchmark.learning.learning_bench import DETECTOR
from pvdm.benchmark.learning.learning_figures import RealClips
from pvdm.evaluation.features.detectors import load_detector
from pvdm.evaluation.features.frame_features import PARTS
from pvdm.evaluation.video_figures import frame_difference, second_difference

BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("run", help="recipe and seed, as in pvdm2-0")
    parser.add_argument("--clips", type=int, default=96)
    options = parser.parse_args()
    real = RealClips.load(options.bench / "real.npz")
    checkpoint = options.bench / "runs" / options.run / "diffusion" / "checkpoints" / "last.ckpt"
    generator, detector = VideoGenerator.load(checkpoint).eval(), load_detector(DETECTOR)
    clips = real.training[: options.clips]
    samples = torch.cat([generator.sample(BATCH, seed=1000 * start) for start in range(options.clips // BATCH)])
    sets = {
        "real": clips,
        "real, smoothed by 1 6 1": smoothed(clips, (1, 6, 1)),
        "real, smoothed by 1 2 1": smoothed(clips, (1, 2, 1)),
        "reconstructed": torch.cat([generator.reconstruct(part) for part in clips.split(BATCH)]),
        "samples": samples,
        **{f"samples, noise of {level:g}": noisy(samples, level) for level in (0.5, 1.0, 1.5)},
    }
    space, differences = real.space, (frame_difference(clips).mean(), second_difference(clips).mean())
    for name, found in sets.items():
        rows = np.concatenate([detector(part).double().numpy() for part in found.split(BATCH)])
        distances = space.distances(rows, np.arange(len(rows)))
        parts = dict(zip(PARTS, np.split(rows, len(PARTS), axis=1), strict=True))
        motion, flicker = frame_difference(found).mean(), second_difference(found).mean()
        figures = {
            **distances.values,
            "turn": parts["turn"].sum() / parts["energy"].sum(),
            "motion": float(motion / differences[0]),
            "flicker": float(flicker / differences[1]),
        }
        low, high = distances.interval("appearance_motion")
        text = ", ".join(f"{figure} {value:.2f}" for figure, value in figures.items())
        sys.stdout.write(f"{name:24} {text} [{low:.2f}, {high:.2f}]\n")
        sys.stdout.flush()


def smoothed(clips: Tensor, kernel: tuple[int, int, int]) -> Tensor:
    """Clips (n, 3, t, h, w) uint8, averaged over three frames with these weights."""
    before, after = clips[:, :, [0, *range(clips.shape[2] - 1)]], clips[:, :, [*range(1, clips.shape[2]), -1]]
    parts = zip(kernel, (before, clips, after), strict=True)
    return (sum(weight * part.float() for weight, part in parts) / sum(kernel)).round().to(torch.uint8)


def noisy(clips: Tensor, level: float) -> Tensor:
    """Clips with white noise of this standard deviation."""
    noise = torch.randn(clips.shape, generator=torch.Generator().manual_seed(0))
    return (clips + level * noise).round().clamp(0, 255).to(torch.uint8)


if __name__ == "__main__":
    main()
