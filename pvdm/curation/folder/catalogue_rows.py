"""The rows of a catalogue: a clip each, and one for each file that cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pvdm.curation.curation import Curated, scores_of
from pvdm.curation.curation_plan import Plan
from pvdm.curation.scan.file_clips import FileClips
from pvdm.curation.scan.raw_files import ASSUMED_RATE, RawFile

Row = dict[str, Any]
HASHES = "hashes"


def rows_of(plan: Plan, curated: Curated) -> list[Row]:
    """All rows in the order of files and frames, by the columns of `pvdm.data.catalogue.clip_table`.

    A clip's `hashes`, (n,) uint64, are those of `FileClips`.
    """
    copies: Counter[str] = Counter()
    rows = {}
    for file, clips in curated.files:
        copies[file.digest] += 1
        rows[file.file] = list(_clips(plan, curated, file, clips, copies[file.digest]))
    unusable = {name: [{"file": name, "error": why}] for name, why in curated.failures.items()}
    return [row for _, part in sorted((rows | unusable).items()) for row in part]


def _clips(plan: Plan, curated: Curated, file: RawFile, clips: FileClips, copy: int) -> Iterator[Row]:
    """copy: 1 for the first file of this content; ids of further copies say which they are."""
    seconds, info = file.seconds, file.info
    end = float(seconds[-1]) + (seconds[-1] - seconds[-2] if len(seconds) > 1 else 1 / (info.fps or ASSUMED_RATE))
    facts = {
        "file": file.file,
        "fps": info.fps,
        "height": info.height,
        "width": info.width,
        "digest": file.digest,
        "file_frames": info.frames,
        "file_index": info.index,
        "file_times": info.times,
        "file_size": file.size,
        "file_modified": file.modified,
    }
    for (columns, missing), hashes in zip(scores_of(plan, file, clips), clips.hashes, strict=True):
        first, last = columns["first_frame"], columns["last_frame"]
        name = f"{file.digest[:16]}:{first}-{last}" + (f"@{copy}" if copy > 1 else "")
        times = {
            "start_seconds": float(seconds[first]),
            "end_seconds": float(seconds[last + 1]) if last + 1 < len(seconds) else float(end),
        }
        error = {"error": _cause(curated, file, missing)} if missing else {}
        yield {"id": name, **facts, **times, **columns, **error, HASHES: hashes}


def _cause(curated: Curated, file: RawFile, steps: list[str]) -> str:
    """Why a clip lacks the scores of some steps."""
    causes = [curated.step_failures.get((step, file.digest), "not done") for step in steps]
    return "; ".join(f"{step}: {cause}" for step, cause in zip(steps, causes, strict=True))
