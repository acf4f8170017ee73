"""Jobs take fair turns, end alone, and leave nothing behind."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pvdm.errors import InputError
from pvdm.studio.jobs.job_limits import JobLimits, RefusedRequest
from pvdm.studio.jobs.job_queue import OUR_MISTAKE, Job, JobQueue
from pvdm.studio.jobs.work_folder import WorkFolder


class StepEngine:
    """Does one step of each job in turn, in the event loop."""

    async def run(self, owner: str, work: Callable[..., Any]) -> Any:
        steps = work(None, None)
        while True:
            await asyncio.sleep(0)
            try:
                next(steps)
            except StopIteration as end:
                return end.value


def writing(order: list[str], name: str, steps: int = 2, gate: list[bool] | None = None):
    """Work that notes its name, takes some steps, all of them only once `gate` is not empty, and writes a file."""

    def work(generator: None, job: Job):
        order.append(name)
        for _ in range(steps):
            while gate is not None and not gate:
                job.check()
                yield
            yield
        (job.folder / "result.mp4").write_text(name)
        return ("result.mp4",)

    return work


def failing(error: Exception):
    def work(generator: None, job: Job):
        yield
        raise error

    return work


def submit(queue: JobQueue, owner: str, work) -> Job:
    with queue.place_for(owner, "sample") as job:
        (job.folder / "upload-video").write_text("a video")
        queue.add(job, work)
    return job


async def ended(*jobs: Job) -> None:
    for _ in range(500):
        if not any(job.is_open for job in jobs):
            return
        await asyncio.sleep(0.002)
    raise AssertionError([job.state for job in jobs])


@pytest.fixture
def queue_test(tmp_path) -> Callable[..., None]:
    """Runs an asynchronous test of a queue with limits, whose folders are in `tmp_path`."""

    def run(test: Callable[[JobQueue], Coroutine[Any, Any, None]], **limits: float) -> None:
        async def whole() -> None:
            queue = JobQueue(StepEngine(), JobLimits(**limits), folder=tmp_path)
            try:
                await test(queue)
            finally:
                queue.close()

        asyncio.run(whole())
        assert not list(tmp_path.iterdir())

    return run


def folders(tmp_path: Path) -> list[Path]:
    return [path for parent in tmp_path.iterdir() for path in parent.iterdir() if path.name != ".lock"]


def test_clients_take_turns_and_know_their_place(queue_test):
    async def test(queue: JobQueue) -> None:
        order, gate = [], []
        first = [submit(queue, "a", writing(order, f"a{number}", gate=gate)) for number in range(3)]
        other, third = submit(queue, "b", writing(order, "b0")), submit(queue, "c", writing(order, "c0"))
        assert [queue.place(job) for job in (*first, other, third)] == [0, 3, 4, 1, 2]
        assert [first[0].state, other.state] == ["running", "waiting"]
        gate.append(True)
        await ended(*first, other, third)
        assert order == ["a0", "b0", "c0", "a1", "a2"]
        assert {job.state for job in (*first, other, third)} == {"done"}

    queue_test(test, running=1)


def test_who_comes_again_does_not_pass_who_waits(queue_test):
    async def test(queue: JobQueue) -> None:
        order = []
        waiting = [submit(queue, "a", writing(order, f"a{number}")) for number in range(2)]
        await ended(submit(queue, "b", writing(order, "b0")))
        await ended(*waiting, submit(queue, "b", writing(order, "b1")))
        assert order == ["a0", "b0", "a1", "b1"]

    queue_test(test, running=1)


def test_several_clients_run_at_once_but_one_job_of_each(queue_test):
    async def test(queue: JobQueue) -> None:
        order, gate = [], []
        jobs = [submit(queue, owner, writing(order, owner, gate=gate)) for owner in "aabbc"]
        await asyncio.sleep(0.01)
        assert [job.state for job in jobs] == ["running", "waiting", "running", "waiting", "waiting"]
        gate.append(True)
        await ended(*jobs)

    queue_test(test, running=2)


def test_only_results_stay_of_a_job(queue_test):
    async def test(queue: JobQueue) -> None:
        job = submit(queue, "a", writing([], "a"))
        await ended(job)
        assert [path.name for path in job.folder.iterdir()] == ["result.mp4"] and job.progress == 1
        assert queue.file(queue.get(job.id), "result.mp4").read_text() == "a"

    queue_test(test)


def test_a_finished_job_is_forgotten_at_its_age(queue_test, tmp_path):
    async def test(queue: JobQueue) -> None:
        job = submit(queue, "a", writing([], "a"))
        await ended(job)
        for _ in range(500):
            await asyncio.sleep(0.002)
            if not folders(tmp_path):
                break
        with pytest.raises(RefusedRequest, match=r"no such job; finished jobs are kept for 0\.0\d* minutes") as error:
            queue.get(job.id)
        assert error.value.status == 404

    queue_test(test, age=0.06)


def test_the_oldest_results_go_first(queue_test):
    async def test(queue: JobQueue) -> None:
        jobs = [submit(queue, owner, writing([], owner)) for owner in "abc"]
        await ended(*jobs)
        assert [job.folder.exists() for job in jobs] == [False, True, True]

    queue_test(test, kept=2, running=1)


@pytest.mark.parametrize("name", ["../../etc/passwd", "upload-video", "", ".", "result.mp4/../x"])
def test_only_what_a_job_has_made_is_a_file_of_it(queue_test, name):
    async def test(queue: JobQueue) -> None:
        job = submit(queue, "a", writing([], "a"))
        await ended(job)
        with pytest.raises(RefusedRequest, match=r"no such file; it has result\.mp4"):
            queue.file(job, name)

    queue_test(test)


def test_a_job_that_waits_or_runs_can_be_cancelled(queue_test, tmp_path):
    async def test(queue: JobQueue) -> None:
        order = []
        running, waiting = (submit(queue, "a", writing(order, name, gate=[])) for name in ("running", "waiting"))
        await asyncio.sleep(0.01)
        queue.cancel(waiting)
        assert waiting.state == "cancelled" and not list(waiting.folder.iterdir())
        queue.cancel(running)
        await ended(running)
        assert running.state == "cancelled" and not list(running.folder.iterdir()) and order == ["running"]
        for job in (running, waiting):
            queue.cancel(job)
        assert not folders(tmp_path)

    queue_test(test)


def test_a_crash_is_told_to_its_client_alone(queue_test, caplog):
    async def test(queue: JobQueue) -> None:
        crashed = submit(queue, "a", failing(ZeroDivisionError("by what?")))
        full = submit(queue, "b", failing(MemoryError()))
        healthy = submit(queue, "c", writing([], "c"))
        await ended(crashed, full, healthy)
        assert (crashed.state, crashed.error, crashed.files) == ("failed", OUR_MISTAKE, ())
        assert "the memory is full" in full.error and healthy.state == "done"
        assert "by what?" in caplog.text

    queue_test(test)


def test_a_refusal_names_settings_and_no_path(queue_test):
    async def test(queue: JobQueue) -> None:
        with pytest.raises(RefusedRequest, match=r"^video\.mp4 is odd; send another$"), queue.place_for("a") as job:
            raise InputError(f"{job.folder}/video.mp4 is odd", "send another")
        with queue.place_for("a") as job:
            queue.add(job, failing(InputError(f"{job.folder}/video.mp4 is odd", "give {missing=3}")))
        await ended(job)
        assert job.error == "video.mp4 is odd; give missing 3"

    queue_test(test)


def test_too_many_jobs_are_refused_until_one_ends(queue_test, tmp_path):
    async def test(queue: JobQueue) -> None:
        gate = []
        jobs = [submit(queue, "a", writing([], "a", gate=gate)) for _ in range(2)]
        with pytest.raises(RefusedRequest, match="2 of your jobs wait or run; wait until one is done") as error:
            submit(queue, "a", writing([], "a"))
        assert error.value.status == 429
        jobs.append(submit(queue, "b", writing([], "b", gate=gate)))
        with queue.place_for("c"), pytest.raises(RefusedRequest, match="4 jobs of others wait or run"):
            submit(queue, "d", writing([], "d"))
        gate.append(True)
        await ended(*jobs)
        await ended(submit(queue, "a", writing([], "a")))
        assert len(folders(tmp_path)) == 4

    queue_test(test, waiting=2, jobs=4)


def test_a_job_ends_when_its_time_is_over(queue_test):
    async def test(queue: JobQueue) -> None:
        def work(generator: None, job: Job):
            for _ in range(100):
                job.seconds += 1
                job.check()
                yield

        job = submit(queue, "a", work)
        await ended(job)
        assert job.state == "failed" and job.seconds == 6
        assert job.error.startswith("the job took longer than the 5 seconds that this studio allows")

    queue_test(test, seconds=5)


def test_a_killed_studio_is_cleaned_up_after_and_one_that_runs_is_not(tmp_path):
    """And nothing else is touched: a folder without a lock, or a link to another place."""
    code = "import os, sys; from pathlib import Path; from pvdm.studio.jobs.work_folder import WorkFolder\n"
    code += "WorkFolder(Path(sys.argv[1])); os._exit(1)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    (killed,) = tmp_path.iterdir()
    for name in ("pvdm-studio-jobs-other", "place"):
        (tmp_path / name).mkdir()
    (tmp_path / "place" / ".lock").touch()
    (tmp_path / "pvdm-studio-jobs-link").symlink_to(tmp_path / "place")
    first = WorkFolder(tmp_path)
    second = WorkFolder(tmp_path)
    assert not killed.exists() and first.path.is_dir() and second.path.is_dir()
    for folder in (first, second):
        folder.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "place",
        "pvdm-studio-jobs-link",
        "pvdm-studio-jobs-other",
    ]


def test_the_engine_of_the_studio_is_such_an_engine():
    from pvdm.studio.streams.clip_engine import ClipEngine

    for engine in (ClipEngine, StepEngine):
        assert list(inspect.signature(engine.run).parameters)[:3] == ["self", "owner", "work"]
