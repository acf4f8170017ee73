"""One function in a process of its own, so that on a CPU two networks compute at once."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.runtime.signals import ends_with_parent

OfTensor = Callable[[Tensor], Tensor]


@contextmanager
def in_a_process(function: OfTensor) -> Iterator[OfTensor]:
    """A function of CPU tensors that a forked process computes, with one thread, as long as the block runs.

    The process sees all that is in memory now, as workers of a data loader do. What `function` raises is raised here.

    InputError where processes cannot be forked, and if the process is killed.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise InputError("this system cannot fork processes", "leave out the pipeline on a CPU")
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(function,))

    def call(value: Tensor) -> Tensor:
        try:
            return torch.from_numpy(pool.submit(_computed, value.numpy()).result())
        except BrokenProcessPool:
            problem = "the process that decodes was killed, probably because memory was full"
            raise InputError(problem, "leave out the pipeline, or lower --clips-at-once") from None

    try:
        pool.submit(int).result()  # forks now, before any other thread is at work
        yield call
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(function: OfTensor) -> None:
    global _function
    _function = function
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ends_with_parent()
    torch.set_num_threads(1)  # the threads of a pool are not forked with it


def _computed(value: np.ndarray) -> np.ndarray:
    return _function(torch.from_numpy(value)).numpy()


_function: OfTensor | None = None
