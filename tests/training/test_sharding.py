"""Two processes over gloo, each with a part of the denoiser, train as one does with the joint batch."""

from __future__ import annotations

import shutil
import signal
from types import SimpleNamespace

import pytest
import torch
from miniature import autoencoder_training, read
from pytorch_lightning.trainer.states import TrainerFn
from runs import assert_same_training, tensors
from test_command import scalars
from test_processes import assert_same_scalars, errors, last

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training.averaging import RAW
from pvdm.training.sharding import ShardedStrategy


@pytest.fixture
def training(command, make_video):
    """Command lines of stage 2 with validations within updates and epochs; five clips for validation."""
    make_video("videos/val/1.mp4", frames=24, height=16, width=24)

    def training(name, **more):
        options = {"trainer__accumulate_grad_batches": 2, "trainer__max_steps": 4, "trainer__val_check_interval": 3}
        options |= {"trainer__check_val_every_n_epoch": "null", "model__optimizer__learning_rate": 1e-5}
        return command("fit", "diffusion", name, **{**options, **more})

    return training


def sharded(arguments, *more):
    return [*arguments, "-c", "configs/strategies/fsdp.yaml", "--trainer.devices=2", "--data.batch_size=1", *more]


def assert_close(found, wanted):
    for part in (RAW, "optimizer_states", "state_dict"):
        torch.testing.assert_close(tensors(found[part]), tensors(wanted[part]), atol=1e-6, rtol=1e-4)


def test_two_processes_with_a_part_each_equal_one(forks, training, tmp_path):
    videos = {"videos__every_n_updates": 2}
    forks.run(training("one"))
    one = read(tmp_path / "one")
    run = forks.start(sharded(training("two", **videos)), processes=2)
    run.wait_for(lambda _: last(tmp_path / "two"))
    run.kill(signal.SIGTERM, rank=1)  # most often within an update
    assert run.wait() == [143, 0], run.output.read_text()
    assert 0 < read(tmp_path / "two")["global_step"] < 4

    shutil.copytree(tmp_path / "two", tmp_path / "mixed")
    forks.run(training("mixed", trainer__max_steps=3))  # what parts have written goes on whole,
    forks.run(sharded(training("mixed"), "--trainer.strategy.copies=2"), processes=2)  # and the other way round
    assert_close(read(tmp_path / "mixed"), one)

    forks.run(sharded(training("two", **videos)), processes=2)
    assert_close(read(tmp_path / "two"), one)
    assert_same_scalars(tmp_path / "two", tmp_path / "one")
    forks.run(sharded(training("straight")), processes=2)
    assert_same_training(read(tmp_path / "two"), read(tmp_path / "straight"))

    checkpoint, folder = tmp_path / "two" / "checkpoints" / "last.ckpt", tmp_path / "exported"
    assert main(["export", str(checkpoint), str(folder)]) == 0
    for name, value in VideoGenerator.from_pretrained(folder).denoiser.state_dict().items():
        torch.testing.assert_close(value, one["state_dict"][f"generator.denoiser.{name}"], atol=1e-6, rtol=1e-4)


def test_bfloat16_and_recomputation(forks, training, tmp_path):
    more = {"trainer__precision": "bf16-mixed", "model__activation_checkpointing": "true", "trainer__max_steps": 2}
    forks.run(training("one", **more))
    forks.run(sharded(training("parts", **more)), processes=2)
    found, wanted = scalars(tmp_path / "parts"), scalars(tmp_path / "one")
    for name in ("train/loss", "train/gradient_norm", "val/loss", "val/loss_context"):
        assert found[name] == [(step, pytest.approx(value, rel=0.02)) for step, value in wanted[name]], name
    assert {value.dtype for value in read(tmp_path / "parts")[RAW].values()} == {torch.float32}


def test_a_process_that_is_lost_ends_the_other(forks, training, tmp_path):
    run = forks.start(sharded(training("run", trainer__max_steps=1000)), processes=2)
    run.wait_for(lambda _: last(tmp_path / "run"))
    run.kill(signal.SIGKILL, rank=1)
    assert run.wait() == [2, -9]
    [error] = errors(run)
    assert "another process of this run has ended" in error


def test_stage_1_is_refused():
    module = autoencoder_training()
    module._trainer = SimpleNamespace(strategy=ShardedStrategy(), state=SimpleNamespace(fn=TrainerFn.FITTING))
    with pytest.raises(InputError, match="only stage 2 is trained sharded.*--trainer.strategy ddp"):
        module.configure_model()


def test_copies_that_do_not_divide_the_processes():
    strategy = ShardedStrategy(copies=3)
    strategy.parallel_devices = [torch.device("cpu")] * 2
    with pytest.raises(InputError, match="copies is 3 and there are 2 processes"):
        strategy.setup_environment()
    with pytest.raises(InputError, match="copies is 0"):
        ShardedStrategy(copies=0)
