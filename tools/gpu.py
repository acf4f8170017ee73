"""What only a GPU can show, in one call: parts with their own process and time limit; see docs/benchmarks/gpu.sh."""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import carry
import gpu_parts

PRELOADED = ("pvdm.cli", "pvdm.benchmark.speed.speed_command", "pvdm.training.cli.command", "pytest")
"""Imported once, before processes are forked; otherwise each part would spend seconds on imports."""

PACKAGES = ("pvdm", "torch", "torchvision", "triton", "numpy", "pytorch-lightning", "av")
FORK = multiprocessing.get_context("fork")
LEAST = 10.0
"""Seconds that a part needs at least; with less, it is not started."""

TOLD = 40
"""Lines of a part's output that are shown when it ends."""

logger = logging.getLogger("gpu")


@dataclass(frozen=True)
class Part:
    """One part: the function that writes its JSON file, and its time limit in seconds."""

    measure: Callable[[Path, gpu_parts.PartOptions], None]
    limit: float


PARTS = {
    "gpu_tests": Part(gpu_parts.tests, 110),
    "speed_gpu_sampling": Part(gpu_parts.sampling, 80),
    "speed_gpu_graphs": Part(gpu_parts.graphs, 60),
    "speed_gpu_steps": Part(gpu_parts.steps, 110),
    "gpu_training": Part(gpu_parts.training, 160),
    "speed_gpu_compiled": Part(gpu_parts.compiled, 150),
    "speed_gpu_compiled_steps": Part(gpu_parts.compiled_steps, 150),
    "speed_gpu_32": Part(gpu_parts.full_precision, 60),
}
"""By the names of their files, the most valuable first; the limits add up to more than the available time."""


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 if all parts ran, 1 if one did not."""
    options = _options(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    if options.lacking is not None:
        logger.info("%s", _lacking(options))
        return 0
    end = time.monotonic() + 60 * options.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the running part is stopped, too
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu-") as work:
        carry.install(Path(work, "site"))
        if not options.cold:
            _preload(options.device, end)
        ran = [_run(name, options, Path(work), end) for name in options.parts]
        return 0 if all(ran) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu.sh", description=__doc__)
    parser.add_argument(
        "output", type=Path, nargs="?", help="folder of the results; those of the same parts are replaced"
    )
    parser.add_argument("--minutes", type=float, default=8, help="for all parts; parts without time left are not run")
    parser.add_argument("--parts", type=_parts, default=list(PARTS), help=f"comma-separated, of {','.join(PARTS)}")
    parser.add_argument("--device", default="cuda", help="cpu, with --tiny, checks that everything runs")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: the figures mean nothing")
    parser.add_argument("--cold", action="store_true", help="let each part do its own imports; detected automatically")
    parser.add_argument(
        "--lacking",
        nargs="?",
        const="",
        metavar="FILE",
        help=(
            "say what this machine lacks, or one whose packages FILE lists, as pip list --format freeze does, and "
            "how to carry it there"
        ),
    )
    parser.add_argument("--python", default=carry.running_python(), help="version on that machine (--lacking)")
    options = parser.parse_args(arguments)
    if options.output is None and options.lacking is None:
        parser.error("give a folder for the results")
    return options


def _parts(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if wrong := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"there is no part {wrong[0]}; choose of {', '.join(PARTS)}")
    return names


def _lacking(options: argparse.Namespace) -> str:
    present = carry.listed(Path(options.lacking).read_text()) if options.lacking else carry.installed()
    return carry.told(carry.lacking(present, options.python), options.python)


def _preload(device: str, end: float) -> None:
    """Imports once for all parts; a failed import is ignored, because the part that needs it says so.

    Restarts without preloading if a forked process cannot use the device.
    """
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # otherwise asking whether there is a GPU breaks it for forks
    missing = carry.lacking(carry.installed(), carry.running_python())
    if missing:
        logger.info("%s", carry.told(missing, carry.running_python()))
    for name in PRELOADED:
        with suppress(ImportError):
            import_module(name)
    probe = FORK.Process(target=_touch, args=(device,))
    probe.start()
    probe.join(60)
    if probe.exitcode != 0:
        probe.kill()
        left = str((end - time.monotonic()) / 60)
        os.execv(sys.executable, [sys.executable, *sys.argv, "--cold", "--minutes", left])


def _touch(device: str) -> None:
    import torch

    torch.zeros(1, device=device).item()


def _run(name: str, options: argparse.Namespace, work: Path, end: float) -> bool:
    """Whether the part finished. Its file holds what it found, and the reason if it did not finish."""
    part, path, log = PARTS[name], (options.output / f"{name}.json").resolve(), work / f"{name}.log"
    start, seconds = time.monotonic(), min(part.limit, end - time.monotonic())
    path.unlink(missing_ok=True)
    log.touch()
    if seconds < LEAST:
        status, error = "not begun", "no time was left; give more --minutes or fewer --parts"
    else:
        logger.info("== %s, at most %.0f s", name, seconds)
        settings = gpu_parts.PartOptions(options.device, options.tiny, work / name, options.output.resolve(), seconds)
        status, error = _ended(part, path, settings, log)
    text = log.read_text(errors="replace")
    about = {"part": name, "status": status, "error": error, "seconds": round(time.monotonic() - start, 1)}
    facts, found = _facts(options), _read(path)
    versions = {**facts["versions"], **found.get("versions", {})}
    log_end = text.splitlines()[-TOLD:] if error else None
    _write(path, {**facts, **found, **about, "versions": versions, "log": log_end})
    logger.info("%s\n== %s: %s%s", "\n".join(text.splitlines()[-TOLD:]), name, status, f" ({error})" if error else "")
    return error is None


def _ended(part: Part, path: Path, settings: gpu_parts.PartOptions, log: Path) -> tuple[str, str | None]:
    """Runs a part in a process; returns how it ended, and the reason if it failed."""
    process = FORK.Process(target=_alone, args=(part, path, settings, log))
    process.start()
    try:
        process.join(settings.seconds)
        is_late = process.is_alive()
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):  # and its children, even if it has ended by itself
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            process.join(2)
    if is_late:
        return "out of time", f"it took more than {settings.seconds:.3g} s"
    if process.exitcode == 0:
        return "done", None
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return "failed", f"exit status {process.exitcode}: {lines[-1] if lines else 'it said nothing'}"


def _alone(part: Part, path: Path, settings: gpu_parts.PartOptions, log: Path) -> None:
    """The process of a part."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = sys.stderr = os.fdopen(output, "w", buffering=1)
    settings.work.mkdir()
    os.chdir(settings.work)  # not the clone, where Python would look for packages
    part.measure(path, settings)


def _facts(options: argparse.Namespace) -> dict[str, Any]:
    """Date, GPU, driver, versions, commit and command."""
    gpu = _output("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader").split(", ")
    name, driver, memory = gpu if len(gpu) == 3 else (None, None, None)
    torch = sys.modules.get("torch")
    commit = _output("git", "-C", str(carry.ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*")
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "gpu": name if options.device != "cpu" else None,
        "gpu_memory": memory,
        "driver": driver,
        "versions": {name: found for name in PACKAGES if (found := _version(name))}
        | {"python": sys.version.split()[0], "cuda": torch and torch.version.cuda},
        "commit": commit or os.environ.get("COMMIT") or "unknown",
        "command": shlex.join(["docs/benchmarks/gpu.sh", *sys.argv[1:]]),
        "tiny": options.tiny,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _output(*command: str) -> str:
    """The first line that a command prints; empty if it is missing or fails."""
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(found.stdout.splitlines()), "").strip()


def _read(path: Path) -> dict[str, Any]:
    """What a part has written, if anything."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
