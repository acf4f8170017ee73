"""Workers of a DataLoader end when the process that started them wants it, and by no signal to all."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from pvdm.data.workers import default_workers, outlive_signals


def work(ready):
    outlive_signals(0)
    ready.set()
    time.sleep(60)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere SIGTERM is not waited for")
def test_a_forked_worker_is_ended_by_its_parent_alone():
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    worker = context.Process(target=work, args=(ready,), daemon=True)
    worker.start()
    assert ready.wait(60)
    for number in (signal.SIGINT, signal.SIGUSR1):
        os.kill(worker.pid, number)
    subprocess.run(["kill", "-TERM", str(worker.pid)], check=True)  # by another process
    worker.join(0.3)
    assert worker.is_alive()
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == 0


def test_workers_that_are_spawned_import_no_trainer():
    code = "import sys, pvdm.data.workers; sys.exit(any('lightning' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(("cores", "processes", "workers"), [(1, 1, 1), (6, 1, 6), (6, 4, 1), (6, 8, 1), (64, 1, 8)])
def test_cores_are_shared_out(monkeypatch, cores, processes, workers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert default_workers(processes) == workers
