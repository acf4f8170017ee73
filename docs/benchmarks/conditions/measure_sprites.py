"""Measures what a model of drawn characters does with its conditions, on held-out clips, against shuffled ones.

    python measure_sprites.py MODEL CLIPS READER.pt FIGURES.json [--seed 0] [--steps 20] [--limit 82]

CLIPS and READER.pt are those of sprites_reader.py. Figures: shares of clips that are read right, and PSNR in dB.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from sprites_reader import COLORS, accuracy, clips_of, load
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.conditions.hints import hint_clip
from pvdm.diffusion import Condition, SamplerConfig, VideoNoise
from pvdm.video import to_uint8


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

    def given(self, frames: list[int]) -> dict[str, float]:
        """PSNR of the given and of the missing frames, and motion relative to that of the real clips."""
        known = torch.zeros(len(self.clips), self.generator.frames, dtype=torch.bool)
        known[:, frames] = True
        missing = [frame for frame in range(self.generator.frames) if frame not in frames]
        made = self.sampled(self.generator.hint(self.clips, known))
        own = self.generator.reconstruct(self.clips)
        blend = self.generator.reconstruct(to_uint8(hint_clip(self.clips, known)))
        shuffled = self.sampled(self.generator.hint(self.clips[self.other], known))
        return {
            "given frames": psnr(made, self.clips, frames),
            "given frames, autoencoder": psnr(own, self.clips, frames),
            "missing frames": psnr(made, self.clips, missing),
            "missing frames, blend": psnr(blend, self.clips, missing),
            "missing frames, autoencoder": psnr(own, self.clips, missing),
            "missing frames, shuffled": psnr(shuffled, self.clips, missing),
            "motion": motion(made) / motion(self.clips),
        }

    def sampled(self, condition: Condition) -> Tensor:
        """Clips of a condition."""
        latents = []
        for start in range(0, len(self.clips), 16):
            part = condition.part(slice(start, start + 16))
            noise = VideoNoise([(self.seed, start + place, 0) for place in range(len(part.hint))])
            latents.append(self.generator.sample_latent(noise, part, SamplerConfig(steps=self.steps)))
        return self.generator.decode_latent(torch.cat(latents))

    def recombined(self, content_noise: float, motion_noise: float) -> dict[str, float]:
        """The content of each clip with the motion of another: whose action and direction, whose colors."""
        made = torch.cat(
            [
                self.generator.recombine(
                    content=clip,
                    motion=self.clips[other],
                    content_noise=content_noise,
                    motion_noise=motion_noise,
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


def psnr(made: Tensor, real: Tensor, frames: list[int]) -> float:
    """Mean of the clips' PSNR in dB, over some frames."""
    error = (made[:, :, frames].double() - real[:, :, frames].double()).square().mean((1, 2, 3, 4))
    return float((10 * torch.log10(255**2 / error)).mean())


def motion(clips: Tensor) -> float:
    """Mean absolute difference of consecutive frames, in levels."""
    return float((clips[:, :, 1:].double() - clips[:, :, :-1].double()).abs().mean())


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
    parser.add_argument("--kept", type=float, nargs=2, action="append", default=[], help="noise of content and motion")
    parser.add_argument("--only", nargs="*", choices=("text", "given", "recombined"))
    options = parser.parse_args()
    wanted = options.only or ("text", "given", "recombined")
    measurement, figures = Measurement(options), {}
    if "text" in wanted:
        figures["text"] = measurement.text()
    if "given" in wanted:
        gap = [frame for frame in range(16) if not 4 <= frame < 12]
        kinds = {"first": [0], "ends": [0, 15], "by 4": [0, 4, 8, 12], "gap of 8": gap}
        figures["given"] = {name: measurement.given(frames) for name, frames in kinds.items()}
    if "recombined" in wanted:
        pairs = options.kept or [(1.0, 0.0)]
        figures["recombined"] = {f"content {c:g}, motion {m:g}": measurement.recombined(c, m) for c, m in pairs}
    settings = {"seed": options.seed, "steps": options.steps, "prompt_guidance": options.prompt_guidance}
    settings |= {"clips": len(measurement.rows), "training_step": measurement.generator.training_step}
    report = {"settings": settings, "versions": {name: version(name) for name in ("pvdm", "torch")}, **figures}
    options.figures.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
