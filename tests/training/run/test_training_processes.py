"""Two processes over gloo train as one does with the joint batch, and end together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from miniature import read
from runs import PATIENCE, assert_same_scalars, assert_same_training, errors, last, tensors

from pvdm.training.callbacks.averaging import RAW

STAGES = ["autoencoder", "diffusion"]
TWO = {"trainer__devices": 2, "trainer__strategy": "ddp", "data__batch_size": 1}


@pytest.fixture
def together(command, make_video):
    """Command lines of runs with validations within updates and within epochs; five clips for validation."""
    make_video("videos/val/1.mp4", frames=24, height=16, width=24)

    def together(stage, name, **more):
        accumulate = "model__accumulate" if stage == "autoencoder" else "trainer__accumulate_grad_batches"
        options = {accumulate: 2, "trainer__max_steps": 6, "trainer__val_check_interval": 3}
        options |= {"trainer__check_val_every_n_epoch": "null", "model__optimizer__learning_rate": 1e-5}
        return command("fit", stage, name, **{**options, **more})

    return together


@pytest.mark.parametrize("stage", ["diffusion"])  # the GAN phase below is of stage 1
def test_two_processes_equal_one_with_the_joint_batch(forks, together, tmp_path, stage):
    output = forks.run(together(stage, "two", **TWO), processes=2)
    assert "recommended" not in output
    assert (
        output.count("the run ends after 6 updates") == output.count("\npvdm fit") + output.count("\npvdm sample") == 1
    )
    forks.run(together(stage, "one"))
    two, one = read(tmp_path / "two"), read(tmp_path / "one")
    for part, tolerance in ((RAW, 1e-6), ("optimizer_states", 1e-6), ("state_dict", 1e-6)):  # moments are gradients
        found, wanted = tensors(two[part]), tensors(one[part])
        torch.testing.assert_close(found, wanted, atol=tolerance, rtol=1e-4)
    assert_same_scalars(tmp_path / "two", tmp_path / "one")

    run = forks.start(together(stage, "parts", **TWO), processes=2)
    run.wait_for(lambda _: last(tmp_path / "parts"))
    run.kill(signal.SIGTERM, rank=1)  # one is told, both stop
    assert run.wait() == [143, 0], run.output.read_text()
    assert read(tmp_path / "parts")["global_step"] < 6
    assert "SIGTERM: saving after the next batch" in run.output.read_text()
    assert run.output.read_text().endswith("pvdm: stopped by SIGTERM; run the same command again to resume\n")
    forks.run(together(stage, "parts", **TWO), processes=2)
    assert_same_training(read(tmp_path / "parts"), two)
    assert {path.name for path in (tmp_path / "parts" / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}

    output = forks.run(together(stage, "parts", data__batch_size=1, trainer__max_steps=7))
    assert "an epoch had 5 batches and has 10 now; resuming at batch" in output
    assert read(tmp_path / "parts")["global_step"] == 7


def test_two_processes_equal_one_in_the_gan_phase(forks, together, tmp_path):
    small = {"start": 1, "channels": 8, "layers": 1, "warmup_steps": 0, "optimizer__learning_rate": 1e-6}
    more = {f"model__adversary__{name}": value for name, value in small.items()}
    more |= {"trainer__max_steps": 4, "model__latent_scale": 0.5}
    forks.run(together("autoencoder", "two", **TWO, **more), processes=2)
    forks.run(together("autoencoder", "one", **more))
    two, one = read(tmp_path / "two"), read(tmp_path / "one")
    assert int(one["state_dict"]["adversary.updates"]) == 3
    for part in (RAW, "optimizer_states", "state_dict"):
        torch.testing.assert_close(tensors(two[part]), tensors(one[part]), atol=3e-6, rtol=1e-3)
    assert_same_scalars(tmp_path / "two", tmp_path / "one")


def test_a_process_that_is_lost_ends_the_other(forks, together, tmp_path):
    """The first, whose store the processes met at; test_sharding loses the other."""
    run = forks.start(together("autoencoder", "run", **TWO, trainer__max_steps=1000), processes=2)
    run.wait_for(lambda _: last(tmp_path / "run"))
    run.kill(signal.SIGKILL, rank=0)
    assert run.wait() == [-9, 2]
    [error] = errors(run)
    assert "another process of this run has ended" in error


def test_videos_that_vanish_end_both(forks, together, videos, tmp_path):
    run = forks.start(together("autoencoder", "run", **TWO, trainer__max_steps=1000), processes=2)
    run.wait_for(lambda _: last(tmp_path / "run"))
    shutil.rmtree(videos)
    assert run.wait() == [2, 2]
    assert len(errors(run)) == 2
    assert any(str(videos) in error for error in errors(run))


def test_fewer_samples_than_processes(forks, together, videos):
    (videos / "val" / "1.mp4").unlink()
    run = forks.start(together("diffusion", "run", **TWO), processes=2)
    assert run.wait() == [2, 2]
    assert "there are 1 samples for validation and 2 processes; give more" in run.output.read_text()


def test_the_processes_that_fit_launches_end_with_it(together, tmp_path):
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    arguments = together("autoencoder", "run", **TWO, trainer__accelerator="cpu", trainer__max_steps=1000)
    process = subprocess.Popen([sys.executable, "-m", "pvdm.cli", *arguments], stderr=-1, text=True, env=environment)
    end = time.monotonic() + PATIENCE
    while not last(tmp_path / "run") and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    process.terminate()
    assert process.communicate(timeout=PATIENCE)[1].endswith(
        "pvdm: stopped by SIGTERM; run the same command again to resume\n"
    )
    assert process.returncode == 143
    assert read(tmp_path / "run")["global_step"] < 1000
