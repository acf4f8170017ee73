"""Samples of cached latents, with the keys of `ClipDataset`, without reading a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pvdm.data.dataset import Augmentation, ClipDataset, Placement
from pvdm.data.latents.encoding_plan import LatentPlan
from pvdm.data.latents.shards import ShardReader
from pvdm.data.scenes.scene_videos import ROOT
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.data.tracks.sample_scores import SampleScores


class LatentClips(ClipDataset):
    """Like `ClipDataset`, with "latent" (2, c, l), of context and target, in place of "video"; zeros if no context.

    The sample of a key is that of the same key of the videos, except that it starts at the nearest frame that was
    encoded, and that crops and colors are those of the encoding. Half the samples are mirrored if that is asked for
    and mirrored latents exist. Where hints were encoded, "hints" has those of the target, (c, l) each, by the kinds of
    their given frames, and "row" the number of its clip, by which frames are drawn.

    Args:
        folder: The folder of the shards.
        plan: What it holds.
        numbers: Which of the plan's videos.
        seed, training, clips_per_video, captioned, tracks, scores: As for `ClipDataset`.
        horizontal_flip: Mirror half of the samples of training.
    """

    def __init__(
        self,
        folder: Path,
        plan: LatentPlan,
        numbers: Sequence[int],
        *,
        seed: int = 0,
        training: bool,
        horizontal_flip: bool = False,
        clips_per_video: int | None = None,
        captioned: bool = False,
        tracks: FrameTracks = FrameTracks(),
        scores: SampleScores = SampleScores(),
    ) -> None:
        super().__init__(
            [plan.videos[number] for number in numbers],
            plan.clip,
            clips=2,
            seed=seed,
            training=training,
            augmentation=Augmentation(horizontal_flip=horizontal_flip and plan.settings["flips"]),
            clips_per_video=clips_per_video,
            captioned=captioned,
            tracks=tracks,
            scores=scores,
        )
        self._plan, self._read_row = plan, ShardReader(folder, plan)
        self._first_rows = np.array([plan.rows_of(number).start for number in numbers])  # no objects, see VideoTable

    def _path(self, number: int, epoch: int) -> Path:
        path = super()._path(number, epoch)
        return ROOT / path if self._plan.data.get("layout") == "scenes" else path

    def _placement(self, number: int, epoch: int, index: int) -> Placement:
        placement = super()._placement(number, epoch, index)
        return replace(placement, start=self._plan.grid.nearest(placement.start, self.videos[number].info))

    def _vectors(self, number: int, placement: Placement) -> dict[str, Any]:
        if not self.tracks.within(self._plan.tracks):  # scenes, of which they are known without
            return super()._vectors(number, placement)
        row = self._target_row(number, placement)
        return self._read_row.tracks(row, self.tracks.names, mirrored=placement.flip)

    def _motion(self, number: int, placement: Placement, content: Mapping[str, Any]) -> float:
        """As of the frames that were encoded."""
        return self._read_row.motion(self._target_row(number, placement))

    def _target_row(self, number: int, placement: Placement) -> int:
        _, target = self._plan.grid.sample(placement.start, self.videos[number].info)
        return int(self._first_rows[number]) + target

    def _content(self, number: int, placement: Placement) -> dict[str, Any]:
        context, target = self._plan.grid.sample(placement.start, self.videos[number].info)
        first = int(self._first_rows[number])
        read = partial(self._read_row, mirrored=placement.flip)
        latent = read(first + target)
        before = torch.zeros_like(latent) if context is None else read(first + context)
        content = {"latent": torch.stack((before, latent))}
        if not self._plan.hints:
            return content
        hints = {kind: read(first + target, hint=kind) for kind in self._plan.hints}
        return {**content, "hints": hints, "row": first + target}
