"""Files are reported as damaged if that is proved, not if memory, the disk or the network fails."""

import errno
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch

from pvdm.errors import InputError
from pvdm.files.pickles import DamagedFile, read_pickle
from pvdm.generation import model_files as files
from pvdm.training.run.checkpoint_files import CheckpointFiles
from pvdm.training.run.checkpoints import RunCheckpoints

CAUSES = [
    (MemoryError(), "the memory is full"),
    (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "the memory is full"),
    (
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you"),
        "the memory is",
    ),
    (RuntimeError("unable to mmap 9 bytes from file <x>: Cannot allocate memory (12)"), "the memory is full"),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "the memory is full"),
    (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
    (RuntimeError("unable to open file <x> in read-only mode: Too many open files (24)"), "Too many open files"),
    (OSError(errno.ESTALE, os.strerror(errno.ESTALE)), "Stale file handle"),
    (OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)), "Connection timed out"),
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
]


def failing(error):
    def load(*_, **__):
        raise error

    return load


@pytest.fixture
def checkpoint(tmp_path):
    torch.save({"state_dict": {"a": torch.arange(1000.0)}}, tmp_path / "last.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "best.ckpt")
    return tmp_path / "last.ckpt"


@pytest.mark.parametrize(("error", "cause"), CAUSES)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_healthy_file_is_not_called_damaged(checkpoint, monkeypatch, error, cause, zipped):
    torch.save({"a": 1}, checkpoint, _use_new_zipfile_serialization=zipped)
    monkeypatch.setattr(torch, "load", failing(error))
    for read in (read_pickle, CheckpointFiles().load_checkpoint):
        with pytest.raises(InputError, match=rf"last.ckpt could not be read \({cause}.*\), but may be intact") as found:
            read(checkpoint)
        assert not isinstance(found.value, DamagedFile)
        assert "delete" not in str(found.value)


@pytest.mark.parametrize("error", [MemoryError(), CAUSES[2][0]])
def test_a_damaged_length_that_asks_for_any_memory_is_damage(checkpoint, monkeypatch, error):
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    monkeypatch.setattr(torch, "load", failing(error))
    with pytest.raises(
        DamagedFile, match=r"last.ckpt is damaged: the checksum of last/data/0 in it does not match; copy"
    ):
        read_pickle(checkpoint)
    with pytest.raises(DamagedFile, match="cannot be read as a checkpoint: it is incomplete"):
        read_pickle(checkpoint, mapped=True)
    with pytest.raises(InputError, match=r"--ckpt_path .*best.ckpt, or delete it to start over"):
        CheckpointFiles().load_checkpoint(checkpoint)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 and no more", b"\x80\x02."])
def test_files_of_other_kinds_are_damaged(tmp_path, content):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(DamagedFile):
        read_pickle(tmp_path / "x.ckpt")


def test_a_cut_or_changed_file_is_damage(checkpoint):
    whole = checkpoint.read_bytes()
    for damaged in (whole[:100], whole[: len(whole) // 2], whole[:-1]):
        checkpoint.write_bytes(damaged)
        with pytest.raises(DamagedFile):
            read_pickle(checkpoint)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_flipped_bytes_that_torch_does_not_notice_are_damage(checkpoint, place):
    content = bytearray(checkpoint.read_bytes())
    content[int(place * len(content))] ^= 0x40
    checkpoint.write_bytes(content)
    assert not torch.equal(torch.load(checkpoint)["state_dict"]["a"], torch.arange(1000.0)), "torch notices nothing"
    with pytest.raises(DamagedFile, match=r"last.ckpt is damaged: the checksum of last/data/0 in it does not match"):
        read_pickle(checkpoint)


def test_a_file_without_checksums_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.arange(10)}, tmp_path / "x.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(read_pickle(tmp_path / "x.pt")["a"], torch.arange(10))


def test_the_best_of_a_run_is_not_forgotten_because_it_cannot_be_read_now(checkpoint, monkeypatch):
    callback = SimpleNamespace(state_key="state")
    best = checkpoint.with_name("best.ckpt")
    assert RunCheckpoints._score_of(callback, str(checkpoint.with_name("none.ckpt"))) is None
    monkeypatch.setattr(torch, "load", failing(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(InputError, match=r"best.ckpt could not be read"):
        RunCheckpoints._score_of(callback, str(best))
    best.write_bytes(b"nothing")
    monkeypatch.undo()
    assert RunCheckpoints._score_of(callback, str(best)) is None


@pytest.mark.parametrize(("error", "cause"), CAUSES)
def test_weights_of_an_export(tmp_path, monkeypatch, error, cause):
    safetensors.torch.save_file({"a": torch.zeros(3)}, tmp_path / files.WEIGHTS)
    monkeypatch.setattr("safetensors.torch.load_file", failing(error))
    with pytest.raises(InputError, match=rf"model.safetensors could not be read \({cause}.*\), but may be intact"):
        files.read_weights(tmp_path)


def test_its_configuration(tmp_path, monkeypatch):
    (tmp_path / files.CONFIG).write_text("{}")
    monkeypatch.setattr("pathlib.Path.read_text", failing(OSError(errno.EIO, os.strerror(errno.EIO))))
    with pytest.raises(InputError, match=r"config.json could not be read \(Input/output error\)"):
        files.read_config(tmp_path)


@contextmanager
def few_files():
    """No further file can be opened, where the system supports such a limit."""
    before, opened = resource.getrlimit(resource.RLIMIT_NOFILE), []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for number in opened:
            os.close(number)


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
def test_too_many_open_files(checkpoint, tmp_path):
    safetensors.torch.save_file({"a": torch.zeros(3)}, tmp_path / files.WEIGHTS)
    for read, path in ((read_pickle, checkpoint), (files.read_weights, tmp_path)):
        read(path)
        with few_files(), pytest.raises(InputError) as found:
            read(path)
        assert "could not be read" in str(found.value)


SCRIPT = """
import resource, sys
from pvdm.files.pickles import read_pickle
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
for mapped in (True, False):
    try:
        read_pickle(sys.argv[1], mapped=mapped)
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
def test_a_full_memory(tmp_path):
    """Whether the file is mapped or read."""
    torch.save({"a": torch.zeros(1 << 25)}, tmp_path / "last.ckpt")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "last.ckpt")]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(found) == 2 and all(line.startswith("InputError") for line in found)
    assert all("could not be read (the memory is full)" in line for line in found)
