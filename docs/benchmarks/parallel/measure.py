"""Long videos of a model: how they drift, what clips side by side cost in quality, and what overlapping stages gain.

    python docs/benchmarks/parallel/measure.py drift MODEL OUTPUT.json [--videos 12 --frames 4096]
    python docs/benchmarks/parallel/measure.py quality MODEL OUTPUT.json --data DATA --layout LAYOUT [--loop]
    python docs/benchmarks/parallel/measure.py pipeline MODEL OUTPUT.json
    python docs/benchmarks/parallel/measure.py plot DRIFT.json PICTURE

What is there already in OUTPUT.json is not measured again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.benchmark.learning.learning_figures import RealClips, labels_in_turn
from pvdm.data.data_options import parse_options
from pvdm.data.mixing.mixed_collection import collection_of
from pvdm.diffusion import Condition, SamplerConfig, VideoNoise
from pvdm.evaluation.features.detectors import load_detector
from pvdm.evaluation.results import versions
from pvdm.evaluation.video_figures import frame_difference
from pvdm.generation import VideoGenerator
from pvdm.generation.long_video.anchor import Anchor
from pvdm.generation.long_video.parallel_clips import ParallelVideo
from pvdm.video import VideoWriter

REAL, BATCH, LEVELS = 1024, 8, 16
"""Real clips, clips whose features are found at once, and the levels of a histogram."""

WAYS: dict[str, Callable[..., Iterator[Tensor]]] = {
    "chained": lambda generator, **options: generator.stream(**options),
    "anchored": lambda generator, **options: generator.stream(anchor=Anchor(), **options),
    "parallel": lambda generator, **options: side_by_side(generator, **options),
}
"""How a long video is made: yields (b, 3, n, h, w) uint8 in parts, to their end."""


def side_by_side(
    generator: VideoGenerator, *, num_frames: int, videos: list, labels: list | None, sampler: SamplerConfig
) -> Iterator[Tensor]:
    """Each of the videos whole, one part of all."""
    made = []
    for place, video in enumerate(videos):
        options = {"video": video, "label": labels and labels[place], "sampler": sampler, "batch_size": BATCH}
        made.append(torch.cat(list(ParallelVideo(generator, num_frames, **options).run()), dim=1))
    yield torch.stack(made)


def videos_of(generator: VideoGenerator, way: str, options: argparse.Namespace, seed: int) -> Tensor:
    """(videos, 3, frames, h, w) uint8 of all classes in turn."""
    sampler, found = SamplerConfig(steps=options.steps), []
    labels = labels_in_turn(generator, options.videos)
    for start in range(0, options.videos, BATCH):
        part = slice(start, min(start + BATCH, options.videos))
        told = {"videos": [(seed, index) for index in range(part.start, part.stop)], "labels": labels and labels[part]}
        parts = WAYS[way](generator, num_frames=options.frames, sampler=sampler, **told)
        found.append(torch.cat(list(parts), dim=2))
    return torch.cat(found)


def drift(generator: VideoGenerator, options: argparse.Namespace, way: str) -> dict[str, Any]:
    """How far the clips of a long video are from its first, and its last quarter from its first quarter."""
    videos, frames = videos_of(generator, way, options, seed=0), generator.frames
    clips = videos[:, :, : videos.shape[2] // frames * frames].unflatten(2, (-1, frames)).transpose(1, 2)
    clips = clips[:, :: max(1, clips.shape[1] // 64)]  # (b, n, 3, t, h, w)
    colors = torch.stack([histograms(column) for column in clips.unbind(1)], dim=1)
    features = seen(clips[:, :: max(1, clips.shape[1] // 16)])
    quarters = [part.mean(1) for part in (first_quarter(colors), last_quarter(colors))]
    first, last = (part.mean(1) for part in (first_quarter(features), last_quarter(features)))
    apart = torch.cdist(first, first)
    motion = torch.stack([frame_difference(column).mean() for column in clips.unbind(1)])
    return {
        "colors": (quarters[0] - quarters[1]).abs().sum(1).mean().item() / 2,
        "identity": ((first - last).norm(dim=1).mean() / (apart.sum() / (len(apart) ** 2 - len(apart)))).item(),
        "motion": (last_quarter(motion[None]).mean() / first_quarter(motion[None]).mean()).item(),
        "frames": options.frames,
        "curve": [round(float(value) / 2, 4) for value in (colors - colors[:, :1]).abs().sum(2).mean(0)],
    }


def first_quarter(values: Tensor) -> Tensor:
    return values[:, : max(1, values.shape[1] // 4)]


def last_quarter(values: Tensor) -> Tensor:
    return values[:, -max(1, values.shape[1] // 4) :]


def histograms(clips: Tensor) -> Tensor:
    """Share of the pixels of each level, (b, 3 * LEVELS), whose sum is 1."""
    each = [torch.bincount(values.flatten() // (256 // LEVELS), minlength=LEVELS) for clip in clips for values in clip]
    return torch.stack(each).double().unflatten(0, (len(clips), 3)).flatten(1) / clips[0].numel()


def seen(clips: Tensor) -> Tensor:
    """The mean features of the frames of clips (b, n, 3, t, h, w): (b, n, d)."""
    detector = load_detector("efficientnet-lite0")
    rows = torch.cat([detector(part) for part in clips.flatten(0, 1).split(BATCH)])
    return rows[:, : rows.shape[1] // 7].unflatten(0, clips.shape[:2]).double()


def quality(generator: VideoGenerator, options: argparse.Namespace, way: str) -> dict[str, Any]:
    """Appearance-motion of the last clip's frames of videos, seams, and the motion of all."""
    real, detector = real_clips(generator, options), load_detector("efficientnet-lite0")
    videos, frames = videos_of(generator, way, options, seed=1), generator.frames
    rows = [detector(part).double().numpy() for part in videos[:, :, -frames:].split(BATCH)]
    distances = real.space.distances(np.concatenate(rows), np.arange(len(videos)))
    differences = torch.stack([video.double().diff(dim=1).abs().mean((0, 2, 3)) for video in videos])
    stride = 2 * frames - 1
    ends = range(frames, options.frames, frames)
    if way == "parallel":
        ends = sorted({*range(frames, options.frames, stride), *range(stride, options.frames, stride)})
    is_end = torch.zeros(differences.shape[1], dtype=torch.bool)
    is_end[[end - 1 for end in ends]] = True
    real_motion = real.training.double().diff(dim=2).abs().mean()
    return {
        **distances.values,
        "interval": list(distances.interval("appearance_motion")),
        "seams": (differences[:, is_end].mean() / differences[:, ~is_end].mean()).item(),
        "motion": (differences.mean() / real_motion).item(),
        "frames": options.frames,
    }


