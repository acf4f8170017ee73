"""The queue of jobs: clients take turns, each job has a folder of its own, and finished jobs are kept for a while."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pvdm.errors import REFUSALS, InputError, sentence
from pvdm.files.atomic_write import remove
from pvdm.studio.jobs.job_limits import JobLimits, RefusedRequest, told_in_settings
from pvdm.studio.jobs.work_folder import WorkFolder

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

Result = TypeVar("Result")
WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
OUR_MISTAKE = "the job failed by a mistake in the studio, whose log says more; the studio goes on"

logger = logging.getLogger(__name__)


class JobCancelled(Exception):
    """Raised within the work of a job that its client has cancelled."""


@dataclass(eq=False)
class Job:
    """A job of a client.

    Args:
        id: Its name, which cannot be guessed; also that of its folder.
        owner: The client.
        task: What it does.
        folder: Where its uploads and its results are.
        longest: Seconds of work after which it is stopped.
    """

    id: str
    owner: str
    task: str
    folder: Path
    longest: float
    state: str = WAITING
    progress: float = 0.0
    seconds: float = 0.0
    error: str | None = None
    files: tuple[str, ...] = ()
    is_cancelled: bool = False
    work: JobWork | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in (WAITING, RUNNING)

    def check(self) -> None:
        """Called between the steps of its work: JobCancelled, or InputError if it takes too long."""
        if self.is_cancelled:
            raise JobCancelled
        if self.seconds > self.longest:
            problem = f"the job took longer than the {self.longest:g} seconds that this studio allows"
            raise InputError(problem, "ask for fewer frames or steps")


JobWork = Callable[["VideoGenerator", Job], Generator[None, None, tuple[str, ...]]]
"""A generator function that works on a job, yields between its clips, and returns the names of the files it made."""


class Engine(Protocol):
    """What does the work: `ClipEngine`."""

    async def run(self, owner: str, work: Callable[[VideoGenerator, Callable[[float], None]], Any]) -> Any:
        """What the work returns, done in turn with others."""


class JobQueue:
    """Accepts, runs and forgets jobs; all methods are called in the thread of the event loop.

    One job of a client runs at a time, and of those that wait, the next is of the client that was served longest ago.

    Args:
        engine: What does the work.
        limits: What a client may ask for.
        folder: Where a folder for all jobs is made with the first of them; by default that of temporary files.
    """

    def __init__(self, engine: Engine, limits: JobLimits | None = None, *, folder: Path | None = None) -> None:
        self.limits = limits or JobLimits()
        self._engine = engine
        self._parent: Path | None = folder
        self._folder: WorkFolder | None = None
        self._jobs: dict[str, Job] = {}
        self._uploading: list[str] = []
        self._served: dict[str, float] = {}
        self._turns, self._tasks = 0, set()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="upload-reader")

    async def read(self, reading: Callable[[], Result]) -> Result:
        """What a function returns that reads uploads: one at a time, in a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, reading)

    @contextmanager
    def place_for(self, owner: str, task: str = "") -> Iterator[Job]:
        """A new job, not yet in the queue, with an empty folder, which is removed unless the job is added to the queue.

        RefusedRequest if the client, or all of them together, have too many already. An InputError within becomes a
        RefusedRequest that names no path of this machine.
        """
        self._check_number(owner)
        name = secrets.token_urlsafe(16)
        job = Job(name, owner, task, self._folder_of_all() / name, self.limits.seconds)
        self._uploading.append(owner)
        try:
            job.folder.mkdir(mode=0o700)
            yield job
        except InputError as error:
            parts = (text.replace(f"{job.folder}/", "") for text in (error.problem, error.template))
            raise RefusedRequest(*parts, status=getattr(error, "status", 400)) from error
        except OSError as error:
            problem = f"the studio cannot keep the upload ({error.strerror})"
            raise RefusedRequest(problem, "try again later, or send less", status=507) from error
        finally:
            self._uploading.remove(owner)
            if job.id not in self._jobs:
                shutil.rmtree(job.folder, ignore_errors=True)

    def add(self, job: Job, work: JobWork) -> None:
        """Puts a job into the queue."""
        job.work = work
        self._served.setdefault(job.owner, self._turns - 0.5)  # who comes anew comes after those who wait longer
        self._jobs[job.id] = job
        self._start_next()

    def get(self, name: str) -> Job:
        """The job of this name; RefusedRequest if there is none, or none any more."""
        if (job := self._jobs.get(name)) is None:
            problem = "there is no such job"
            raise RefusedRequest(problem, f"finished jobs are kept for {self.limits.age / 60:g} minutes", status=404)
        return job

    def file(self, job: Job, name: str) -> Path:
        """A file that a job has made; RefusedRequest for any other name."""
        if name not in job.files or not (job.folder / name).is_file():
            raise RefusedRequest("this job has no such file", f"it has {' and '.join(job.files) or 'none'}", status=404)
        return job.folder / name

    def place(self, job: Job) -> int:
        """0 for a job that does not wait, else 1 for the next one, and so on."""
        return next((place for place, other in enumerate(self._schedule(), 1) if other is job), 0)

    def cancel(self, job: Job) -> None:
        """Ends a job that waits or runs, the latter after its current step, and forgets one that has finished."""
        if not job.is_open:
            self._forget(job)
            return
        job.is_cancelled = True
        if job.state == WAITING:
            self._finish(job, CANCELLED)

    def close(self) -> None:
        """Forgets all jobs and removes their files; call it once the engine is closed."""
        for task in self._tasks:
            task.cancel()
        self._jobs.clear()
        self._reader.shutdown(cancel_futures=True)
        if self._folder is not None:
            self._folder.remove()

    def _folder_of_all(self) -> Path:
        """The folder of the jobs' folders; a new one if there is none yet, or if the system has cleaned it away."""
        if self._folder is None or not self._folder.path.is_dir():
            self._folder = WorkFolder(self._parent)
        return self._folder.path

    def _check_number(self, owner: str) -> None:
        opened = [job.owner for job in self._jobs.values() if job.is_open] + self._uploading
        if opened.count(owner) >= self.limits.waiting:
            problem = f"{opened.count(owner)} of your jobs wait or run"
            raise RefusedRequest(problem, "wait until one is done, or cancel one", status=429)
        if len(opened) >= self.limits.jobs:
            raise RefusedRequest(f"{len(opened)} jobs of others wait or run", "try again in a minute", status=429)

    def _schedule(self) -> list[Job]:
        """The jobs that wait, in the order in which they will run."""
        lines: dict[str, list[Job]] = {}
        for job in self._jobs.values():
            if job.state == WAITING:
                lines.setdefault(job.owner, []).append(job)
        owners = sorted(lines, key=self._served.__getitem__)
        rounds = range(max(map(len, lines.values()), default=0))
        return [lines[owner][turn] for turn in rounds for owner in owners if turn < len(lines[owner])]

    def _start_next(self) -> None:
        """Starts jobs as long as they may run beside those that do."""
        for job in self._schedule():
            running = [other.owner for other in self._jobs.values() if other.state == RUNNING]
            if len(running) < self.limits.running and job.owner not in running:
                self._turns += 1
                self._served[job.owner] = self._turns
                job.state = RUNNING
                task = asyncio.get_running_loop().create_task(self._run(job))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job) -> None:
        try:
            job.files = await self._engine.run(job.id, lambda generator, _: job.work(generator, job))
        except JobCancelled:
            self._finish(job, CANCELLED)
        except Exception as error:  # whatever happens in one client's job, the others go on
            job.error = _told(error, job)
            if job.error == OUR_MISTAKE:
                logger.exception("a job failed: %s", job.task)
            self._finish(job, FAILED)
        else:
            self._finish(job, CANCELLED if job.is_cancelled else DONE)

    def _finish(self, job: Job, state: str) -> None:
        """Ends a job: nothing but its results stays, and these until its age is reached."""
        job.state, job.work = state, None
        if state == DONE:
            job.progress = 1.0
        else:
            job.files = ()
        with suppress(OSError):  # the folder may have been cleaned away
            for path in job.folder.iterdir():
                if path.name not in job.files:
                    remove(path)
        if not any(other.is_open for other in self._jobs.values() if other.owner == job.owner):
            self._served.pop(job.owner, None)
        asyncio.get_running_loop().call_later(self.limits.age, self._forget, job)
        finished = [other for other in self._jobs.values() if not other.is_open]
        for other in finished[: max(0, len(finished) - self.limits.kept)]:
            self._forget(other)
        self._start_next()

    def _forget(self, job: Job) -> None:
        if self._jobs.pop(job.id, None) is not None:
            shutil.rmtree(job.folder, ignore_errors=True)


def _told(error: Exception, job: Job) -> str:
    """The sentence for the client: names of settings as they are, and no path of this machine."""
    if isinstance(error, InputError):
        error = told_in_settings(error)
    text = sentence(error) if isinstance(error, REFUSALS) else None
    return OUR_MISTAKE if text is None else text.replace(f"{job.folder}/", "")
