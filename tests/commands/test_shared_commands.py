"""Two processes write the files that one does, to the bit; a signal or a refusal leaves nothing half-written."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import pytest
from evaluation.forked import forked

from pvdm.cli import main
from pvdm.runtime.signals import ended_by_sigterm


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their places."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_by(size: int, *arguments: object) -> list[tuple[int, list[str]]]:
    """The exit status of a command in each of `size` processes, and what each said."""

    def run(group) -> tuple[int, list[str]]:
        told = logging.Handler()
        told.lines = []
        told.emit = lambda record: told.lines.append(record.getMessage())
        logging.getLogger("pvdm").addHandler(told)
        try:
            return main([*map(str, arguments), "--device", "cpu"]), told.lines
        except SystemExit as end:
            return end.code, told.lines

    return forked(run, size=size)


BATCHES = ["--num-videos", "4", "--batch-size", "1"]


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("sample", ["--num-videos", 5, "--batch-size", 2, "--steps", 2, "--format", "png"]),
        ("sample", ["--num-videos", 1, "--steps", 1]),  # of which the second process has nothing
        ("extend", ["--frames", 11, "--seeds", 3, 4, 9, "--batch-size", 1, "--steps", 2]),
    ],
)
def test_two_processes_write_what_one_does(model, tmp_path, command, options):
    told = []
    for size in (1, 2):
        (tmp_path / str(size)).mkdir()
        results = run_by(size, command, model, "--output", tmp_path / str(size) / "out", *options)
        assert [status for status, _ in results] == [0] * size
        told.append([len(lines) for _, lines in results])
    one, two = (files(tmp_path / str(size)) for size in (1, 2))
    assert one == two and len(one) > 0
    assert told[1] == [told[0][0], 0]  # the first alone speaks
    assert not [path for path in (tmp_path / "2").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["grid.webp", "grid.png"])
def test_two_processes_fill_one_grid(model, tmp_path, name):
    for size in (1, 2):
        (tmp_path / str(size)).mkdir()
        options = ["--seeds", 5, 3, 8, "--batch-size", 1, "--steps", 1]
        results = run_by(size, "sample", model, "--output", tmp_path / str(size) / name, *options)
        assert [status for status, _ in results] == [0] * size
    one, two = (files(tmp_path / str(size)) for size in (1, 2))
    assert one == two and one.keys() == {name, f"{name}.json"}


def test_two_processes_reconstruct_what_one_does(model, make_video, tmp_path):
    source = make_video("in.mp4", frames=19, fps=10)
    for size in (1, 2):
        results = run_by(size, "reconstruct", model, source, "--output", tmp_path / f"out{size}")
        assert [status for status, _ in results] == [0] * size
        (line,) = results[0][1]
        assert "over 19 frames" in line
    assert files(tmp_path / "out1") == files(tmp_path / "out2")


def test_a_refusal_is_said_once_and_ends_all(model, tmp_path):
    (status, lines), (other, silence) = run_by(2, "sample", model, "--steps", 201, "--output", tmp_path / "out")
    assert (status, other, silence) == (2, 2, [])
    assert "201 steps are more than the" in lines[0] and len(lines) == 1
    assert list(tmp_path.iterdir()) == []


def test_one_that_fails_ends_the_other_and_leaves_nothing(model, tmp_path):
    def run(group) -> int:
        if group.rank == 1:
            module = sys.modules["pvdm.video"]
            module.write_video = lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        return main(["sample", model, "--output", str(tmp_path / "out"), "--steps", "1", *BATCHES, "--device", "cpu"])

    import pvdm.video.writer  # noqa: F401  here, so that both find it

    assert forked(run) == [2, 2]
    assert list(tmp_path.iterdir()) == []


def test_sigterm_ends_a_command_in_order(model, tmp_path, monkeypatch):
    def killed(path: Path, *_: object, **__: object) -> None:
        path.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("pvdm.video.write_video", killed)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:
        main(["sample", model, "--output", str(tmp_path / "out"), "--steps", "1", "--device", "cpu"])
    assert end.value.code == 143
    assert list(tmp_path.iterdir()) == [] and signal.getsignal(signal.SIGTERM) is before


def test_sigterm_is_only_arranged_for_within():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"), ended_by_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(TimeoutError, match="15"), ended_by_sigterm(TimeoutError):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
