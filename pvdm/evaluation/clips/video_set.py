"""The videos of a folder or of a data set, and what identifies them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from pvdm.data import (
    IndexCache,
    Layout,
    Part,
    SceneOptions,
    SplitFolders,
    SplitOptions,
    Video,
    find_splits,
    first_causes,
    index_videos,
)
from pvdm.data.scenes.scene_videos import ROOT, is_scene
from pvdm.errors import InputError
from pvdm.video import number_gap

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VideoSet:
    """The videos of a folder, sorted by their path below it.

    part: The part of the data set; None if the folder has no parts, so that all videos are used.
    loop: The videos are cycles, which continue with their first frame.
    """

    root: Path
    layout: Layout
    part: Part | None
    videos: tuple[Video, ...]
    split: int | None = None
    classes: tuple[str, ...] | None = None
    loop: bool = False

    @classmethod
    def find(
        cls,
        root: str | Path,
        *,
        layout: Layout = "folder",
        part: Part = "train",
        split: int = 1,
        folders: SplitFolders | None = None,
        scenes: SceneOptions | None = None,
        loop: bool = False,
    ) -> VideoSet:
        """The videos below `root`, all of them if it has no parts; logs what is left out.

        `InputError` if the folder is missing, empty or of another layout, or if one of its videos cannot be read.
        """
        root = ROOT if layout == "scenes" else Path(root)
        options = SplitOptions(split, 0.0, folders, scenes=scenes or SceneOptions())
        splits = find_splits(root, layout, options)
        has_splits = bool(splits.training and splits.validation)
        entries = splits.train_on(part).training if has_splits else splits.entries
        for note in splits.notes:
            logger.warning("%s: %s", root, note)
        cache, root = IndexCache.of(root), splits.root or root
        entries = sorted(entries, key=lambda entry: (_name(entry.path, root), entry.key[1]))
        index = index_videos(entries, cache=cache, progress=True)
        cache.save()
        if index.bad:
            raise InputError(first_causes(index.bad), "repair or remove it, so that the result says what was measured")
        if not index.videos:
            raise InputError(f"{root} has no videos in its part {part}", "choose another {part}, or fix the folder")
        _warn_of_gaps(index.videos)
        official = {"split": split if layout == "ucf101" else None, "classes": splits.classes}
        return cls(root, layout, part if has_splits else None, tuple(index.videos), **official, loop=loop)

    def name(self, video: Video) -> str:
        """Path below the root, and the first and last frame of a clip of a catalogue."""
        first = video.info.first_frame
        span = f":{first}-{first + video.info.frames - 1}" if self.layout == "catalogue" else ""
        return _name(video.path, self.root) + span

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and sizes of all files; it does not depend on where the folder is."""
        return self._digest(_bytes)

    @cached_property
    def marks(self) -> str:
        """SHA-256 of names, sizes and modification times; it changes whenever a file does."""
        return self._digest(IndexCache.mark)

    def _digest(self, mark: Callable[[Path], str]) -> str:
        lines = (f"{self.name(video)} {mark(video.path)}" for video in self.videos)
        return sha256(os.fsencode("\n".join(lines))).hexdigest()


def _warn_of_gaps(videos: Sequence[Video]) -> None:
    """One warning for all folders of frames whose numbers have gaps: their clips jump there."""
    folders = [video.path for video in videos if video.path.is_dir()]
    gaps = {folder: gap for folder in folders if (gap := number_gap(folder))}
    if not gaps:
        return
    folder, (before, after) = next(iter(gaps.items()))
    which = f"{folder} has a gap" if len(gaps) == 1 else f"{len(gaps)} folders have gaps, such as {folder}"
    logger.warning("%s between %s and %s: clips jump there; add the missing frames", which, before, after)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _bytes(path: Path) -> str:
    """The size of a file, or the names and sizes of the files in a folder."""
    if is_scene(path):
        return IndexCache.mark(path)
    if not path.is_dir():
        return str(path.stat().st_size)
    return " ".join(sorted(f"{file.name}:{file.stat().st_size}" for file in path.iterdir()))
