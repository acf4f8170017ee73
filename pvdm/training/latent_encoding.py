"""Encodes the clips of a data set once, for all trainings on them."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.autoencoder import SpectralAutoencoder, VideoAutoencoder, stored_fields
from pvdm.conditions.blurred_clips import blurred
from pvdm.conditions.given_frames import BLURRED, cached_factor, cached_frames
from pvdm.conditions.hints import hint_clip
from pvdm.data import long_enough
from pvdm.data.latents.clip_tracks import track_tensors
from pvdm.data.latents.encoding_plan import LatentPlan, Shard
from pvdm.data.latents.latent_folder import begin, finish
from pvdm.data.latents.shards import DTYPES, MOTION, tensor_name, write_shard
from pvdm.data.latents.window_reader import WindowReader
from pvdm.data.tracks.sample_scores import motion_of
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of_state
from pvdm.generation import VideoGenerator
from pvdm.runtime.processes import ALONE, Processes, together
from pvdm.runtime.progress_callback import NamedProgress
from pvdm.video import Reader, to_float

logger = logging.getLogger(__name__)


def digest_of(autoencoder: VideoAutoencoder) -> str:
    """SHA-256 of sizes and weights, the same from an export and from a checkpoint.

    Of a spectral autoencoder, only what latents depend on counts, so that its decoder may be trained further.
    """
    sizes = json.dumps(stored_fields(autoencoder.config), sort_keys=True)
    is_spectral = isinstance(autoencoder, SpectralAutoencoder)
    weights = autoencoder.encoder_state() if is_spectral else autoencoder.state_dict()
    return sha256(f"{sizes} {sha256_of_state(weights)}".encode()).hexdigest()


def plan_of(videos: VideoCollection, autoencoder: VideoAutoencoder, settings: Mapping[str, Any]) -> LatentPlan:
    """The plan that encodes these videos, which are set up; see `LatentPlan` for the settings."""
    size = autoencoder.config
    splits, index = videos.find()
    training = videos.training.videos
    validation = long_enough(index, videos.clip).of(splits.validation).videos
    encoded = list({video.key: video for video in (*training, *validation)}.values())
    number = {video.key: i for i, video in enumerate(encoded)}
    return LatentPlan(
        autoencoder={"sha256": digest_of(autoencoder), "config": stored_fields(size)},
        settings=settings,
        clip=videos.clip,
        latent=(size.latent_channels, size.latent_shape.positions),
        videos=[replace(video, path=_relative(video.path, videos.root)) for video in encoded],
        training=len(training),
        validation=[number[video.key] for video in validation],
        classes=videos.classes,
        data=videos.describe(),
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
    """Fills a folder with the latents of a plan; returns the number of shards that were missing.

    Each shard is encoded by one process in batches of its own, so its content does not depend on the process. Every
    file in the folder is complete at any moment, and the same call resumes an interrupted one. InputError as in
    `begin`, if a video cannot be decoded, or if the disk is full.

    Args:
        plan: The clips and the precision.
        folder: Folder of the latents.
        root: Folder that the plan's videos are relative to.
        generator: Its autoencoder encodes, on its device.
        batch_size: Clips that are encoded together.
        workers: Threads that read videos.
        reader: What decodes video files.
        processes: Those that share the work.
        overwrite: Replace latents of another plan.
        progress: Called after every batch.
    """
    missing = together(processes, lambda: begin(folder, plan, overwrite=overwrite) if processes.is_main else None)
    missing = processes.gather(missing)[0]
    clips = WindowReader(plan, root, max(1, workers), reader)
    encoder = ShardEncoder(clips, generator, batch_size)
    together(processes, lambda: _encode_share(encoder, folder, missing, processes, progress))
    together(processes, lambda: finish(folder, plan) if processes.is_main else None)
    return len(missing)


def _encode_share(
    encoder: ShardEncoder, folder: Path, missing: list[Shard], processes: Processes, progress: NamedProgress | None
) -> None:
    """Encodes this process's shards. If there are several processes, one that fails logs its error at once."""
    try:
        _encode_shards(encoder, folder, processes.share(missing), progress)
    except InputError as error:
        if processes.size > 1:
            logger.error("process %d of %d: %s", processes.rank + 1, processes.size, error)
        raise


