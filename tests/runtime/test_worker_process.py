"""A function computed by a forked process."""

import os
import signal

import pytest
import torch

from pvdm.errors import InputError
from pvdm.runtime.worker_process import in_a_process


def test_another_process_computes_with_what_is_in_memory():
    weights = torch.arange(3.0)
    with in_a_process(lambda value: torch.stack((value * weights, torch.full((3,), os.getpid())))) as run:
        result, process = run(torch.ones(3))
        assert torch.equal(result, weights)
        assert process[0] != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(int(process[0]), 0)


def test_what_it_raises_is_raised_here_and_a_killed_process_is_one_sentence():
    def fail(value: torch.Tensor) -> torch.Tensor:
        if value.any():
            raise InputError("no such clip", "give another")
        os.kill(os.getpid(), signal.SIGKILL)

    with in_a_process(fail) as run:
        with pytest.raises(InputError, match="no such clip"):
            run(torch.ones(1))
        with pytest.raises(InputError, match="decodes was killed"):
            run(torch.zeros(1))
