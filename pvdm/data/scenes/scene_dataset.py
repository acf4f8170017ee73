"""Clips of scenes, of which every epoch has new ones."""

from __future__ import annotations

from pathlib import Path

from pvdm.data.dataset import ClipDataset
from pvdm.data.layouts.scenes import BLOCK
from pvdm.data.scenes.scene_videos import ScenePath
from pvdm.data.scenes.world import MOTIONS


class SceneDataset(ClipDataset):
    """Scenes as videos; a later epoch of training has others of the same classes, and never one that is held out."""

    def _path(self, number: int, epoch: int) -> Path:
        scene = ScenePath.of(self.videos[number].path)
        step = -(-len(self.videos) // len(MOTIONS)) * len(MOTIONS)
        first = scene.index // BLOCK * BLOCK
        return scene._replace(index=first + (scene.index - first + epoch * step) % BLOCK).path
