"""Two processes over gloo, each with a part of the denoiser, train as one does with the joint batch."""

from __future__ import annotations

import copy
import shutil
import signal
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from miniature import UNET, autoencoder_training, read
from pairs import run_two
from pytorch_lightning.trainer.states import TrainerFn
from runs import assert_same_scalars, assert_same_training, errors, last, tensors
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor

from pvdm.cli import main
from pvdm.diffusion import TriplaneUNet
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.runtime.recomputation import set_activation_checkpointing
from pvdm.training.callbacks.averaging import RAW
from pvdm.training.run.sharding import ShardedStrategy, hold_part, hold_whole, shard, whole


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
    forks.run(training("one", trainer__max_steps=1))
    for name in ("two", "straight"):  # what one process has written goes on in parts
        shutil.copytree(tmp_path / "one", tmp_path / name)
    begun = last(tmp_path / "two").stat().st_mtime_ns
    run = forks.start(sharded(training("two", trainer__max_steps=1000)), processes=2)
    run.wait_for(lambda _: last(tmp_path / "two").stat().st_mtime_ns > begun)
    run.kill(signal.SIGKILL, rank=1)
    assert run.wait() == [2, -9]
    assert ["another process of this run has ended" in error for error in errors(run)] == [True]
    assert read(tmp_path / "two")["global_step"] < 4, "the process was killed too late"
    shutil.copytree(tmp_path / "two", tmp_path / "mixed")

    forks.run(sharded(training("two", videos__every_n_updates=2)), processes=2)
    forks.run(sharded(training("straight")), processes=2)
    assert_same_training(read(tmp_path / "two"), read(tmp_path / "straight"))
    for name in ("one", "mixed"):  # and the other way round
        forks.run(training(name))
        assert_close(read(tmp_path / "straight"), read(tmp_path / name))
    assert_same_scalars(tmp_path / "straight", tmp_path / "one")

    checkpoint, folder = tmp_path / "two" / "checkpoints" / "last.ckpt", tmp_path / "exported"
    assert main(["export", str(checkpoint), "--output", str(folder)]) == 0
    exported, wanted = VideoGenerator.from_pretrained(folder).denoiser, read(tmp_path / "one")["state_dict"]
    for name, value in exported.state_dict().items():
        torch.testing.assert_close(value, wanted[f"generator.denoiser.{name}"], atol=1e-6, rtol=1e-4)


def half_precision_and_recomputation(rank):
    network = TriplaneUNet(replace(UNET, latent_channels=2, latent_shape=(4, 2, 2))).train()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    set_activation_checkpointing(network, True)
    alone, copied = copy.deepcopy(network), copy.deepcopy(network)
    shard(network, init_device_mesh("cpu", (2,)), half=True)
    shard(
        copied, init_device_mesh("cpu", (2, 1), mesh_dim_names=("copies", "parts")), half=True
    )  # a whole one in each process
    z, t = torch.randn(4, 2, 20), torch.arange(4) * 100
    for divided in (network, copied):
        loss_of(divided, z[2 * rank :][:2], t[2 * rank :][:2]).backward()
    loss_of(alone, z, t).backward()
    largest = max(value.grad.norm() for value in alone.parameters())
    trio = zip(network.named_parameters(), copied.parameters(), alone.parameters(), strict=True)
    for (name, part), copy_of_all, wanted in trio:
        assert copy_of_all.grad.to_local().shape == wanted.shape
        for found in (part, copy_of_all):
            assert (whole(found).dtype, whole(found.grad).dtype) == (torch.float32, torch.float32)
            error = (whole(found.grad) - wanted.grad).norm() / (wanted.grad.norm() + 0.01 * largest)
            assert error < 0.03, (name, error)  # some are 0 but for rounding: biases before norms

    hold_whole(network)
    if rank == 0:  # alone, as at validations of unequal lengths
        with torch.no_grad():
            torch.testing.assert_close(loss_of(network, z, t), loss_of(alone, z, t), rtol=0.01, atol=0)
    hold_part(network)
    assert all(isinstance(value, DTensor) for value in network.parameters())


def loss_of(network, z, t):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return network(z, t).float().square().mean()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")
def test_half_precision_and_recomputation():
    torch.manual_seed(0)
    assert run_two(half_precision_and_recomputation) == [0, 0]


def test_stage_1_is_refused():
    module = autoencoder_training()
    module._trainer = SimpleNamespace(strategy=ShardedStrategy(), state=SimpleNamespace(fn=TrainerFn.FITTING))
    with pytest.raises(InputError, match=r"stage 1 cannot be trained sharded.*--trainer\.strategy ddp"):
        module.configure_model()


def test_copies_that_do_not_divide_the_processes():
    strategy = ShardedStrategy(copies=3)
    strategy.parallel_devices = [torch.device("cpu")] * 2
    with pytest.raises(InputError, match="copies is 3 and there are 2 processes"):
        strategy.setup_environment()
    with pytest.raises(InputError, match="copies is 0"):
        ShardedStrategy(copies=0)
