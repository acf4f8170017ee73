"""The work of a job: from what a request brought to a video in the job's folder."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pvdm.conditions.text import check_prompt
from pvdm.generation.conditioned_model import class_index
from pvdm.generation.tasks.missing_frames import spans_of
from pvdm.studio.jobs.job_limits import JobLimits
from pvdm.studio.jobs.job_queue import Job, JobWork
from pvdm.studio.jobs.job_settings import checked_settings
from pvdm.studio.jobs.job_tasks import JobTask, TaskInput
from pvdm.studio.jobs.upload_checks import read_video_upload
from pvdm.studio.picture_upload import read_upload
from pvdm.video import VideoWriter

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator


def read_input(
    task: JobTask, settings: Any, files: Mapping[str, Path], generator: VideoGenerator, limits: JobLimits
) -> TaskInput:
    """What a job of a task is given, all of it checked; the uploads are decoded, and removed.

    Of the generator nothing is used but its sizes and what it was trained for, so that any thread may call this.
    InputError for whatever is wrong.
    """
    task.check(generator)
    chosen = checked_settings(settings, task.all_settings)
    task.check_files(files)
    check_conditions(chosen, generator)
    spans = spans_of((chosen.get("missing") or "").replace(",", " ").split())
    videos = {
        name: read_video_upload(files[name], name, reading, generator, limits, spans)
        for name, (reading, _) in task.videos.items()
        if name in files
    }
    given = {name: files[name] for name in task.pictures if name in files}
    pictures = {
        name: read_upload(path.read_bytes(), generator.size, most_pixels=limits.pixels).pixels
        for name, path in given.items()
    }
    return TaskInput(chosen, videos, pictures, limits)


def check_conditions(settings: Mapping[str, Any], generator: VideoGenerator) -> None:
    """InputError for a prompt, a class or a score that the model does not take."""
    for name in ("prompt", "negative_prompt"):
        if settings[name] is not None:
            check_prompt(settings[name], generator.text or generator.text_encoder)  # which refuses, as there is none
    if settings["label"] is not None:
        class_index(settings["label"], generator.class_count, generator.classes)
    generator.check_scores(settings["scores"] or {})


def work_of(task: JobTask, given: TaskInput) -> JobWork:
    """The work that makes the task's video; it lets others have their turn after each part that is written."""

    def work(generator: VideoGenerator, job: Job) -> Generator[None, None, tuple[str, ...]]:
        clock = WorkClock(job)
        making = task.make(generator, given, clock.sampled)
        clock.frames, clock.clip = making.frames * making.videos, generator.frames
        name = f"result.{given.settings['format']}"
        told = {"provenance": generator.provenance and generator.provenance.made_from(given.videos or given.pictures)}
        with VideoWriter(job.folder / name, fps=making.fps, **told) as writer, closing(making.parts) as parts:
            for part in parts:
                if part is not None:
                    writer.write(part)
                clock.written(clock.clip if part is None else part.shape[1])
                yield
                clock.resume()
        return (name,)

    return work


class WorkClock:
    """Tells a job how long it has worked and how much is done, and stops it when its time is over.

    Args:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        self._job, self._before, self._written = job, job.seconds, 0
        self.frames, self.clip = 1, 1
        self.resume()

    def resume(self) -> None:
        """Its turn begins."""
        self._before, self._began = self._job.seconds, perf_counter()
        self._job.check()

    def sampled(self, done: int, steps: int) -> None:
        """Called after each step of sampling a clip."""
        self._tell(min(self._written + self.clip * done / steps, self.frames))

    def written(self, frames: int) -> None:
        """Called when frames are made for good."""
        self._written = min(self._written + frames, self.frames)
        self._tell(self._written)

    def _tell(self, frames: float) -> None:
        self._job.seconds = self._before + perf_counter() - self._began
        self._job.progress = max(self._job.progress, round(frames / self.frames, 4))
        self._job.check()
