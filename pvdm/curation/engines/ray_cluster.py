"""A Ray cluster whose machines share the folders of the videos and of the catalogue."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from threading import current_thread, main_thread

from pvdm.curation.engines.local_processes import KILLED
from pvdm.curation.engines.task import Task, perform
from pvdm.errors import InputError

RETRIES = 1
"""A task whose worker dies is tried once more, so that the loss of a machine is not taken for the file's fault."""


class RayCluster:
    """Runs at most `workers` tasks at once, each on a CPU of a Ray cluster; its processes keep their models loaded.

    address: Of the cluster, as `ray.init` takes it; None starts one of `workers` CPUs on this machine.

    InputError if Ray is not installed or the cluster cannot be reached.
    """

    def __init__(self, workers: int, address: str | None = None) -> None:
        if find_spec("ray") is None:
            raise InputError(
                "Ray is not installed", 'install it with pip install "pvdm[cluster]", or give {engine=local}'
            )
        self.workers, self.address = workers, address

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str | None]]:
        """Yields each task and why it failed, None if it did not, as they end."""
        import ray

        self._connect()
        remote = ray.remote(num_cpus=1, max_retries=RETRIES)(perform)
        remaining, running = iter(tasks), {}
        while True:
            for task in islice(remaining, self.workers - len(running)):
                running[remote.remote(task)] = task
            if not running:
                return
            (done,), _ = ray.wait(list(running))
            task = running.pop(done)
            try:
                yield task, ray.get(done)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                yield task, KILLED
            except ray.exceptions.RayTaskError as error:
                raise error.as_instanceof_cause() from error

    def close(self) -> None:
        """Leaves the cluster; one that was started here ends."""
        import ray

        ray.shutdown()

    def _connect(self) -> None:
        import ray

        if ray.is_initialized():
            return
        local = {} if self.address else {"num_cpus": self.workers, "include_dashboard": False}
        handler = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(self.address, log_to_driver=False, logging_level="ERROR", **local)
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = self.address or "this machine"
            raise InputError(f"there is no Ray cluster at {where} ({error})", "check the address") from error
        if handler is not None and current_thread() is main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray puts its own there, for good
