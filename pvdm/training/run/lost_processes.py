"""Ends all processes of a run when one of them is lost, whatever they are waiting for."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from threading import Event, Thread

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import distributed
from torch.distributed.distributed_c10d import _set_pg_timeout

from pvdm.runtime.processes import lost
from pvdm.training.run.stop_signals import Stopped

INTERVAL = 0.5
"""Seconds between two heartbeats."""

GRACE = 20.0
"""Seconds that a process has to report the lost one itself, before it is ended."""

CONNECTING = timedelta(seconds=50)
"""Time within which all processes must start watching; a process lost before that is not waited for."""

NO_ANSWER = timedelta(minutes=5)
"""Time after which a machine that is silent, without having closed a connection, counts as lost."""

logger = logging.getLogger(__name__)


class EndWithOthers(Callback):
    """Ends a process with status 2 soon after another one of the run has ended, also where it waits within NCCL.

    NCCL sees a lost process over sockets alone; between GPUs of one machine it waits for its timeout, half an hour.
    So a thread of each process exchanges heartbeats with the others over gloo.
    """

    def __init__(self) -> None:
        self._watch: Watch | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if trainer.world_size > 1 and distributed.is_initialized():
            self._watch = watch()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._watch:
            self._watch.end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """A signal stops all at the same batch; any other exception must end the others."""
        if self._watch:
            self._watch.end() if isinstance(exception, Stopped) else self._watch.leave()


def watch() -> Watch | None:
    """Starts watching the connected processes, all of which must call it; None, and a log line, without gloo."""
    try:
        group = distributed.new_group(backend="gloo", timeout=CONNECTING)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        logger.warning("processes cannot watch over each other (%s); GLOO_SOCKET_IFNAME names the network", reason)
        return None
    _set_pg_timeout(NO_ANSWER, group)  # a process may be silent for long while it waits for a disk
    return Watch(group)


class Watch:
    """A thread that ends this process once another one of a group has ended, unless this one is `done` by then."""

    def __init__(self, group: distributed.ProcessGroup) -> None:
        self.done, self._group, self._leaves = Event(), group, False
        self._thread = Thread(target=self._run, name="watch over the other processes", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Waits until all processes are done, and stops watching."""
        self.done.set()
        self._thread.join()

    def leave(self) -> None:
        """Stops watching before the others are done: when this process ends, they end.

        A thread that is inside gloo when the interpreter exits could abort it.
        """
        self._leaves = True
        self.done.set()
        self._thread.join(4 * INTERVAL)

    def _run(self) -> None:
        try:
            while not self._all_are_done() and not self._leaves:
                self.done.wait(INTERVAL)
        except RuntimeError:
            if not self.done.wait(GRACE):
                logger.error("pvdm: error: %s", lost())
                os._exit(2)  # the main thread may never return from what it waits for

    def _all_are_done(self) -> bool:
        done = torch.tensor(int(self.done.is_set()))
        distributed.all_reduce(done, distributed.ReduceOp.MIN, group=self._group)
        return bool(done)
