"""Does what of a benchmark is not done yet, and puts its parts together as `results.json`."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pvdm.benchmark.bench import Bench
from pvdm.benchmark.tasks import Task, tasks
from pvdm.benchmark.work import read_json, write_json
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing

FORMAT = "pvdm-benchmark"
LISTS = ("figures", "speed", "largest_batch", "videos", "nearest")
logger = logging.getLogger(__name__)


def run(bench: Bench, *, about: Mapping[str, Any], against: Path | None = None) -> dict[str, Any]:
    """All tasks; writes and returns the results, to which `about` is added. All processes must call it.

    against: the folder of another report, whose videos are added for comparison by eye.
    """
    todo = tasks(bench)
    parts, seconds = {}, {}
    with _Progress(todo, shown=bench.processes.is_main) as progress:
        bench.tick = progress.tick
        for task in todo:
            progress.begin(task)
            parts[task.name], seconds[task.name] = _done(bench, task)
            progress.end(task)
    results = {"format": FORMAT, **about, **merged(list(parts.values())), "seconds": seconds}
    if bench.processes.is_main:
        results["videos"] += others(bench.work.report, against) if against else []
        write_json(bench.work.report / "results.json", results)
    bench.processes.barrier()
    return results


def _done(bench: Bench, task: Task) -> tuple[dict[str, Any], float]:
    """What a task gives, and how many seconds it took, when it was done; it is done again if its files are gone."""
    name = f"tasks/{task.name.replace(' ', '-')}"
    stored = bench.alone(lambda bench: _stored(bench, name, task.key))
    if stored is not None:
        return stored["part"], stored["seconds"]
    start = time.monotonic()
    part = task.run(bench)
    seconds = round(time.monotonic() - start, 1)
    if bench.processes.is_main:
        bench.work.store(name, {"part": part, "seconds": seconds}, task.key)
    return part, seconds


def _stored(bench: Bench, name: str, key: Any) -> Any:
    """What is kept of a task; None if it is not done, or if files are gone that it names."""
    stored = bench.work.load(name, key)
    if stored is None:
        return None
    named = [entry["file"] for entry in stored["part"].get("videos", ())]
    named += [entry["picture"] for entry in stored["part"].get("nearest", ())]
    return stored if bench.work.has(named) else None


def merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The parts as one: lists on end, curves by name."""
    whole: dict[str, Any] = {name: [entry for part in parts for entry in part.get(name, ())] for name in LISTS}
    curves = [part.get("curves", {}) for part in parts]
    psnr = {part: values for curve in curves for part, values in curve.get("psnr_per_frame", {}).items()}
    return {**whole, "curves": {"psnr_per_frame": psnr, "drift": [d for c in curves for d in c.get("drift", ())]}}


def others(report: Path, other: Path) -> list[dict[str, Any]]:
    """Entries of `videos`, of kind "other": what the other report has sampled, copied beside ours."""
    entries = [entry for entry in sampled_videos(other) if entry["kind"] in ("generated", "extended")]
    for number, entry in enumerate(entries):
        source, file = other / entry["file"], f"videos/other_{number:03d}.mp4"
        if not source.is_file():
            raise InputError(f"{source} is not there, which {other} names", "give the whole report")
        with replacing(report / file, overwrite=True) as temporary:
            shutil.copyfile(source, temporary)
        entries[number] = {**entry, "file": file, "kind": "other"}
    return entries


def sampled_videos(report: Path) -> list[dict[str, Any]]:
    """The entries of `videos` of a report; InputError if it is none."""
    results = read_json(report / "results.json")
    if not isinstance(results, dict) or results.get("format") != FORMAT or not isinstance(results.get("videos"), list):
        raise InputError(f"{report} holds no results of pvdm benchmark", "give its --output as --against")
    return results["videos"]


class _Progress:
    """A bar over all tasks, in the unit of their costs; only the first process shows it."""

    def __init__(self, todo: Sequence[Task], *, shown: bool) -> None:
        self.bar = tqdm(total=sum(task.cost for task in todo), disable=not shown, bar_format=BAR)
        self.ends, end = {}, 0.0
        for task in todo:
            end += task.cost
            self.ends[task.name] = end

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def begin(self, task: Task) -> None:
        """Says what is being done."""
        self.bar.set_description(task.name)

    def tick(self, cost: float) -> None:
        """So much of the task is done."""
        self.bar.update(cost)

    def end(self, task: Task) -> None:
        """All of it, whatever was told."""
        self.bar.update(self.ends[task.name] - self.bar.n)


BAR = "{l_bar}{bar}| {elapsed} so far, {remaining} left"
