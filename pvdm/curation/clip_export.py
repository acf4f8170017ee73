"""Clips as files of their own, for programs that read no catalogue; the source files stay as they are."""

from __future__ import annotations

import glob
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from pvdm.curation.clip_remux import has_key_borders, remux
from pvdm.data.catalogue.clip_table import ClipTable
from pvdm.errors import InputError
from pvdm.files.atomic_write import remove, replacing
from pvdm.video import VideoInfo, VideoWriter, read_frames
from pvdm.video.decoding.packets import PacketIndex
from pvdm.video.paced_video import indices_at
from pvdm.video.sound.muxing import add_sound

ENCODED = ".mp4"
COPIED = (".mp4", ".mkv", ".mov", ".webm")
"""Containers whose packets are copied."""

AT_ONCE = 16
"""Frames that are read at once."""

logger = logging.getLogger(__name__)


@dataclass
class Exported:
    """How many clips were written, and were there already; why others were not, by their `id`."""

    written: int = 0
    present: int = 0
    failed: dict[str, str] = field(default_factory=dict)


class _Unusable(Exception):
    """A clip whose file cannot be read; the others go on, unlike after an error of writing."""


class _NotCopied(Exception):
    """A copy that does not show what it should."""


def export_clips(clips: ClipTable, folder: Path, progress: Callable[[], object] = lambda: None) -> Exported:
    """Writes each clip as `FILE_000120-000250_0123abcd.mp4`, in folders as its file; those there already are kept.

    A clip that is a whole file is copied, one that begins and ends at keyframes gets the packets as they are, in the
    file's container, and any other is encoded, H.264 at crf 18, upright; one of variable rate at its mean rate. Sound
    is kept. A clip with captions has them beside it, in a text file, a line each. InputError if nothing can be written.

    progress: Called after each clip.
    """
    found = Exported()
    for row in clips.table.to_pylist():
        if row["error"] is None and row["first_frame"] is not None:
            try:
                is_new = _export(row, clips.root, Path(folder))
                found.written += is_new
                found.present += not is_new
            except _Unusable as error:
                found.failed[row["id"]] = str(error)
                logger.warning("%s is left out: %s", row["id"], error)
            progress()
    return found


def _export(row: Mapping[str, Any], root: Path, folder: Path) -> bool:
    """Whether the clip's file was not there yet."""
    file = PurePosixPath(row["file"])
    if file.is_absolute() or ".." in file.parts:
        raise _Unusable(f"{file} lies outside the folder of the videos")
    name = f"{file.stem}_{row['first_frame']:06d}-{row['last_frame']:06d}_{row['id'][:8]}"
    place, source = folder.joinpath(*file.parent.parts), root / file
    suffixes = dict.fromkeys([ENCODED, source.suffix.lower()])
    if any((place / f"{name}{suffix}").is_file() for suffix in suffixes):
        return False
    _check_source(source, row["file_size"])
    for rest in place.glob(f".{glob.escape(name)}.*"):  # of a run that was killed
        remove(rest)
    text = place / f"{name}.txt"
    if row.get("captions"):
        _write_captions(text, row["captions"])  # before the video, which marks a clip as done
    try:
        if not _copied(row, source, place / f"{name}{source.suffix.lower()}"):
            _encode(row, source, place / f"{name}{ENCODED}")
    except _Unusable:
        remove(text)
        raise
    return True


def _check_source(source: Path, size: int | None) -> None:
    try:
        now = source.stat().st_size
    except OSError as error:
        raise _Unusable(f"{source} cannot be read ({error.strerror})") from error
    if size is not None and now != size:
        raise _Unusable(f"{source} has changed since it was curated; run pvdm curate again")


def _write_captions(file: Path, captions: list[str]) -> None:
    with replacing(file, overwrite=True) as temporary:
        temporary.write_text("".join(" ".join(caption.split()) + "\n" for caption in captions), encoding="utf-8")


def _copied(row: Mapping[str, Any], source: Path, target: Path) -> bool:
    """Whether the clip could be copied without encoding."""
    first, last, frames = row["first_frame"], row["last_frame"], row["file_frames"]
    if (first, last + 1) == (0, frames):
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
        return True
    index = PacketIndex.unpack(row["file_index"]) if row["file_index"] else None
    if target.suffix not in COPIED or index is None or not has_key_borders(index, first, last):
        return False
    try:
        with replacing(target) as temporary:
            if not remux(source, temporary, index, first, last):
                raise _NotCopied
    except _NotCopied:
        return False
    return True


def _info(row: Mapping[str, Any]) -> VideoInfo:
    """The clip as a video of its own."""
    first, last = row["first_frame"], row["last_frame"]
    facts = (row["height"], row["width"], row["fps"], row["file_index"], row["file_times"])
    return VideoInfo(last - first + 1, *facts, first_frame=first)


def _encode(row: Mapping[str, Any], source: Path, target: Path) -> None:
    info = _info(row)
    with replacing(target) as temporary:
        with VideoWriter(temporary, fps=info.fps or 25) as writer:
            for part in _frames(source, info):
                writer.write(part)
        if _has_sound(source):
            try:
                add_sound(temporary, source, start=info.start_seconds)
            except InputError as error:
                logger.warning("%s is silent: %s", target, error)


def _frames(source: Path, info: VideoInfo) -> Iterator[Tensor]:
    """(3, n, h, w) uint8, at a constant rate."""
    indices = indices_at(info, info.fps) if info.times else np.arange(info.frames)
    for start in range(0, len(indices), AT_ONCE):
        try:
            frames = read_frames(source, indices[start : start + AT_ONCE], info=info)
        except InputError as error:
            raise _Unusable(str(error)) from error
        yield torch.from_numpy(frames).permute(3, 0, 1, 2)


def _has_sound(source: Path) -> bool:
    try:
        with av.open(str(source), metadata_errors="replace") as container:
            return bool(container.streams.audio)
    except (OSError, av.error.FFmpegError):
        return False
