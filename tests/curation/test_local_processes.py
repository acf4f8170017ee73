"""Tasks run in processes; one that kills its process is reported, and all others are done."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from pvdm.curation.engines.local_processes import KILLED, LocalProcesses
from pvdm.curation.ledger import LedgerError
from pvdm.errors import InputError

HERE = Path(__file__)


@dataclass(frozen=True)
class Piece:
    """Writes a file of its name, or fails in some way."""

    folder: Path
    name: str
    seconds: float = 1.0

    def __call__(self):
        if "killed" in self.name:
            os.kill(os.getpid(), signal.SIGKILL)
        if "full" in self.name:
            raise LedgerError("the disk is full", "make room")
        if "bad" in self.name:
            raise InputError(f"{self.name} is no video", "remove it")
        if "large" in self.name:
            raise MemoryError
        time.sleep(30 if "slow" in self.name else 0)
        (self.folder / self.name).write_text("done")


def run(folder, *names, workers=2):
    with closing(LocalProcesses(workers)) as processes:
        return {task.name: why for task, why in processes.run([Piece(folder, name) for name in names])}


def test_all_tasks_are_done_whatever_some_of_them_do(tmp_path):
    names = [f"{i}" for i in range(8)]
    found = run(tmp_path, *names[:4], "killed", "bad", "large", *names[4:])
    assert found.pop("killed") == KILLED
    assert found.pop("bad") == "bad is no video"
    assert found.pop("large") == "it does not fit into memory"
    assert found == dict.fromkeys(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_processes_stay_from_run_to_run(tmp_path):
    with closing(LocalProcesses(1)) as processes:
        pools = []
        for name in ("1", "2", "killed", "3"):
            list(processes.run([Piece(tmp_path, name)]))
            pools.append(processes._pool)
    assert pools[0] is pools[1] and pools[1] is not pools[3]


def test_closing_does_not_wait_for_what_is_at_work(tmp_path):
    began = time.monotonic()
    with closing(LocalProcesses(2)) as processes:
        next(processes.run([Piece(tmp_path, name) for name in ("slow", "quick")]))
    assert time.monotonic() - began < 25 and not (tmp_path / "slow").exists()


def test_a_full_disk_ends_the_run(tmp_path):
    with pytest.raises(LedgerError, match="the disk is full"):
        run(tmp_path, "full")


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script = (
        f"import sys; sys.path.insert(0, {str(HERE.parent)!r})\n"
        "from pathlib import Path\nfrom test_local_processes import run\n"
        f"if __name__ == '__main__': run(Path({str(tmp_path)!r}), 'quick', 'slow', workers=1)\n"
    )
    (tmp_path / "parent.py").write_text(script)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")])
    children = f"/proc/{parent.pid}/task/{parent.pid}/children"
    deadline = time.time() + 60
    while not (tmp_path / "quick").exists():
        assert time.time() < deadline
        time.sleep(0.05)
    workers = [int(pid) for pid in Path(children).read_text().split()]
    parent.kill()
    parent.wait()
    while any(_lives(pid) for pid in workers):
        assert time.time() < deadline
        time.sleep(0.05)


def _lives(pid):
    """Whether a process runs; one that nobody waits for may remain as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
