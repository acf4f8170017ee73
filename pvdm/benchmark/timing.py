"""How long a piece of code takes, how much memory it needs, and both of a sampled video."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pvdm.benchmark.plan import Setting
from pvdm.generation import VideoGenerator

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
GIB = 1 << 30


class Peak:
    """Seconds and bytes of the block in `measured`."""

    seconds: float = 0.0
    memory: int | None = None


@contextmanager
def measured(device: torch.device) -> Iterator[Peak]:
    """Times the block and notes the most memory in use.

    On CUDA by events and the allocator's peak; elsewhere by the clock and the process's peak resident memory, since its
    start where the system cannot reset the peak.
    """
    peak = Peak()
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record(torch.cuda.current_stream(device))
    else:
        _forget_peak()
        start = time.perf_counter()
    yield peak
    if on_cuda:
        end.record(torch.cuda.current_stream(device))
        torch.cuda.synchronize(device)
        peak.seconds, peak.memory = begin.elapsed_time(end) / 1000, torch.cuda.max_memory_allocated(device)
    else:
        peak.seconds, peak.memory = time.perf_counter() - start, _resident_peak()


def sampling_speed(
    generator: VideoGenerator, setting: Setting, *, frames: int, repetitions: int = 1, warm_up: bool = True
) -> dict[str, Any]:
    """An entry of `speed`: seconds and peak memory of one video, the fastest of the repetitions.

    warm_up: first sample a video with one step per clip, so that compilation and allocation are not counted.
    """
    if warm_up:
        one = Setting(setting.sampler, 1, 1, setting.eta)
        _sample(generator, one, min(frames, 2 * generator.frames))
    peaks = []
    for _ in range(repetitions):
        with measured(generator.device) as peak:
            _sample(generator, setting, frames)
        peaks.append(peak)
    return {
        "setting": setting.name,
        "sampler": setting.sampler,
        "frames": frames,
        "seconds": min(peak.seconds for peak in peaks),
        "peak_memory_bytes": max((peak.memory for peak in peaks if peak.memory is not None), default=None),
        "batch": 1,
        "device": generator.device.type,
    }


def _sample(generator: VideoGenerator, setting: Setting, frames: int) -> None:
    first, later = setting.samplers()
    for _ in generator.stream(num_frames=frames, sampler=first, later_sampler=later):
        pass


def _forget_peak() -> None:
    """Resets the peak that Linux keeps; does nothing elsewhere."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return


def _resident_peak() -> int | None:
    """Bytes; None where the system does not say."""
    try:
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
