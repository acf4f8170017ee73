"""Checkpoints as files: whole or not there."""

from __future__ import annotations

import os
import resource
import signal
import stat
from contextlib import contextmanager

import pytest
import torch
from lightning_fabric.plugins import CheckpointIO, TorchCheckpointIO
from miniature import Toy, loader, trainer
from pytorch_lightning.plugins import AsyncCheckpointIO

from pvdm.errors import InputError
from pvdm.training.cli.command import _with_default
from pvdm.training.run.checkpoint_files import CheckpointFiles, remove_leftovers
from pvdm.training.run.checkpoints import RunCheckpoints

FILES = CheckpointFiles()


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_is_loaded(tmp_path):
    FILES.save_checkpoint({"a": torch.arange(3), "b": 1}, tmp_path / "new" / "x.ckpt")
    found = FILES.load_checkpoint(tmp_path / "new" / "x.ckpt")
    assert (found["a"].tolist(), found["b"]) == ([0, 1, 2], 1)
    FILES.save_checkpoint({"b": 2}, str(tmp_path / "new" / "x.ckpt"))
    assert FILES.load_checkpoint(str(tmp_path / "new" / "x.ckpt")) == {"b": 2}
    assert names(tmp_path / "new") == ["x.ckpt"]


@contextmanager
def full_disk():
    """No file may grow beyond four kilobytes: not a fixture, which would last until pytest has written its own."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    FILES.save_checkpoint({"a": 1}, path)
    with full_disk(), pytest.raises(InputError) as refusal:
        FILES.save_checkpoint({"a": torch.zeros(10000)}, path)
    assert str(refusal.value) == (
        f"the checkpoint {path} cannot be written (File too large), the previous one is kept; "
        "free space or fix the permissions, and run the same command again"
    )
    assert names(tmp_path) == ["last.ckpt"]
    assert FILES.load_checkpoint(path) == {"a": 1}


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"x.ckpt cannot be written \(File exists\)"):
        FILES.save_checkpoint({}, tmp_path / "file" / "x.ckpt")


def test_a_folder_that_cannot_be_brought_to_the_disk_is_no_matter(tmp_path, monkeypatch):
    """Shares of other systems refuse that, when the file is whole and in its place."""
    fsync = os.fsync

    def refuses_folders(number):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(22, "Invalid argument")
        fsync(number)

    monkeypatch.setattr(os, "fsync", refuses_folders)
    FILES.save_checkpoint({"a": 1}, tmp_path / "x.ckpt")
    assert FILES.load_checkpoint(tmp_path / "x.ckpt") == {"a": 1}


def test_what_cannot_be_saved_is_our_mistake_and_leaves_nothing(tmp_path):
    with pytest.raises(AttributeError, match="pickle"):
        FILES.save_checkpoint({"a": lambda: None}, tmp_path / "x.ckpt")
    assert names(tmp_path) == []


def test_interrupted_while_writing_it_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(checkpoint, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        FILES.save_checkpoint({}, tmp_path / "x.ckpt")
    assert names(tmp_path) == []


def test_a_damaged_last_checkpoint_is_told_with_the_best(tmp_path):
    last, best = tmp_path / "last.ckpt", tmp_path / "best.ckpt"
    last.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match=r"last.ckpt cannot be read as a checkpoint: it is incomplete"):
        FILES.load_checkpoint(last)
    FILES.save_checkpoint({}, best)
    with pytest.raises(InputError, match=f"resume from the best model so far with --ckpt_path {best}, or delete it"):
        FILES.load_checkpoint(last)


def test_leftovers_of_killed_runs_are_removed_and_nothing_else(tmp_path):
    for name in (".last.123.tmp", ".best.4.tmp", ".tmp", ".notes.tmp", "last.ckpt"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".notes.tmp", ".tmp", "last.ckpt"]
    remove_leftovers(tmp_path / "none")


def test_a_run_removes_leftovers_when_it_starts(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / ".last.123.tmp").touch()
    run = trainer(
        tmp_path,
        callbacks=[RunCheckpoints(monitor="val/score", filename="best", save_on_train_epoch_end=False)],
        enable_checkpointing=True,
        max_steps=1,
        plugins=[FILES],
    )
    batches = loader(torch.zeros(1, 5, 3))
    run.fit(Toy(), batches, batches)
    assert names(folder) == ["best.ckpt", "last.ckpt"]


@pytest.mark.parametrize("plugins", [None, [], "a plugin", ["a plugin"]])
def test_the_users_plugins_are_kept(plugins):
    found = _with_default(plugins, CheckpointIO, CheckpointFiles)
    assert found[:-1] == (["a plugin"] if plugins else [])
    assert isinstance(found[-1], CheckpointFiles)


def test_the_users_own_way_of_writing_checkpoints_is_kept():
    for own in (TorchCheckpointIO(), AsyncCheckpointIO(TorchCheckpointIO())):
        assert _with_default(own, CheckpointIO, CheckpointFiles) == [own]
