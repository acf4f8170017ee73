"""Processes of this machine: a task that kills its process is reported, and the others go on."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from pvdm.curation.engines.task import Task, perform
from pvdm.runtime.signals import ends_with_parent

KILLED = "its worker was killed, probably because memory was full"
AHEAD = 2  # tasks that wait for each process, so that none is idle


class LocalProcesses:
    """Runs tasks in `workers` processes, which stay for all runs, with their models loaded, until `close`."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str | None]]:
        """Yields each task and why it failed, None if it did not, as they end.

        Of the tasks at work when a process dies nobody knows which one killed it: each is tried once more, alone.
        """
        remaining = iter(tasks)
        while True:
            suspects: list[Task] = []
            yield from self._until_broken(remaining, suspects)
            if not suspects:
                return
            for task in suspects:
                yield task, _alone(task)

    def close(self) -> None:
        """Ends the processes without waiting for what they are at, which leaves nothing half-written."""
        if self._pool is not None:
            processes = list((self._pool._processes or {}).values())
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:  # as `terminate_workers` does from Python 3.14 on
                process.terminate()
            self._pool = None

    def _until_broken(self, remaining: Iterator[Task], suspects: list[Task]) -> Iterator[tuple[Task, str | None]]:
        """Runs tasks until there are none, or until a process dies: then `suspects` are those that were at work."""
        self._pool = self._pool or _pool(self.workers)
        running: dict[Future[str | None], Task] = {}
        while True:
            for task in islice(remaining, self.workers * AHEAD - len(running)):
                running[_submitted(self._pool, task)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    suspects.append(task)
                else:
                    yield task, future.result()
            if suspects:
                suspects += running.values()
                self.close()
                return


def _alone(task: Task) -> str | None:
    with _pool(1) as pool:
        try:
            return pool.submit(perform, task).result()
        except BrokenProcessPool:
            return KILLED


def _submitted(pool: ProcessPoolExecutor, task: Task) -> Future[str | None]:
    """A pool that is broken already refuses: the same as if the task had broken it."""
    try:
        return pool.submit(perform, task)
    except BrokenProcessPool as error:
        future: Future[str | None] = Future()
        future.set_exception(error)
        return future


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=ends_with_parent)
