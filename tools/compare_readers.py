"""How fast PyAV and decord read clips of 16 frames, in turn, on one core: FOLDER [SIZE]. In AVI decord may be wrong."""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from pvdm.data.index import index_videos
from pvdm.data.layouts.folder import find_videos
from pvdm.data.layouts.splits import Entry
from pvdm.video.decoding import decord as decord_reading
from pvdm.video.decoding import pyav as decoding
from pvdm.video.decoding.packets import PacketIndex

FRAMES, ROUNDS, MOST = 16, 5, 24


def seconds(read, *arguments) -> float:
    """Of processor time."""
    before = time.process_time()
    read(*arguments)
    return time.process_time() - before


def main(folder: Path, size: int = 256) -> str:
    paths = find_videos(folder)
    index = index_videos([Entry(path) for path in paths[:: -(-len(paths) // MOST)]])
    videos = [video for video in index.videos if video.info.frames >= FRAMES]
    indices = [PacketIndex.unpack(video.info.index) for video in videos]
    draw, spent = np.random.default_rng(0), {"pyav": [], "decord": []}
    for _ in range(ROUNDS):
        for video, index in zip(videos, indices, strict=True):
            start = int(draw.integers(video.info.frames - FRAMES + 1))
            clip = (video.path, np.arange(start, start + FRAMES), index, (size, size), (0.5, 0.5))
            spent["pyav"].append(seconds(decoding.read_covering, *clip))
            spent["decord"].append(seconds(decord_reading.read_covering, *clip))
    pyav, decord = (1000 * np.array(times)[len(videos) :] for times in spent.values())  # the first round warms up
    plain = sum(index.plain for index in indices)
    return (
        f"{folder.name}: {len(videos)} videos, {plain} exact with decord, clips of {FRAMES}x{size}x{size}: "
        f"PyAV {np.median(pyav):.1f} ms, decord {np.median(decord):.1f} ms, ratio {np.median(decord / pyav):.2f}"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.stdout.write(main(Path(sys.argv[1]), *map(int, sys.argv[2:])) + "\n")
