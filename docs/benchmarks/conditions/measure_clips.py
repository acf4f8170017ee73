"""Measures what a model makes of given frames of held-out clips, against a blend and against frames of other clips.

    python measure_clips.py MODEL CLIPS FIGURES.json [--steps 20 1] [--passes 2] [--seed 0] [--limit 88]

CLIPS is a folder with the folders train and val, by class, such as prepare.py writes for UCF-101. PSNR is in dB.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import torch
from measured_frames import KINDS, given_figures
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.data.data_options import parse_options
from pvdm.data.mixing.mixed_collection import collection_of
from pvdm.diffusion import SamplerConfig


def held_out(generator: VideoGenerator, clips: Path) -> Tensor:
    """The clips of the folder val, each from the end of the one before, (n, 3, t, h, w) uint8."""
    height, width = generator.size
    sizes = {"frames": generator.frames, "height": height, "width": width, "clips": 1}
    videos = collection_of(parse_options({"path": str(clips), "layout": "classes", **sizes}))
    videos.setup()
    return torch.stack([videos.validation[number]["video"] for number in range(len(videos.validation))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("clips", type=Path)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--steps", type=int, nargs="+", default=[20], help="figures for each number of steps")
    parser.add_argument("--passes", type=int, default=2, help="passes through the autoencoder towards given frames")
    parser.add_argument("--hint-guidance", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None, help="clips, spread over all")
    options = parser.parse_args()
    generator = VideoGenerator.load(options.model)
    clips = held_out(generator, options.clips)
    clips = clips[torch.linspace(0, len(clips) - 1, min(options.limit or len(clips), len(clips))).round().long()]
    figures = {}
    for steps in options.steps:
        sampler = SamplerConfig(steps=steps, hint_passes=options.passes, hint_guidance=options.hint_guidance)
        figures[f"{steps} steps"] = {
            kind: given_figures(generator, clips, KINDS[kind], sampler, options.seed) for kind in options.kinds
        }
    settings = {"seed": options.seed, "clips": len(clips), "hint_passes": options.passes}
    settings |= {"hint_guidance": options.hint_guidance, "training_step": generator.training_step}
    report = {"settings": settings, "versions": {name: version(name) for name in ("pvdm", "torch")}, **figures}
    options.figures.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