def real_clips(generator: VideoGenerator, options: argparse.Namespace) -> RealClips:
    """Those of the data set, kept beside the output."""
    file = options.output.with_suffix(".real.npz")
    if not file.is_file():
        config = generator.autoencoder.config
        sizes = {"frames": config.frames, "height": config.height, "width": config.width, "clips": 1}
        sizes |= {"loop": options.loop, "validation_clips": 64}
        videos = collection_of(parse_options({"path": options.data, "layout": options.layout, **sizes}))
        RealClips.of(videos, load_detector("efficientnet-lite0"), REAL).save(file)
    return RealClips.load(file)


def pipeline(generator: VideoGenerator, options: argparse.Namespace, way: str) -> dict[str, Any]:
    """Seconds of each stage of a clip alone, and of whole videos with and without stages that overlap."""
    sampler, told = SamplerConfig(steps=options.steps), {"labels": labels_in_turn(generator, 1)}
    clips = options.frames // generator.frames
    condition = generator.described(1, **told)
    latent = generator.sample_latent(VideoNoise([(0, 0, 0)]), condition, sampler)
    condition = Condition(context=latent, label=condition.label)
    shown = generator.decode_latent(latent)[0]
    with tempfile.TemporaryDirectory() as folder, VideoWriter(Path(folder) / "stage.mp4", fps=10) as writer:
        stages = {
            "sample": median(lambda: generator.sample_latent(VideoNoise([(0, 0, 1)]), condition, sampler)),
            "decode": median(lambda: generator.decode_latent(latent)),
            "write": median(lambda: writer.write(shown)),
        }

    def whole(*, overlapped: bool) -> float:
        generator.overlap, times = overlapped, []
        with tempfile.TemporaryDirectory() as folder, VideoWriter(Path(folder) / "whole.mp4", fps=10) as writer:
            for clip in generator.stream(num_frames=clips * generator.frames, sampler=sampler, **told):
                writer.write(clip[0])
                times.append(time.perf_counter())
        return (times[-1] - times[0]) / (clips - 1)  # without the start of the process

    pairs = [(whole(overlapped=False), whole(overlapped=True)) for _ in range(3)]
    plain, overlapped = (statistics.median(values) for values in zip(*pairs, strict=True))
    bound = max(*stages.values(), sum(stages.values()) / 2)
    return {
        "stages": stages,
        "plain": plain,
        "overlapped": overlapped,
        "bound": bound,
        "share_of_bound": bound / overlapped,
        "frames_per_second": generator.frames / overlapped,
    }


def median(run: Callable[[], Any], repeats: int = 15) -> float:
    seconds = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[2:])


def plot(source: Path, picture: Path) -> None:
    """Distance of the colors from those of the first clip, along the video."""
    from matplotlib import pyplot

    found = json.loads(source.read_text(encoding="utf-8"))["figures"]
    figure, axes = pyplot.subplots(figsize=(6.4, 3), layout="constrained")
    for name, values in found.items():
        curve = values["curve"]
        axes.plot(np.linspace(0, values["frames"], len(curve), endpoint=False), curve, label=name)
    axes.set(xlabel="frame", ylabel="colors that changed", ylim=(0, None), xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    figure.savefig(picture, dpi=110)


MEASURES = {
    "drift": (drift, ("chained", "anchored", "parallel"), 4096),
    "quality": (quality, ("chained", "parallel", "anchored"), 128),
    "pipeline": (pipeline, ("2", "4", "20"), 512),
}
"""What is measured of which ways, or steps, and how many frames."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=(*MEASURES, "plot"))
    parser.add_argument("model")
    parser.add_argument("output", type=Path)
    parser.add_argument("--videos", type=int, default=12)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--data")
    parser.add_argument("--layout")
    parser.add_argument("--loop", action="store_true")
    options = parser.parse_args()
    if options.what == "plot":
        return plot(Path(options.model), options.output)
    measure, ways, frames = MEASURES[options.what]
    options.frames = options.frames or frames
    generator = VideoGenerator.load(options.model).eval()
    found = json.loads(options.output.read_text()) if options.output.is_file() else {"figures": {}}
    found |= {"model": options.model, "what": options.what, "videos": options.videos, "versions": versions()}
    found |= {"steps": options.steps, "threads": torch.get_num_threads()}
    for way in ways:
        if way in found["figures"]:
            continue
        options.steps = int(way) if way.isdecimal() else options.steps
        found["figures"][way] = measure(generator, options, way)
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
