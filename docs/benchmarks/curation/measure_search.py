"""CPU seconds and memory of the search for duplicates among drawn clips of 6 s, a tenth of them copies.

    python measure_search.py [CLIPS=100000]

Hashes start near one of 2,000 scenes, as the frames of a heap do, and change by 3 bits from one to the next.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from pvdm.curation.duplicates.duplicate_search import find_duplicates
from pvdm.curation.duplicates.hashed_clip import HashedClip

LENGTH = 48


def flips(draw: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    """uint64 whose bits are set with a chance."""
    bits = np.packbits(draw.random((*shape, 64)) < share, axis=-1, bitorder="little")
    return bits.view("<u8")[..., 0]


def drawn(count: int) -> list[HashedClip]:
    draw = np.random.default_rng(0)
    scenes = draw.integers(0, 1 << 64, 2000, dtype=np.uint64)
    clips: list[HashedClip] = []
    for number in range(count):
        if number % 10 == 9:
            hashes = clips[-1].hashes ^ flips(draw, (LENGTH,), 0.03)
        else:
            steps = flips(draw, (LENGTH,), 0.05)
            steps[0] = scenes[draw.integers(len(scenes))] ^ flips(draw, (), 0.15)
            hashes = np.bitwise_xor.accumulate(steps)
        clips.append(HashedClip(f"{number:07}", hashes, 360, 640, 6.0))
    return clips


def peak() -> float:
    """Of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    clips = drawn(count)
    start, before = time.process_time(), peak()
    found = sum(name is not None for name in find_duplicates(clips))
    print(f"{count} clips: {time.process_time() - start:.1f} s, {peak() - before:.0f} MB more, {found} duplicates")


if __name__ == "__main__":
    main()
