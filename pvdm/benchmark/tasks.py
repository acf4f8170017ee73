"""The table as a list of small tasks, each of which gives a part of the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pvdm.benchmark.bench import Bench
from pvdm.benchmark.generation import generation, real_coherence, wanted
from pvdm.benchmark.memorization import memorization
from pvdm.benchmark.plan import CLIP, LONG, QUICK_REAL, Setting
from pvdm.benchmark.reconstruction import DETECTORS, reconstruction, reconstruction_cost
from pvdm.benchmark.sampling import sampling_cost
from pvdm.benchmark.timing import largest_batches, sampling_speed
from pvdm.benchmark.wall import real_videos
from pvdm.evaluation.results import hardware

REPETITIONS = 3
"""Of a timed video, after one to warm up; with --quick it is timed once, cold."""


@dataclass(frozen=True)
class Task:
    """A piece of the table.

    Args:
        name: Its own among the tasks.
        run: What it does, in all processes alike; it gives a part of the results, the same in all.
        cost: About how long it takes, in evaluations of the network.
        key: What it depends on besides what is the benchmark's; JSON-able.
    """

    name: str
    run: Callable[[Bench], dict[str, Any]]
    cost: float = 1.0
    key: Any = None


def tasks(bench: Bench) -> list[Task]:
    """All of them, in the order in which they run."""
    settings = bench.plan.settings
    detectors = bench.known(*detectors_of(bench))
    if bench.generator.denoiser is None:
        return [*_of_stage_1(bench, detectors), Task("no samples", _no_samples)]
    first, frames = settings[0], bench.generator.frames
    return [
        *(_speed(setting, bench) for setting in settings),
        Task("largest batch", _largest_batch, key=hardware(bench.generator.device)),
        *_of_stage_1(bench, detectors),
        Task("real coherence", real_coherence),
        *(
            Task(f"samples {s.slug}", partial(generation, setting=s), sampling_cost(bench, s), detectors)
            for s in settings
        ),
        Task("memorization", partial(memorization, setting=first), first.evaluations(CLIP, frames), detectors),
    ]


def detectors_of(bench: Bench) -> list[str]:
    """Names of those that the figures of this table need."""
    return list(dict.fromkeys([*DETECTORS, *(spec.wanted.detector for spec in wanted(bench))]))


def _of_stage_1(bench: Bench, detectors: dict[str, Any]) -> list[Task]:
    """What needs no denoiser."""
    most = QUICK_REAL if bench.plan.quick else len(bench.videos("both").videos)
    cost = reconstruction_cost(most)  # of both parts: an estimate is enough
    key = {**detectors, **bench.records("lpips")}
    return [
        Task("real videos", lambda bench: {"videos": bench.alone(real_videos)}),
        *(
            Task(f"reconstruction {part}", partial(reconstruction, part=part), cost / 2, key)
            for part in ("train", "test")
        ),
    ]


def _speed(setting: Setting, bench: Bench) -> Task:
    """Times one setting at both lengths."""
    options = {"repetitions": 1, "warm_up": False} if bench.plan.quick else {"repetitions": REPETITIONS}
    evaluations = sum(setting.evaluations(frames, bench.generator.frames) for frames in (CLIP, LONG))

    def run(bench: Bench) -> dict[str, Any]:
        with bench.generator.precision(bench.plan.precision):
            return {"speed": [sampling_speed(bench.generator, setting, frames=n, **options) for n in (CLIP, LONG)]}

    key = {**options, "hardware": hardware(bench.generator.device)}
    return Task(f"speed {setting.slug}", lambda bench: bench.alone(run), evaluations * options["repetitions"], key)


def _no_samples(bench: Bench) -> dict[str, Any]:
    """The figures of a model that generates nothing."""
    reason = "this model is a stage-1 autoencoder without a denoiser; train stage 2 with it first"
    names = [{"setting": setting.name, "sampler": setting.sampler} for setting in bench.plan.settings]
    return {"figures": [spec.missing(reason, **name) for name in names for spec in wanted(bench)]}


def _largest_batch(bench: Bench) -> dict[str, Any]:
    return bench.alone(lambda bench: {"largest_batch": largest_batches(bench.generator)})
