"""A benchmark as named tasks, each of which gives a part of the results and runs once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pvdm.benchmark.context import BenchmarkContext
from pvdm.benchmark.generation_figures import generation, memorization, real_coherence, wanted_figures
from pvdm.benchmark.plan import CLIP, LONG, Setting
from pvdm.benchmark.reconstruction_figures import DETECTORS, reconstruction
from pvdm.benchmark.result_store import write_json
from pvdm.benchmark.shown_videos import FORMAT, real_videos, videos_of_other
from pvdm.benchmark.speed.largest_batch import largest_batches
from pvdm.benchmark.speed.measuring import largest, measured
from pvdm.evaluation.results import hardware
from pvdm.generation import VideoGenerator
from pvdm.runtime.energy.meter import Energy, EnergyMeter

LISTS = ("figures", "speed", "largest_batch", "videos", "nearest")
REPETITIONS = 3
"""Timings of a video, after one to warm up; with --quick it is timed once, cold."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """A part of the results.

    Args:
        name: Unique among the tasks.
        run: All processes call it; it returns a part of the results, the same in all.
        key: Everything that it depends on besides the benchmark's own key; JSON-able.
    """

    name: str
    run: Callable[[BenchmarkContext], dict[str, Any]]
    key: Any = None


def run_tasks(context: BenchmarkContext, *, about: Mapping[str, Any], against: Path | None = None) -> dict[str, Any]:
    """Runs what is not finished; writes and returns the results, to which `about` is added. All processes must call it.

    against: the folder of another report, whose videos are added for a comparison by eye.
    """
    parts, seconds, energy = [], {}, {}
    todo = tasks(context)
    for number, task in enumerate(todo, 1):
        if context.processes.is_main:
            logger.info("%s (%d of %d)", task.name, number, len(todo))
        done = _finished(context, task)
        seconds[task.name], energy[task.name] = done["seconds"], done.get("energy")
        parts.append(done["part"])
    results = {"format": FORMAT, **about, **merged(parts), "seconds": seconds, "energy": energy}
    if context.processes.is_main:
        results["videos"] += videos_of_other(context.store.report, against) if against else []
        write_json(context.store.report / "results.json", results)
    context.processes.barrier()
    return results


def tasks(context: BenchmarkContext) -> list[Task]:
    """All tasks in the order in which they run."""
    settings = context.plan.settings
    detectors = context.records(*detectors_of(context))
    key = {**detectors, **context.records("lpips")}
    first_stage = [
        Task("real videos", real_videos),
        *(Task(f"reconstruction {part}", partial(reconstruction, part=part), key) for part in ("train", "test")),
    ]
    if context.generator.denoiser is None:
        return [*first_stage, Task("no samples", _no_samples)]
    return [
        *(_speed(setting, context) for setting in settings),
        Task("largest batch", _largest_batch, hardware(context.generator.device)),
        *first_stage,
        Task("real coherence", real_coherence),
        *(Task(f"samples {setting.slug}", partial(generation, setting=setting), detectors) for setting in settings),
        Task("memorization", partial(memorization, setting=settings[0]), detectors),
    ]


def detectors_of(context: BenchmarkContext) -> list[str]:
    """Names of the detectors that the figures of this table need."""
    return list(dict.fromkeys([*DETECTORS, *(spec.wanted.detector for spec in wanted_figures(context))]))


def _speed(setting: Setting, context: BenchmarkContext) -> Task:
    """Times one setting at both lengths."""
    options = {"repetitions": 1, "warm_up": False} if context.plan.quick else {"repetitions": REPETITIONS}

    def run(context: BenchmarkContext) -> dict[str, Any]:
        with context.generator.precision(context.plan.precision):
            return {"speed": [sampling_speed(context.generator, setting, frames=n, **options) for n in (CLIP, LONG)]}

    key = {**options, "hardware": hardware(context.generator.device)}
    return Task(f"speed {setting.slug}", lambda context: context.alone(run), key)


def sampling_speed(
    generator: VideoGenerator, setting: Setting, *, frames: int, repetitions: int = 1, warm_up: bool = True
) -> dict[str, Any]:
    """An entry of `speed`: seconds and peak memory of one video, the fastest of the repetitions.

    warm_up: first sample a video with one step per clip, so that compilation and allocation are not counted.
    """
    if warm_up:
        one = Setting(setting.sampler, 1, 1, setting.eta)
        _sample(generator, one, min(frames, 2 * generator.frames))
    peaks = []
    for _ in range(repetitions):
        with measured(generator.device) as peak:
            _sample(generator, setting, frames)
        peaks.append(peak)
    return {
        "setting": setting.name,
        "sampler": setting.sampler,
        "frames": frames,
        "seconds": min(peak.seconds for peak in peaks),
        "peak_memory_bytes": largest(*(peak.memory for peak in peaks)),
        "energy": sum((peak.energy for peak in peaks), Energy()).share(1 / repetitions).record(),
        "batch": 1,
        "device": generator.device.type,
    }


def _sample(generator: VideoGenerator, setting: Setting, frames: int) -> None:
    first, later = setting.samplers()
    for _ in generator.stream(num_frames=frames, sampler=first, later_sampler=later):
        pass


def _largest_batch(context: BenchmarkContext) -> dict[str, Any]:
    return context.alone(lambda context: {"largest_batch": list(largest_batches(context.generator))})


def _no_samples(context: BenchmarkContext) -> dict[str, Any]:
    """The figures of a model that generates nothing."""
    reason = "this model is a stage-1 autoencoder without a denoiser; train stage 2 with it first"
    specs = wanted_figures(context)
    return {"figures": [spec.entry(missing=reason, **s.names) for s in context.plan.settings for spec in specs]}


def _finished(context: BenchmarkContext, task: Task) -> dict[str, Any]:
    """The task's part of the results, its seconds and the first process's energy, as stored, or by running it."""
    name = f"tasks/{task.name.replace(' ', '-')}"
    stored = context.alone(lambda context: _stored(context, name, task.key))
    if stored is not None:
        return stored
    start, meter = time.monotonic(), EnergyMeter([context.generator.device])
    part = task.run(context)
    done = {"part": part, "seconds": round(time.monotonic() - start, 1), "energy": meter.read().record()}
    if context.processes.is_main:
        context.store.store(name, done, task.key)
    return done


def _stored(context: BenchmarkContext, name: str, key: Any) -> Any:
    """None if the task is not finished, or if files that it names are gone."""
    stored = context.store.load(name, key)
    if stored is None:
        return None
    named = [entry["file"] for entry in stored["part"].get("videos", ())]
    named += [entry["picture"] for entry in stored["part"].get("nearest", ())]
    return stored if context.store.has(named) else None


def merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The parts as one: lists concatenated, curves by name."""
    whole: dict[str, Any] = {name: [entry for part in parts for entry in part.get(name, ())] for name in LISTS}
    curves = [part.get("curves", {}) for part in parts]
    psnr = {part: values for curve in curves for part, values in curve.get("psnr_per_frame", {}).items()}
    return {**whole, "curves": {"psnr_per_frame": psnr, "drift": [d for c in curves for d in c.get("drift", ())]}}
