"""Losses of the ablation's models on scenes that none has seen, clip by clip, with intervals of their differences.

    python losses.py OUTPUT FIGURES.json [--clips 128]

OUTPUT is that of run.sh. Each clip has the same noise in all models, without and with the clip before as its context.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.data.scenes import ScenePath
from pvdm.data.scenes.scene_videos import read_clip
from pvdm.diffusion import Condition, VideoNoise, diffusion_loss, q_sample, training_target
from pvdm.video import ClipShape

SEED = 4_000_037
"""Of the scenes that are measured; trainings have other seeds."""

STARTS = ("nothing", "images", "video")
TIMES, BATCH, RESAMPLINGS = 8, 16, 2000


def latents(generator: VideoGenerator, count: int) -> Tensor:
    """(count, 2, c, l): contexts and targets of new scenes."""
    frames, (height, width) = generator.frames, generator.size
    shape = ClipShape(2 * frames, height, width)
    pairs = [read_clip(ScenePath(SEED, number, 3 * frames).path, shape) for number in range(count)]
    halves = [torch.stack([pair[:, part] for pair in pairs]) for part in (slice(frames), slice(frames, None))]
    return torch.stack([generator.encode_context(half) for half in halves], dim=1)


@torch.no_grad()
def losses(generator: VideoGenerator, clips: Tensor, *, has_context: bool) -> Tensor:
    """Mean loss of each clip over evenly spaced timesteps, (n,)."""
    timesteps, schedule = generator.diffusion.timesteps, generator.schedule
    found = []
    for start in range(0, len(clips), BATCH):
        context, clean = clips[start : start + BATCH].unbind(1)
        condition = Condition(context if has_context else None)
        at_times = []
        for time in (int(timesteps * (number + 0.5) / TIMES) for number in range(TIMES)):
            t = torch.full((len(clean),), time)
            noise = VideoNoise([(SEED, start + number, time) for number in range(len(clean))]).normal(clean.shape[1:])
            noisy = q_sample(clean, noise, t, schedule)
            wanted = training_target(clean, noise, t, schedule, generator.diffusion.prediction)
            at_times.append(diffusion_loss(generator.denoiser(noisy, t, condition), wanted))
        found.append(torch.stack(at_times).mean(0))
    return torch.cat(found)


def interval(values: Tensor) -> list[float]:
    """95 % of the means of bootstrap samples of the clips."""
    chosen = np.random.default_rng(0).integers(len(values), size=(RESAMPLINGS, len(values)))
    return np.percentile(values.numpy()[chosen].mean(1), (2.5, 97.5)).round(4).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--clips", type=int, default=128)
    options = parser.parse_args()
    models = {
        start: VideoGenerator.load(options.output / f"from-{start}" / "checkpoints" / "last.ckpt") for start in STARTS
    }
    clips = latents(models[STARTS[0]], options.clips)
    figures: dict[str, object] = {
        "clips": options.clips,
        "versions": {"pvdm": version("pvdm"), "torch": version("torch")},
    }
    for case in ("without context", "with context"):
        found = {start: losses(model, clips, has_context=case == "with context") for start, model in models.items()}
        figures[case] = {
            start: {
                "loss": round(float(each.mean()), 4),
                "interval": interval(each),
                "difference from nothing, interval": interval(each - found[STARTS[0]]),
            }
            for start, each in found.items()
        }
    options.figures.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
