"""Runs that are stopped or killed and resumed equal an uninterrupted run to the bit."""

from __future__ import annotations

import logging
import math
import os
import random
import signal
import sys
import time
from itertools import count
from pathlib import Path

import pytest
import torch
from miniature import read
from runs import Run, assert_same_training

from pvdm.cli import main
from pvdm.training import AutoencoderTraining, DiffusionTraining, VideoData

STAGES = {"autoencoder": AutoencoderTraining, "diffusion": DiffusionTraining}
KILLS = int(os.environ.get("PVDM_KILLS", "2"))
"""Kills of each run, at random moments."""

logger = logging.getLogger(__name__)
GAN = {f"model__adversary__{name}": value for name, value in {"start": 1, "channels": 8, "layers": 1}.items()}
DROPOUT = {"model__denoiser__dropout": 0.3}
AUGMENTED = {"data__random_crop": "true", "data__horizontal_flip": "true"}


def accumulating(stage: str, batches: int) -> dict:
    """The option by which a stage makes an update of several batches."""
    return {"model__accumulate" if stage == "autoencoder" else "trainer__accumulate_grad_batches": batches}


def training_begins(text: str) -> bool:
    return "samples in an epoch" in text


def written(run: Path) -> int:
    """When the last checkpoint of a run was written, in nanoseconds; 0 if it was not."""
    path = run / "checkpoints" / "last.ckpt"
    return path.stat().st_mtime_ns if path.exists() else 0