def _encode_shards(encoder: ShardEncoder, folder: Path, shards: list[Shard], progress: NamedProgress | None) -> None:
    done, total = 0, sum(shard.stop - shard.first for shard in shards)
    for shard in shards:
        report = partial(_report, progress, done, total)
        write_shard(folder, shard, encoder(shard, report), encoder.plan.digest)
        done += shard.stop - shard.first


def _report(progress: NamedProgress | None, before: int, total: int, within: int) -> None:
    """Reports the clips of the current shard before the shard is written."""
    if progress:
        progress("encode", before + within, total)


class ShardEncoder:
    """Encodes the clips of a shard.

    Args:
        reader: Reads them.
        generator: Its autoencoder encodes, on its device.
        batch_size: Clips that are encoded together; a batch never holds clips of two shards.
    """

    def __init__(self, reader: WindowReader, generator: VideoGenerator, batch_size: int) -> None:
        self.reader, self.generator, self.batch_size = reader, generator, batch_size

    @property
    def plan(self) -> LatentPlan:
        """Which clips, in which precision."""
        return self.reader.plan

    def __call__(self, shard: Shard, report: Callable[[int], None] | None = None) -> dict[str, Tensor]:
        """The tensors of the shard, on the CPU: "latents" (n, c, l), and "mirrored" if some clips are mirrored.

        Those of the hints of the plan follow, see `tensor_name`, "motion" (n,) if it is measured, and `track_tensors`.

        report: Called after each batch with the number of clips that are done.
        """
        latents: dict[str, list[Tensor]] = defaultdict(list)
        clips, done = self.reader.clips(shard), 0
        while batch := list(islice(clips, self.batch_size)):
            if MOTION in self.plan.measured:
                latents[MOTION].append(motion_of(torch.stack(batch)).float())
            video = self._on_device(torch.stack(batch))
            mirrored = min(max(shard.mirrored - done, 0), len(batch))
            for hint in (None, *self.plan.hints):
                shown = to_float(video) if hint is None else self._hint_clip(video, hint, shard.first + done)
                latents[tensor_name(hint)].append(self._encode(shown))
                if mirrored:
                    latents[tensor_name(hint, mirrored=True)].append(self._encode(shown[:mirrored].flip(-1)))
            done += len(batch)
            if report:
                report(done)
        tracks = track_tensors(self.plan, shard, self.reader.root)
        return {**{name: torch.cat(batches).cpu() for name, batches in latents.items()}, **tracks}

    def _hint_clip(self, video: Tensor, hint: str, row: int) -> Tensor:
        """(b, 3, t, h, w) uint8 -> the clips of which only the frames of this kind are given, float in [-1, 1].

        row: Number of the first clip.
        """
        rows = range(row, row + len(video))
        if hint == BLURRED:
            return to_float(blurred(video, [cached_factor(self.plan.blur_factors, number) for number in rows]))
        known = [cached_frames(hint, video.shape[2], number) for number in rows]
        return hint_clip(video, torch.from_numpy(np.stack(known)))

    @torch.no_grad()
    def _encode(self, video: Tensor) -> Tensor:
        """(b, 3, t, h, w) float -> (b, c, l) in the type of the files."""
        with self.generator.precision(self.plan.settings["precision"]):
            latent = self.generator.autoencoder.encode(video).flatten()
        return self.generator.check_result(latent.float().to(DTYPES[self.plan.settings["dtype"]]), "encoding")

    def _on_device(self, video: Tensor) -> Tensor:
        device = self.generator.device
        return video.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else video.to(device)


def _relative(path: Path, root: Path) -> Path:
    """The path below the data set's folder, so that the data set may be moved."""
    return path.relative_to(root) if path.is_relative_to(root) else path.absolute()
