"""The clips of a data set through the autoencoder, once for all trainings on them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.data import Video, long_enough
from pvdm.data.latents.clip_grid import ClipGrid
from pvdm.data.latents.encoding_plan import LatentPlan, Shard
from pvdm.data.latents.latent_folder import begin, finish
from pvdm.data.latents.shards import DTYPES, MIRRORED, PLAIN, write_shard
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.runtime.processes import ALONE, Processes, together
from pvdm.runtime.progress import NamedProgress
from pvdm.training.cached_latents import digest_of
from pvdm.training.data import VideoData
from pvdm.video import ClipShape, Reader, read_clip, to_float

WINDOW = 1 << 28
"""Bytes of frames, as they are in the file or as they are encoded, that are read at once."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """Consecutive frames of a video, every `step`-th from `start` on, that hold the clips of some rows."""

    video: Video
    rows: range
    start: int
    count: int
    step: int


def plan_of(data: VideoData, autoencoder: ProjectedAutoencoder, settings: Mapping[str, Any]) -> LatentPlan:
    """The plan for the videos of `VideoData` that are set up; see `LatentPlan` for the settings."""
    size = autoencoder.config
    parts, index = data.find()
    training, validation = data.training.videos, long_enough(index, data.clip).of(parts.validation).videos
    videos = list({video.path: video for video in (*training, *validation)}.values())
    number = {video.path: i for i, video in enumerate(videos)}
    return LatentPlan(
        autoencoder={"sha256": digest_of(autoencoder), "config": asdict(size)},
        settings=settings,
        clip=data.clip,
        latent=(size.latent_channels, size.latent_shape.positions),
        videos=[replace(video, path=_below(video.path, data.path)) for video in videos],
        training=len(training),
        validation=[number[video.path] for video in validation],
        classes=data.classes,
        data=data.describe(),
    )


def encode(
    plan: LatentPlan,
    folder: Path,
    *,
    root: Path,
    generator: VideoGenerator,
    batch_size: int,
    workers: int = 1,
    reader: Reader = "auto",
    processes: Processes = ALONE,
    overwrite: bool = False,
    progress: NamedProgress | None = None,
) -> int:
    """Fills a folder with the latents of a plan, of which it may have some already -> how many shards were missing.

    Each shard is encoded by one process alone, in batches of its own, so that it is the same whoever does it. What is
    in the folder at any moment is whole, and the same call goes on with it. `InputError` as of `begin`, if a video
    cannot be decoded, or if the disk is full.
    """
    missing = together(processes, lambda: begin(folder, plan, overwrite=overwrite) if processes.is_main else None)
    missing = processes.gather(missing)[0]
    encoder = ShardEncoder(plan, root, generator, batch_size=batch_size, workers=workers, reader=reader)
    together(processes, lambda: _encode_share(encoder, folder, missing, processes, progress))
    together(processes, lambda: finish(folder, plan) if processes.is_main else None)
    return len(missing)


def _encode_share(
    encoder: ShardEncoder, folder: Path, missing: list[Shard], processes: Processes, progress: NamedProgress | None
) -> None:
    """Of several processes, one that fails says so at once, and not only when the slowest is done."""
    try:
        _encode_all(encoder, folder, processes.share(missing), progress)
    except InputError as error:
        if processes.size > 1:
            logger.error("process %d of %d: %s", processes.rank + 1, processes.size, error)
        raise


def _encode_all(encoder: ShardEncoder, folder: Path, shards: list[Shard], progress: NamedProgress | None) -> None:
    done, total = 0, sum(shard.stop - shard.first for shard in shards)
    for shard in shards:
        tell = partial(_tell, progress, done, total)
        write_shard(folder, shard, encoder(shard, tell), encoder.plan.digest)
        done += shard.stop - shard.first


def _tell(progress: NamedProgress | None, before: int, total: int, within: int) -> None:
    """Clips of the shard that is being encoded count as done before it is written."""
    if progress:
        progress("encode", before + within, total)


class ShardEncoder:
    """Reads, scales and encodes the clips of a shard: no frame twice but where windows meet.

    Args:
        plan: Which clips, in which precision.
        root: Folder below which the videos lie.
        generator: Its autoencoder encodes, on its device.
        batch_size: Clips at once; a batch never holds clips of two shards.
        workers: Threads that read videos, while others are encoded.
        reader: What decodes them.
    """

    def __init__(
        self,
        plan: LatentPlan,
        root: Path,
        generator: VideoGenerator,
        *,
        batch_size: int,
        workers: int = 1,
        reader: Reader = "auto",
    ) -> None:
        self.plan, self.root, self.generator, self.reader = plan, root, generator, reader
        self.batch_size, self.workers = batch_size, max(1, workers)

    def __call__(self, shard: Shard, tell: Callable[[int], None] | None = None) -> dict[str, Tensor]:
        """The tensors of the shard, on the CPU: "latents" (n, c, l), and "mirrored" where there are such.

        tell: called with the clips that are done, after each batch.
        """
        found: dict[str, list[Tensor]] = {PLAIN: [], MIRRORED: []}
        clips, done = self._clips(shard), 0
        while batch := list(islice(clips, self.batch_size)):
            video = self._on_device(torch.stack(batch))
            found[PLAIN].append(self._encode(video))
            if mirrored := min(max(shard.mirrored - done, 0), len(batch)):
                found[MIRRORED].append(self._encode(video[:mirrored].flip(-1)))
            done += len(batch)
            if tell:
                tell(done)
        return {name: torch.cat(latents).cpu() for name, latents in found.items() if latents}

    @torch.no_grad()
    def _encode(self, video: Tensor) -> Tensor:
        """(b, 3, t, h, w) uint8 -> (b, c, l) as it is stored."""
        with self.generator.precision(self.plan.settings["precision"]):
            latent = self.generator.autoencoder.encode(to_float(video)).flatten()
        return self.generator.check_result(latent.float().to(DTYPES[self.plan.settings["dtype"]]), "encoding")

    def _on_device(self, video: Tensor) -> Tensor:
        device = self.generator.device
        return video.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else video.to(device)

    def _clips(self, shard: Shard) -> Iterator[Tensor]:
        """(3, t, h, w) uint8, the clips in their order, while windows ahead are being read."""
        waiting = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            for window in self._windows(shard):
                waiting.append((window, pool.submit(self._read, window)))
                if len(waiting) > self.workers:
                    yield from self._cut(*waiting.popleft())
            while waiting:
                yield from self._cut(*waiting.popleft())

    def _windows(self, shard: Shard) -> Iterator[Window]:
        for video, rows in self.plan.videos_in(shard):
            yield from windows(video, rows, self.plan.grid)

    def _read(self, window: Window) -> Tensor:
        """(3, count, h, w) uint8."""
        clip, video = self.plan.clip, window.video
        shape = ClipShape(window.count, clip.height, clip.width, window.step)
        return read_clip(self.root / video.path, shape, window.start, info=video.info, reader=self.reader)

    def _cut(self, window: Window, reading) -> Iterator[Tensor]:
        frames = reading.result()
        for row in window.rows:
            places = (self.plan.grid.frames(row, window.video.info) - window.start) // window.step
            yield frames[:, torch.from_numpy(places)]


def windows(video: Video, rows: range, grid: ClipGrid) -> Iterator[Window]:
    """Splits the rows of a video so that each window is bounded, and clips that lie far apart are read one by one."""
    clip, info = grid.clip, video.info
    most = WINDOW // (3 * max(info.height * info.width, clip.height * clip.width))
    first = rows.start
    while first < rows.stop:
        indices, stop = grid.frames(first, info), first + 1
        while stop < rows.stop:
            more = grid.frames(stop, info)
            if more[0] - indices[-1] > clip.span(info) or more[-1] - indices[0] >= most:
                break
            indices, stop = np.union1d(indices, more), stop + 1
        yield _window(video, range(first, stop), indices)
        first = stop


def _window(video: Video, rows: range, indices: np.ndarray) -> Window:
    """The frames at `indices`, increasing, and those between them that cannot be passed over."""
    step = int(np.gcd.reduce(np.diff(indices))) if len(indices) > 1 else 1
    step = max(1, step)  # a frame may be there again and again
    return Window(video, rows, int(indices[0]), int(indices[-1] - indices[0]) // step + 1, step)


def _below(path: Path, root: Path) -> Path:
    """The path from a data set's folder on, so that the data set may lie elsewhere next time."""
    return path.relative_to(root) if path.is_relative_to(root) else path.absolute()
