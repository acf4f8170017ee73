"""How many new clips `pvdm sample --refuse-copies` would refuse, and how many copies of training clips.

    python measure_copies.py UCF-101 OUTPUT.json [--size 64] [--frames 16]

The training part is what a model would have been trained on. New clips are those of the test part, from their middle;
copies are of the training part at random moments, as they are and altered.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from pvdm.data import layout_of
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.video_clips import VideoClips
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.copy_guard import CopyGuard

BLUR, SHIFT = 5, 3
"""Pixels over which a copy is blurred, and by which it is moved."""


def main() -> None:
    options = parsed()
    torch.set_num_threads(1)
    guard = CopyGuard.of(options.data, frames=options.frames, size=(options.size, options.size))
    found: dict[str, list[float]] = {}
    for part, start in (("test", "middle"), ("train", "random")):
        videos = VideoSet.find(options.data, layout=layout_of(options.data), part=part)
        scaling = Scaling((options.size, options.size))
        clips = VideoClips(videos, frames=options.frames, scaling=scaling, start=start)
        for clip in clips.read(range(len(clips)), batch_size=4):
            for name, video in ({"new": clip.video} if part == "test" else copies(clip.video)).items():
                found.setdefault(name, []).append(guard.nearest(video).ratio)
    figures = {
        name: {
            "count": len(ratios),
            "refused": round(float(np.mean(np.array(ratios) < guard.limit)), 4),
            "quantiles": dict(zip(("0", "5", "50", "95", "100"), quantiles(ratios), strict=True)),
        }
        for name, ratios in found.items()
    }
    content = {"size": options.size, "frames": options.frames, "limit": round(guard.limit, 4), "ratios": figures}
    options.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def copies(clip: torch.Tensor) -> dict[str, torch.Tensor]:
    """(3, t, h, w) uint8, as it is and altered."""
    blurred = F.avg_pool2d(clip.float().movedim(1, 0), BLUR, 1, BLUR // 2, count_include_pad=False).movedim(0, 1)
    flat = (0.7 * clip.float() + 30).byte()
    return {
        "copied": clip,
        "blurred": blurred.byte(),
        "flat": flat,
        "mirrored": clip.flip(-1),
        "moved": clip.roll((SHIFT, SHIFT), (-2, -1)),
    }


def quantiles(ratios: list[float]) -> list[float]:
    return np.quantile(ratios, [0, 0.05, 0.5, 0.95, 1]).round(3).tolist()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--frames", type=int, default=16)
    return parser.parse_args()


if __name__ == "__main__":
    main()
