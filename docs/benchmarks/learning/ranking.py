"""The ranking of appearance-motion/16f: real clips against worse and worse ones, on sets of real videos.

python docs/benchmarks/learning/ranking.py UCF-101:ucf101 sprites:classes:loop scenes:scenes --root DATA

Half of the videos are the real ones. The other half is compared with them as it is, blurred, frozen, shuffled, and
replaced by noise. 25 seconds a set on one core, at 128 clips.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from pvdm.data import index_videos
from pvdm.data.data_options import parse_options
from pvdm.data.layouts.layout_registry import find_splits
from pvdm.data.mixing.mixed_collection import collection_of
from pvdm.evaluation.features.detectors import load_detector
from pvdm.evaluation.metrics.appearance import AppearanceMotion, NoiseClips
from pvdm.video import ClipShape, read_clip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", metavar="FOLDER:LAYOUT[:loop]")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=128)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    detector = load_detector("efficientnet-lite0")
    shape = ClipShape(16, options.size, options.size)
    noise = [clip.video for clip in NoiseClips((16, options.size, options.size)).read(range(64))]
    for given in options.sets:
        folder, layout, *loop = given.split(":")
        half, other = clips_of(options.root / folder, layout, ClipShape(**{**vars(shape), "loop": bool(loop)}), options)
        space = AppearanceMotion(rows_of(half[0], detector), half[1], rows_of(noise, detector))
        for name, clips in worse(other[0], noise[:32]).items():
            groups = other[1][: len(clips)] if name != "noise" else np.arange(len(clips))
            found = space.distances(rows_of(clips, detector), groups)
            low, high = found.interval("appearance_motion")
            parts = ", ".join(f"{part} {value:.3f}" for part, value in found.values.items())
            sys.stdout.write(f"{folder:16} {name:12} {parts} [{low:.3f}, {high:.3f}]\n")
            sys.stdout.flush()


def clips_of(root: Path, layout: str, shape: ClipShape, options: argparse.Namespace) -> list[tuple[list, np.ndarray]]:
    """Clips of both halves of the videos, and the video of each."""
    random = np.random.default_rng(0)
    if layout == "scenes":
        data = collection_of(parse_options({"layout": layout, "height": shape.height, "width": shape.width}))
        data.setup()
        clips = [data.training[index]["video"] for index in range(2 * options.clips)]
        return [(clips[start::2], np.arange(options.clips)) for start in (0, 1)]
    videos = index_videos(find_splits(root, layout).entries).videos
    videos = [videos[i] for i in random.permutation(len(videos)) if shape.last_start(videos[i].info) >= 0]
    halves = []
    for half in (videos[: len(videos) // 2], videos[len(videos) // 2 :]):
        numbers = np.arange(options.clips) % len(half)
        starts = [int(random.integers(shape.last_start(half[number].info) + 1)) for number in numbers]
        pairs = zip(numbers, starts, strict=True)
        halves.append(([read_clip(half[number].path, shape, start) for number, start in pairs], numbers))
    return halves


def worse(clips: list[Tensor], noise: list[Tensor]) -> dict[str, list[Tensor]]:
    random = np.random.default_rng(1)
    half = clips[: len(clips) // 2]
    return {
        "real": clips,
        **{f"blurred {width}": [blurred(clip, width) for clip in half] for width in (0.7, 1.0, 1.5)},
        "frozen": [clip[:, 8:9].expand_as(clip) for clip in clips],
        "shuffled": [clip[:, random.permutation(clip.shape[1])] for clip in clips],
        "noise": noise,
    }


def blurred(clip: Tensor, width: float) -> Tensor:
    return gaussian_blur(clip.movedim(1, 0), [2 * round(3 * width) + 1] * 2, [width] * 2).movedim(0, 1)


def rows_of(clips: list[Tensor], detector) -> np.ndarray:
    return np.concatenate([detector(torch.stack(clips[i : i + 4])).double().numpy() for i in range(0, len(clips), 4)])


if __name__ == "__main__":
    main()
