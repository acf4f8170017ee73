"""CPU seconds and memory of `pvdm curate` with all that it starts, for a folder of videos.

    python measure_cost.py HEAP [--steps cuts,motion,quality,duplicates] [--workers 1] [--output CATALOGUE]

Prints a line of JSON. With CATALOGUE, only what is not there yet is computed. Memory is the highest sum of what the
processes hold (VmRSS; shared pages count in each).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.compute as pc
import pyarrow.parquet as pq

INTERVAL = 0.2
"""Seconds between two looks at the memory."""


def measured(command: list[str]) -> dict[str, float]:
    """Of a command that is run to its end; CalledProcessError if it fails."""
    start, before, peak = time.monotonic(), _cpu(), {"all": 0, "largest": 0}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        held = [_resident(number) for number in (process.pid, *_below(process.pid))]
        peak["all"], peak["largest"] = max(peak["all"], sum(held)), max(peak["largest"], *held)
        time.sleep(INTERVAL)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {
        "cpu_seconds": round(_cpu() - before, 1),
        "wall_seconds": round(time.monotonic() - start, 1),
        "peak_memory_gb": round(peak["all"] / 1e6, 2),
        "of_the_largest_process_gb": round(peak["largest"] / 1e6, 2),
    }


def _cpu() -> float:
    """Seconds of all descendants that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _below(number: int) -> list[int]:
    """The processes that one has started, directly or not."""
    try:
        text = Path(f"/proc/{number}/task/{number}/children").read_text()
    except OSError:
        return []
    return [each for child in map(int, text.split()) for each in (child, *_below(child))]


def _resident(number: int) -> int:
    """Kilobytes; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{number}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("heap", type=Path)
    parser.add_argument("--steps", default="cuts,motion,quality,duplicates")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with TemporaryDirectory() as folder:
        catalogue = options.output or Path(folder) / "catalogue"
        settings = ["--steps", options.steps, "--workers", options.workers]
        figures = measured(
            [sys.executable, "-m", "pvdm", "curate", str(options.heap), "--output", str(catalogue), *settings]
        )
        clips = pq.read_table(catalogue / "clips.parquet", columns=["file", "file_frames", "fps", "error"])
    good = clips.filter(pc.is_null(clips["error"]))
    files = {row["file"]: row["file_frames"] / row["fps"] for row in good.to_pylist()}
    seconds = sum(files.values())
    heap = {"files": len(files), "clips": len(good), "seconds": round(seconds, 1)}
    print(json.dumps({**heap, **figures, "times_real_time": round(seconds / figures["cpu_seconds"], 1)}))


if __name__ == "__main__":
    main()
