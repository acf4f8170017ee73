"""The whole way from a folder of raw video to the rows of a catalogue; the same call resumes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tqdm import tqdm

from pvdm.curation.clip_scoring import chunks, key_of, scored
from pvdm.curation.clip_step import ClipStep
from pvdm.curation.curation_plan import Plan
from pvdm.curation.engines.task import Task
from pvdm.curation.scan.file_clips import FileClips, is_scanned, known_clips
from pvdm.curation.scan.file_scan import segments
from pvdm.curation.scan.raw_files import RawFile, is_text, known_file, list_files, shown
from pvdm.curation.tasks import ClipsTask, SegmentTask, StepTask, StudyTask

Failures = dict[str, str]
"""Why a file cannot be used, by its name."""


class Engine(Protocol):
    """Runs tasks in any order, in any number of places that share the folders."""

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str | None]]:
        """Yields each task and, if its file is at fault, why, as they end."""
        ...

    def close(self) -> None:
        """Ends what runs them."""
        ...


@dataclass(frozen=True)
class Curated:
    """A heap whose tasks are done.

    Args:
        files: Every file that could be read, in order, with its clips.
        failures: Why each other file cannot be used.
        step_failures: Why clips of a file lack the scores of a step, by (step, digest).
    """

    files: list[tuple[RawFile, FileClips]]
    failures: Failures
    step_failures: dict[tuple[str, str], str] = field(default_factory=dict)


def curate(plan: Plan, engine: Engine, *, progress: bool = True) -> Curated:
    """Does what the ledger does not know yet, step by step, and returns all of it.

    InputError if there is no video, `LedgerError` if results cannot be written. What a file or a clip lacks does not
    hold up the others.
    """
    run = _Run(engine, progress)
    files, refused = list_files(plan.root)
    listed = [file for file in files if plan.shard is None or plan.shard.has(file)]
    names = [name for name in listed if is_text(name)]
    unknown = [name for name in names if known_file(plan.ledger, plan.root, name) is None]
    failures = run.failures("read", (StudyTask(plan, name) for name in unknown))
    files = [file for name in names if (file := known_file(plan.ledger, plan.root, name))]
    failures |= run.failures("scan", _scans(plan, _distinct(files)))
    failures |= run.failures("clips", _divisions(plan, _distinct(files)))
    failed = {file.digest: failures[file.file] for file in files if file.file in failures}
    failures |= {file.file: failed[file.digest] for file in files if file.digest in failed}
    good = [(file, clips) for file in files if (clips := known_clips(plan, file))]
    missed: dict[tuple[str, str], str] = {}
    for step in plan.clip_steps:
        for task, why in run(step.name, _scorings(plan, step, good)):
            if why:
                missed[step.name, task.file.digest] = why
    usable = {file.file for file, _ in good}
    failures = {name: why for name, why in failures.items() if name not in usable}
    odd = {shown(name): "its name is not in UTF-8, rename it" for name in listed if not is_text(name)}
    refused = {shown(name): why for name, why in refused.items()}
    return Curated(good, failures | odd | refused, missed)


def scores_of(plan: Plan, file: RawFile, clips: FileClips) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """The rows of a file's clips with the columns of all steps, and the names of the steps that have none of a clip."""
    parts = chunks(clips)
    found = {step.name: [row for rows in parts for row in scored(plan, step, file, rows)] for step in plan.clip_steps}
    number = 0
    for row in clips.rows:
        if "error" in row:
            yield dict(row), []
            continue
        own = {name: rows[number] for name, rows in found.items()}
        number += 1
        columns = {column: value for each in own.values() for column, value in (each or {}).items()}
        yield {**row, **columns}, [name for name, each in own.items() if each is None]


class _Run:
    """Runs the tasks of a phase with a progress bar in seconds of video."""

    def __init__(self, engine: Engine, progress: bool) -> None:
        self._engine, self._hidden = engine, None if progress else True

    def __call__(self, what: str, tasks: Iterable[Task]) -> Iterator[tuple[Any, str | None]]:
        tasks = list(tasks)
        if not tasks:
            return
        total = sum(task.seconds for task in tasks)
        with tqdm(total=round(total), desc=what, unit="s", disable=self._hidden) as bar:
            for task, why in self._engine.run(tasks):
                bar.update(task.seconds)
                yield task, why

    def failures(self, what: str, tasks: Iterable[Task]) -> Failures:
        return {task.name: why for task, why in self(what, tasks) if why}


def _distinct(files: Iterable[RawFile]) -> list[RawFile]:
    """One file of each content."""
    return list({file.digest: file for file in reversed(list(files))}.values())[::-1]


def _scans(plan: Plan, files: Iterable[RawFile]) -> Iterator[Task]:
    for file in files:
        if known_clips(plan, file) is None:
            yield from (SegmentTask(plan, file, part) for part in segments(file) if not is_scanned(plan, file, part))


def _divisions(plan: Plan, files: Iterable[RawFile]) -> Iterator[Task]:
    for file in files:
        if known_clips(plan, file) is None and all(is_scanned(plan, file, part) for part in segments(file)):
            yield ClipsTask(plan, file)


def _scorings(plan: Plan, step: ClipStep, files: Iterable[tuple[RawFile, FileClips]]) -> Iterator[Task]:
    taken = set()
    for file, clips in files:
        for rows in chunks(clips):
            key = key_of(plan, step, file, rows)
            if key not in taken and None in scored(plan, step, file, rows):
                yield StepTask(plan, step, file, rows)
            taken.add(key)
