"""Measures what a model of drawn characters does with its conditions, on held-out clips, against shuffled ones.

    python measure_sprites.py MODEL CLIPS READER.pt FIGURES.json [--seed 0] [--steps 20] [--limit 82]

CLIPS and READER.pt are those of sprites_reader.py. Figures: shares of clips that are read right, and PSNR in dB.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from measured_frames import KINDS, given_figures
from sprites_reader import COLORS, accuracy, clips_of, load

from pvdm import VideoGenerator
from pvdm.diffusion import SamplerConfig
from pvdm.generation.tasks.recombination import CONTENT_GUIDANCE, CONTENT_NOISE, MOTION_GUIDANCE, MOTION_NOISE


class Measurement:
    """A model, the held-out clips with their captions, and the reader that judges."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.generator, self.reader = VideoGenerator.load(options.model), load(options.reader)
        rows, clips = clips_of(options.clips, "val")
        self.rows, self.clips = rows[: options.limit], clips[: options.limit]
        self.seed, self.steps, self.guidance = options.seed, options.steps, options.prompt_guidance
        self.other = torch.randperm(len(self.rows), generator=torch.Generator().manual_seed(1)).tolist()

    def text(self) -> dict[str, Any]:
        """Clips by unseen captions, read back."""
        sampler = SamplerConfig(prompt_guidance=self.guidance)
        prompts = [row["caption"] for row in self.rows]
        options = {"sampler": sampler, "steps": self.steps, "seed": self.seed, "batch_size": 16}
        found = self.reader.read(self.generator.sample(len(prompts), prompt=prompts, **options))
        shuffled = [self.rows[index] for index in self.other]
        both = sum(
            left["class"] == right["class"] and left["direction"] == right["direction"]
            for left, right in zip(found, self.rows, strict=True)
        )
        return {
            **accuracy(found, self.rows),
            "action and direction": both / len(self.rows),
            "shuffled": accuracy(found, shuffled),
            "real": accuracy(self.reader.read(self.clips), self.rows),
        }

    def recombined(self, noise: Sequence[float], guidance: Sequence[float]) -> dict[str, float]:
        """The content of each clip with the motion of another: whose action and direction, whose colors."""
        made = torch.cat(
            [
                self.generator.recombine(
                    content=clip,
                    motion=self.clips[other],
                    content_noise=noise[0],
                    motion_noise=noise[1],
                    content_guidance=guidance[0],
                    motion_guidance=guidance[1],
                    seed=self.seed + number,
                    steps=self.steps,
                )
                for number, (clip, other) in enumerate(zip(self.clips, self.other, strict=True))
            ]
        )
        found, others = self.reader.read(made), [self.rows[index] for index in self.other]
        triples = list(zip(found, self.rows, others, strict=True))
        colors = [all(left[name] == content[name] for name in COLORS) for left, content, _ in triples]
        action = [left["class"] == moved["class"] for left, _, moved in triples]
        return {
            "action of the motion": sum(action) / len(action),
            "all four colors of the content": sum(colors) / len(colors),
            "both": sum(map(all, zip(action, colors, strict=True))) / len(colors),
            **{f"{name} of the content": share for name, share in accuracy(found, self.rows).items() if name in COLORS},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("clips", type=Path)
    parser.add_argument("reader", type=Path)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--limit", type=int, default=None, help="clips")
    parser.add_argument("--prompt-guidance", type=float, default=1.0)
    parser.add_argument("--hint-guidance", type=float, default=0.0)
    kept = "noise of content and motion in recombination, and guidance by them"
    parser.add_argument("--kept", type=float, nargs=4, action="append", help=kept)
    parser.add_argument("--only", nargs="*", choices=("text", "given", "recombined"))
    options = parser.parse_args()
    wanted = options.only or ("text", "given", "recombined")
    measurement, figures = Measurement(options), {}
    if "text" in wanted:
        figures["text"] = measurement.text()
    if "given" in wanted:
        sampler = SamplerConfig(steps=options.steps, hint_guidance=options.hint_guidance)
        figures["given"] = {
            name: given_figures(measurement.generator, measurement.clips, frames, sampler, options.seed)
            for name, frames in KINDS.items()
        }
    if "recombined" in wanted:
        noise, guidance = (CONTENT_NOISE, MOTION_NOISE), (CONTENT_GUIDANCE, MOTION_GUIDANCE)
        figures["recombined"] = {
            "noise {:g} {:g}, guidance {:g} {:g}".format(*kept): measurement.recombined(kept[:2], kept[2:])
            for kept in options.kept or [(*noise, *guidance)]
        }
    settings = {"seed": options.seed, "steps": options.steps, "prompt_guidance": options.prompt_guidance}
    settings["hint_guidance"] = options.hint_guidance
    settings |= {"clips": len(measurement.rows), "training_step": measurement.generator.training_step}
    report = {"settings": settings, "versions": {name: version(name) for name in ("pvdm", "torch")}, **figures}
    options.figures.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
