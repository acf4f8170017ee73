"""Measures how many clips of scenes a core renders in a second, by size: python tools/scene_speed.py [SECONDS]."""

from __future__ import annotations

import sys
import time

from pvdm.data.scenes import scene

SIZES, FRAMES = (64, 128, 256), 16


def clips_per_second(size: int, seconds: float) -> float:
    """Clips of 16 frames that one thread renders in a second of its processor time."""
    scene(0, 0, frames=FRAMES, height=size, width=size).frames.sum()
    start, index = time.process_time(), 0
    while (spent := time.process_time() - start) < seconds:
        index += 1
        scene(0, index, frames=FRAMES, height=size, width=size, start=index % 80).frames.sum()
    return index / spent


if __name__ == "__main__":
    for size in SIZES:
        rate = clips_per_second(size, float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
        sys.stdout.write(f"{FRAMES} frames of {size}x{size}: {rate:.1f} clips per second of a core\n")
