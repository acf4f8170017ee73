"""Does a model follow a motion score? Drawn characters at four paces, from a still to double, and what is made of them.

    python docs/benchmarks/conditions/measure_scores.py clips SPRITES CLIPS
    python docs/benchmarks/conditions/measure_scores.py figures MODEL FIGURES.json

The first writes the clips that the model is trained on; the second asks the model for scores and measures its samples.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from pvdm import VideoGenerator
from pvdm.data.tracks.sample_scores import motion_of
from pvdm.diffusion import SamplerConfig
from pvdm.video import probe, read_video, write_video

FRAMES = 32
PACES = (0.0, 0.5, 1.0, 2.0)
MOST = 448
CLIPS = 32


def write_clips(source: Path, folder: Path) -> None:
    """Clips of characters, which are cycles, at one of the paces in turn, as 32 frames of 64x64 pixels."""
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted(source.glob("*/*.*"))[:MOST]):
        frames = probe(path).frames
        pace = PACES[number % len(PACES)]
        places = np.floor(np.arange(FRAMES) * pace).astype(int) % frames
        video = read_video(path, size=(64, 64))[:, torch.from_numpy(places)]
        write_video(folder / f"{number:04d}_{path.parent.name}_{path.stem}.mp4", video, fps=10)


def measure(model: str, file: Path, guidance: float) -> None:
    """The mean motion of samples for each score that is asked for, with the same noise, and without any."""
    generator, figures = VideoGenerator.load(model), {}
    low, high = generator.score_ranges["motion"]
    for asked in (None, *np.linspace(low, high, 5).tolist()):
        scores = None if asked is None else {"motion": asked}
        clips = generator.sample(CLIPS, scores=scores, sampler=SamplerConfig(scores_guidance=guidance))
        motions = motion_of(clips)
        name = "none" if asked is None else f"{asked:.3g}"
        figures[name] = {"mean": round(float(motions.mean()), 3), "std": round(float(motions.std()), 3)}
        print(name, figures[name], flush=True)
    file.write_text(
        json.dumps({"clips": CLIPS, "guidance": guidance, "range": [low, high], "motion": figures}, indent=2) + "\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("clips", "figures"))
    parser.add_argument("source")
    parser.add_argument("output", type=Path)
    parser.add_argument("--guidance", type=float, default=0.0, help="weight of guidance by the score")
    options = parser.parse_args()
    if options.what == "clips":
        write_clips(Path(options.source), options.output)
    else:
        measure(options.source, options.output, options.guidance)
