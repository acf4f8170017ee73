"""A data set of a few made videos in UCF101's layout, and benchmarks that take a second or two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from data.small_layouts import CLASSES, clip_name, write_lists
from evaluation import tiny_detector
from torch import Tensor

from pvdm.benchmark.benchmark_tasks import run_tasks
from pvdm.benchmark.context import BenchmarkContext
from pvdm.benchmark.paper_tables import key_of
from pvdm.benchmark.plan import Plan, Setting
from pvdm.benchmark.result_store import ResultStore
from pvdm.evaluation.clips.model_clips import LoadedModel
from pvdm.runtime.processes import ALONE, Processes

SETTINGS = (Setting.parse("2/1"), Setting.parse("dpmpp_2m:1/1"))


def make_ucf101(folder: Path, make_video: Callable[..., Path]) -> Path:
    """6 videos for training and 3 for tests, of which those of the first class are shorter than 128 frames."""
    for label in range(len(CLASSES)):
        for group in (1, 2, 3):  # what the lists have besides is absent
            frames = 40 if label == 0 else 128 + group
            make_video(folder / "UCF-101" / clip_name(label, group), frames=frames, height=32, width=48, fps=25)
    write_lists(folder / "ucfTrainTestlist")
    return folder


def small_plan(root: Path, **options: Any) -> Plan:
    """Two videos in chunks of one, of few steps of the second setting."""
    few = {"settings": SETTINGS[1:], "num_videos": 2, "batch_size": 1, "shown": 1, "allow_few": True}
    return Plan(**{"dataset": "ucf101", "root": root, **few, **options})


def context_of(plan: Plan, model: str, report: Path, processes: Processes = ALONE, **options: Any) -> BenchmarkContext:
    """A benchmark that is about to run, its folder its own."""
    context = BenchmarkContext(plan, LoadedModel.load(model), ResultStore(report, {}), processes, **options)
    context.store = ResultStore(report, key_of(context))
    context.alone(lambda context: context.store.claim())
    return context


def figures(results: dict[str, Any]) -> dict[str, Any]:
    """All of the results that time and place do not change."""
    return {
        name: value for name, value in results.items() if name not in ("speed", "seconds", "energy", "largest_batch")
    }


def measured(plan: Plan, model: str, report: Path, processes: Processes = ALONE, **options: Any) -> dict[str, Any]:
    """The results of a whole run."""
    return run_tasks(context_of(plan, model, report, processes, **options), about={})


def with_tiny_detectors(monkeypatch) -> dict[str, tiny_detector.TinyNetwork]:
    """As `tiny_detector.install`, where a benchmark loads them; the networks by name."""
    networks = tiny_detector.install(monkeypatch)
    from pvdm.evaluation import measurement

    monkeypatch.setattr("pvdm.benchmark.context.load_detector", measurement.load_detector)
    return networks


def without_curves(monkeypatch) -> None:
    """The drift along a video is that of its brightness alone: the optical flow of all frames would take long."""

    def brightness(video: Tensor, window: int) -> dict[str, list[float]]:
        starts = list(range(0, video.shape[1] - window + 1, window))
        means = [video[:, start : start + window].float().mean().item() for start in starts]
        return {"start_frames": starts, "sharpness": means, "warping_error": means, "second_differences": means}

    monkeypatch.setattr("pvdm.benchmark.sample_measures.coherence_curve", brightness)


def quick(plan: Plan) -> Plan:
    """The same as with --quick."""
    return replace(plan, quick=True)
