"""A catalogue of clips, or a selection of them: each clip is a span of a file, and is known without opening it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.data.layouts.folder import FolderContent, divided, splits_of
from pvdm.data.layouts.splits import Entry, KnownClip, SplitOptions, Splits
from pvdm.errors import InputError
from pvdm.video import VideoInfo
from pvdm.video.timeline import timeline

if TYPE_CHECKING:
    from pvdm.data.catalogue.clip_table import ClipTable

SUFFIX = ".parquet"
NEEDED = ("file", "first_frame", "last_frame", "height", "width")
FACTS = ("fps", "file_frames", "file_index", "file_times", "file_size", "file_modified")
CAPTIONS = "captions"
SCORES = {"flow": "motion"}
"""Scores that have another name than their column, as `motion` is measured of each sample."""


def find_catalogue(root: Path, options: SplitOptions = SplitOptions()) -> Splits:
    """The clips of a selection, or those of a catalogue that pass the preset `default`.

    The files are split as those of the layout `folder`, so no file has clips on both sides. Those that are gone are
    `Splits.absent`. `InputError` as of `read_clips`, if no clip is left, and if none of the files is there.
    """
    from pvdm.data.catalogue.clip_table import read_clips
    from pvdm.data.catalogue.selection import for_training

    found = read_clips(root)
    clips = for_training(found)
    by_file = _by_file(clips, options.columns)
    present = [path for path in sorted(by_file) if path.exists()]
    if not present:
        raise InputError(
            f"none of the {len(by_file):,} files of {clips.path} is in {clips.root} (such as {min(by_file).name})",
            f"if they have moved, say where to: pvdm select {clips.path} --root FOLDER --output moved.parquet",
        )
    content = FolderContent(present)
    splits = splits_of(divided(content, clips.root, options.folders), content, clips.root, options)
    return replace(
        splits,
        **{name: _clips(getattr(splits, name), by_file) for name in ("training", "validation", "test")},
        absent=tuple(sorted(by_file.keys() - set(present))),
        listed=len(by_file),
        notes=(*splits.notes, *_notes(found, clips)),
        root=clips.root,
        selection=clips.selection,
    )


def is_catalogue(root: Path) -> bool:
    """Whether a path is a table, or a folder that holds the one that `pvdm curate` writes."""
    path = root / f"clips{SUFFIX}" if root.is_dir() else root
    return path.suffix == SUFFIX and path.is_file()


def _clips(files: Sequence[Entry], by_file: Mapping[Path, Sequence[Entry]]) -> list[Entry]:
    return [clip for file in files for clip in by_file[file.path]]


def _notes(found: ClipTable, clips: ClipTable) -> Iterator[str]:
    """What the default leaves out of a catalogue, and that duplicates are in a selection."""
    copies = sum(map(bool, clips.values("duplicate_of"))) if "duplicate_of" in clips.table.column_names else 0
    if copies:
        others = "which may be in another split (not duplicate_of leaves them out)"
        yield f"{copies:,} clips are duplicates of others, {others}"
    if found.selection is None and len(clips) < len(found):
        where = clips.selection["where"]
        yield f"{len(found) - len(clips):,} of {len(found):,} clips are left out by the default selection ({where})"


def _by_file(clips: ClipTable, wanted: Sequence[str]) -> dict[Path, list[Entry]]:
    """The clips of each file in the order of their frames, with the numbers of the columns that are wanted."""
    needed = dict.fromkeys((*NEEDED, *FACTS, CAPTIONS, *(SCORES.get(name, name) for name in wanted)))
    names = [name for name in needed if name in clips.table.column_names]
    columns = [clips.values(name) for name in names]
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for values in zip(*columns, strict=True):
        row = dict(zip(names, values, strict=True))
        _check(row, clips.path)
        rows[row["file"]].append(row)
    root, by_file = clips.root, {}
    for file, those in rows.items():
        path = root / file
        by_file[path] = [_entry(path, row, wanted) for row in sorted(those, key=lambda row: row["first_frame"])]
    return by_file


def _entry(path: Path, row: Mapping[str, Any], wanted: Sequence[str]) -> Entry:
    captions = tuple(" ".join(text.split()) for text in row.get(CAPTIONS) or () if text and text.strip())
    mark = f"{row['file_size']} {row['file_modified']}"
    known = KnownClip(_info(row), row["file_frames"], mark, captions, _numbers(row, wanted))
    return Entry(path, known=known)


def _numbers(row: Mapping[str, Any], names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """The finite numbers in these columns of a row, by name in alphabetical order."""
    values = ((name, row.get(SCORES.get(name, name))) for name in sorted(names))
    return tuple((name, float(value)) for name, value in values if isinstance(value, (int, float)) and isfinite(value))


def _check(row: Mapping[str, Any], table: Path) -> None:
    """InputError if a row is no span of a file below the root."""
    file, first, last, frames = row["file"], row["first_frame"], row["last_frame"], row["file_frames"]
    is_whole = all(row[name] is not None for name in NEEDED)
    if not is_whole or not 0 <= first <= last or (frames is not None and last >= frames):
        problem = f"{table} has a clip of frames {first} to {last} of {file}, which has {frames}"
        raise InputError(problem, "curate the file again (pvdm curate), or leave the clip out (pvdm select)")
    if file.startswith("/") or ".." in file.split("/"):
        raise InputError(f"{table} names {file}, which is not below its root", "give paths below it")


def _info(row: Mapping[str, Any]) -> VideoInfo:
    """Of the span; its rate is the mean of its own frames if that of the file varies."""
    first, last, rate, times = row["first_frame"], row["last_frame"], row["fps"], row["file_times"]
    if times is not None:
        seconds = timeline(times).seconds[first : last + 1]
        elapsed = float(seconds[-1] - seconds[0])
        rate = (last - first) / elapsed if elapsed > 0 else rate
    return VideoInfo(last - first + 1, row["height"], row["width"], rate or None, row["file_index"], times, first)
