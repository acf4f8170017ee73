"""Two processes over gloo, each with a part of the denoiser, train as one does with the joint batch."""

from __future__ import annotations

import signal

import pytest
import torch
from miniature import read
from runs import assert_same_training, tensors
from test_processes import assert_same_scalars, errors, last

from pvdm.training.averaging import RAW

SHARDED = {"trainer__devices": 2, "data__batch_size": 1}


@pytest.fixture
def together(command, make_video):
    """Command lines of stage 2 with validations within updates and epochs, and videos in the log."""
    make_video("videos/val/1.mp4", frames=24, height=16, width=24)  # five clips for validation

    def together(name, **more):
        options = {"trainer__accumulate_grad_batches": 2, "trainer__max_steps": 6, "trainer__val_check_interval": 3}
        options |= {"trainer__check_val_every_n_epoch": "null", "model__optimizer__learning_rate": 1e-5}
        return command("fit", "diffusion", name, **{**options, **more})

    return together


def sharded(arguments):
    return [*arguments, "-c", "configs/strategies/fsdp.yaml", "--trainer.devices=2", "--data.batch_size=1"]


def assert_close(found, wanted):
    for part, tolerance in ((RAW, 1e-6), ("optimizer_states", 1e-6), ("state_dict", 1e-6)):
        torch.testing.assert_close(tensors(found[part]), tensors(wanted[part]), atol=tolerance, rtol=1e-4)


def test_two_processes_with_a_part_each_equal_one(forks, together, tmp_path):
    forks.run(sharded(together("two")), processes=2)
    forks.run(together("one"))
    two, one = read(tmp_path / "two"), read(tmp_path / "one")
    assert_close(two, one)
    assert_same_scalars(tmp_path / "two", tmp_path / "one")
