"""The sampled videos of a setting: each is made once, looked at by every measure, and forgotten but for a few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pvdm.benchmark.bench import Bench
from pvdm.benchmark.chunks import Arrays, Chunked
from pvdm.benchmark.measures import Measure
from pvdm.benchmark.plan import CLIP, LONG, Setting
from pvdm.benchmark.wall import show

KINDS = (("generated", CLIP), ("extended", LONG))
"""What is shown of a sampled video: its first clip, and all of it."""


def sampled(bench: Bench, setting: Setting, measures: Sequence[Measure]) -> Arrays:
    """What the measures find in the videos of a setting, of which the first are written for the report."""
    source = bench.samples(setting)

    def measured(numbers: Sequence[int]) -> Arrays:
        clips = list(source.read(numbers, batch_size=len(numbers)))
        for clip in clips:
            if clip.index < bench.shown:
                for kind, frames in KINDS:
                    show(bench, _name(kind, setting, clip.index), clip.video[:, :frames])
        videos = torch.stack([clip.video for clip in clips])
        return {name: rows for measure in measures for name, rows in measure.of(videos, numbers).items()}

    key = [measure.key for measure in measures]
    cost = sampling_cost(bench, setting)

    def files(numbers: Sequence[int]) -> list[str]:
        shown = [index for index in numbers if index < bench.shown]
        return [_file(kind, setting, index) for kind, _ in KINDS for index in shown]

    return Chunked(bench, f"samples/{setting.slug}", len(source), measured, key, cost, files).run()


def sampling_cost(bench: Bench, setting: Setting) -> float:
    """Of all videos of a setting, in evaluations of the network."""
    return bench.plan.num_videos * setting.evaluations(LONG, bench.generator.frames)


def shown_samples(bench: Bench, setting: Setting) -> list[dict[str, Any]]:
    """Entries of `videos` in the results."""
    source = bench.samples(setting)
    rest = {"setting": setting.name, "sampler": setting.sampler}
    return [
        {"file": _file(kind, setting, index), "kind": kind, "label": _label(source, index)}
        | {**rest, "frames": frames, "index": index}
        for kind, frames in KINDS
        for index in range(bench.shown)
    ]


def _name(kind: str, setting: Setting, index: int) -> str:
    return f"{kind}_{setting.slug}_{index:03d}"


def _file(kind: str, setting: Setting, index: int) -> str:
    """Where `show` writes it."""
    return f"videos/{_name(kind, setting, index)}.mp4"


def _label(source: Any, index: int) -> str | None:
    """Name of the class that a video was asked to be of."""
    if source.labels is None:
        return None
    label = source.labels[index % len(source.labels)]
    return source.classes[label] if source.classes else str(label)