def wait_for_checkpoint(run: Run, folder: Path, seconds: float = math.inf) -> None:
    """Returns once the run has written its last checkpoint again, or has ended, or so many seconds are over."""
    before, end = written(folder), time.monotonic() + seconds
    run.wait_for(lambda _: written(folder) > before or time.monotonic() > end)


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, all of which can be read."""
    found = list((run / "checkpoints").glob("*.ckpt"))
    for path in found:
        torch.load(path, weights_only=True)
    return found


@pytest.mark.parametrize("stage", ["diffusion"])  # stage 1 is stopped below
def test_killed_at_random_moments_it_ends_with_the_same_bits(forks, command, tmp_path, stage):
    """Up to four checkpoints after each start: half of the kills within the writing of one, a few before any.

    There are more checkpoints than that, so the run does not end before its kills, however long each start takes.
    """
    more = {**AUGMENTED, **accumulating(stage, 2), "trainer__max_steps": 7 * KILLS, "trainer__val_check_interval": 3}
    more["trainer__check_val_every_n_epoch"] = "null"
    straight = forks.start(command("fit", stage, "straight", **more))
    straight.wait_for(training_begins)
    begin = time.monotonic()
    assert straight.wait() == 0
    share = (time.monotonic() - begin) / KILLS
    draw, folder, kills, within_writing = random.Random(stage), tmp_path / "killed", 0, 0
    for number in range(KILLS):
        run = forks.start(command("fit", stage, "killed", **more, data__workers=draw.choice((0, 2))))
        for _ in range(draw.randrange(3)):
            wait_for_checkpoint(run, folder)
        wait_for_checkpoint(run, folder, draw.uniform(0, share))
        if number % 2:
            run.wait_for(lambda _: any(folder.glob("checkpoints/.*.tmp")))
            time.sleep(draw.uniform(0, 0.01))
        run.kill(signal.SIGKILL)
        kills += run.wait() == -signal.SIGKILL
        within_writing += any(folder.glob("checkpoints/.*.tmp"))
        step = read(folder)["global_step"] if folder / "checkpoints" / "last.ckpt" in checkpoints(folder) else 0
        logger.info("%s: killed %d times, %d while writing; at update %d", stage, kills, within_writing, step)
    forks.run(command("fit", stage, "killed", **more))
    assert_same_training(read(folder), read(tmp_path / "straight"))
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert kills >= KILLS // 2


@pytest.fixture
def signalled(monkeypatch, caplog):
    """`signalled(VideoData, "setup", [3, 4], SIGTERM, arguments)` -> exit status of a run that gets a signal in calls.

    The signal comes when a method of the class is called for the 3rd and the 4th time; one line tells of it.
    """

    def signalled(kind: type, method: str, calls: list[int], number: int, arguments: list[str]) -> int:
        original, counted = getattr(kind, method), count(1)

        def call(*given, **named):
            if next(counted) in calls:
                os.kill(os.getpid(), number)
            return original(*given, **named)

        caplog.set_level(logging.INFO)
        caplog.clear()
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as end:
            patch.setattr(kind, method, call)
            sys.exit(main([str(argument) for argument in arguments]))
        return end.value.code

    return signalled


def errors(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize("stage, phase", [("autoencoder", GAN), ("diffusion", DROPOUT)])
def test_stopped_within_updates_and_validations_it_ends_with_the_same_bits(
    command, signalled, caplog, tmp_path, stage, phase
):
    more = {**AUGMENTED, **phase, **accumulating(stage, 3), "trainer__max_steps": 5, "trainer__val_check_interval": 2}
    more |= {"trainer__check_val_every_n_epoch": "null"}  # so that every other validation is within an update
    assert main(command("fit", stage, "straight", **more)) == 0
    stops = [("training_step", 1), ("validation_step", 2)]  # test_exact_resume stops everywhere
    for method, call in stops:
        stopped = signalled(STAGES[stage], method, [call], signal.SIGTERM, command("fit", stage, "stopped", **more))
        assert stopped == 143
        assert errors(caplog) == ["pvdm: stopped by SIGTERM; run the same command again to resume"]
    assert main(command("fit", stage, "stopped", **more)) == 0
    for name in ("last", "best"):
        assert_same_training(read(tmp_path / "stopped", name), read(tmp_path / "straight", name))


@pytest.mark.parametrize("limit", [{"trainer__max_steps": 5}, {"trainer__max_steps": -1, "trainer__max_epochs": 1}])
def test_stopped_within_the_last_validation_it_is_done_again(command, signalled, tmp_path, limit):
    stopped = command("fit", "diffusion", **limit)
    assert signalled(DiffusionTraining, "validation_step", [1], signal.SIGTERM, stopped) == 143
    assert read(tmp_path / "run")["global_step"] >= 4, "at most one update is to be made again"
    assert not (tmp_path / "run" / "checkpoints" / "best.ckpt").exists()
    assert main([str(argument) for argument in stopped]) == 0
    assert read(tmp_path / "run", "best")["global_step"] == read(tmp_path / "run")["global_step"] == 5


@pytest.mark.parametrize("kind, method", [(VideoData, "setup"), (AutoencoderTraining, "on_train_start")])
def test_sigterm_before_the_first_batch(command, signalled, caplog, tmp_path, kind, method):
    arguments = command("fit", "autoencoder")
    assert signalled(kind, method, [1], signal.SIGTERM, arguments) == 143
    assert errors(caplog) == ["pvdm: stopped by SIGTERM; run the same command again to resume"]
    assert not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
    assert main(arguments) == 0
    assert read(tmp_path / "run")["global_step"] == 2


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
def test_slurms_signal_saves_between_batches_and_queues_nothing(command, signalled, caplog, monkeypatch, tmp_path):
    slurm = {"NTASKS": 1, "NTASKS_PER_NODE": 1, "JOB_ID": 7, "PROCID": 0, "LOCALID": 0, "NODEID": 0, "NNODES": 1}
    for name, value in {**slurm, "JOB_NAME": "train", "NODELIST": "localhost"}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setattr("pytorch_lightning.trainer.connectors.signal_connector.call", lambda *_, **__: pytest.fail())
    arguments = command("fit", "autoencoder", trainer__max_steps=4)
    assert signalled(AutoencoderTraining, "training_step", [2], signal.SIGUSR1, arguments) == 128 + signal.SIGUSR1
    assert errors(caplog) == ["pvdm: stopped by SIGUSR1; run the same command again to resume"]
    assert read(tmp_path / "run")["global_step"] == 2
    assert not list((tmp_path / "run").rglob("hpc_ckpt*"))


def test_ctrl_c_saves_and_a_second_one_ends_at_once(command, signalled, caplog, tmp_path):
    arguments = command("fit", "autoencoder", trainer__max_steps=4)
    assert signalled(AutoencoderTraining, "training_step", [2], signal.SIGINT, arguments) == 130
    assert errors(caplog) == ["pvdm: stopped by SIGINT; run the same command again to resume"]
    assert "Ctrl-C again stops at once" in caplog.text
    assert read(tmp_path / "run")["global_step"] == 2

    original = AutoencoderTraining.reconstruction_loss

    def twice(*given):
        os.kill(os.getpid(), signal.SIGINT)
        return original(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AutoencoderTraining, "reconstruction_loss", twice)
        assert signalled(AutoencoderTraining, "training_step", [1], signal.SIGINT, arguments) == 130
    assert errors(caplog) == ["pvdm: interrupted"]
    assert f"the same command resumes from {tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}" in caplog.text
    assert read(tmp_path / "run")["global_step"] == 2
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    "stage, workers, validations",
    [("diffusion", 2, {"trainer__check_val_every_n_epoch": 3})],
)
def test_four_epochs_equal_two_and_two(command, caplog, tmp_path, stage, workers, validations):
    caplog.set_level(logging.INFO)
    more = {**AUGMENTED, **accumulating(stage, 3), **validations, "trainer__max_steps": -1, "data__workers": workers}
    assert main(command("fit", stage, "straight", **more, trainer__max_epochs=4)) == 0
    for epochs in (2, 2, 4):  # the command that has nothing to do changes nothing
        assert main(command("fit", stage, "parts", **more, trainer__max_epochs=epochs)) == 0
    assert caplog.text.count("to train it further, raise --trainer.max_epochs") == 1
    assert_same_training(read(tmp_path / "parts"), read(tmp_path / "straight"))


def test_a_signal_to_all_processes_does_not_disturb_the_workers(forks, command, tmp_path, stage="diffusion"):
    more = {**AUGMENTED, "trainer__max_steps": 10, "trainer__val_check_interval": 2}
    forks.run(command("fit", stage, "straight", **more))
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        run = forks.start(command("fit", stage, "stopped", **more, data__workers=2))
        wait_for_checkpoint(run, tmp_path / "stopped")
        run.kill(number, group=True)
        assert run.wait() == status
        assert "Traceback" not in run.output.read_text()
        assert run.output.read_text().endswith("; run the same command again to resume\n")
    forks.run(command("fit", stage, "stopped", **more))
    assert_same_training(read(tmp_path / "stopped"), read(tmp_path / "straight"))
