"""What whole_way.sh made: joints found, clips left, and whether any sample of training crosses a known joint.

python docs/benchmarks/curation/whole_way.py WORK: writes WORK/whole_way.json.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from pvdm.data import DataOptions
from pvdm.data.catalogue.clip_table import read_clips
from pvdm.data.video_collection import VideoCollection
from pvdm.video import probe

Joints = dict[str, list[list[int]]]
JOINED = "ucf101/"
"""The folder of files whose joints are known."""


def found(joints: Joints, rows: list[dict]) -> tuple[dict[str, int], Joints]:
    """How many of the known joints are ends of clips, and of ends of clips elsewhere; the joints that are none."""
    counts: Counter[str] = Counter()
    missed: Joints = {name: [] for name in joints}
    for name, known in joints.items():
        clips = sorted((row["first_frame"], row["last_frame"]) for row in rows if row["file"] == JOINED + name)
        gaps = [(before[1] + 1, after[0]) for before, after in pairwise(clips)]
        for first, last in known:
            kind = "cuts" if last < first else "dissolves"
            at = next((gap for gap in gaps if gap[0] <= max(first, last) + 1 and gap[1] >= first - 1), None)
            counts[f"{kind} found"] += at is not None
            counts[kind] += 1
            missed[name] += [] if at else [[first, last]]
            gaps = [gap for gap in gaps if gap != at]
        counts["ends elsewhere"] += len(gaps)
    return dict(counts), missed


def windows(selection: Path) -> Iterator[tuple[str, int, int]]:
    """File, first and last frame of every sample, context included, that training or validation may read."""
    data = VideoCollection.of(DataOptions(path=selection, frames=16, height=64, width=64, clips=2))
    data.setup(log=False)
    for part in (data.training, data.validation):
        for video in part.videos:
            shape = part.sample if part.has_context(video) else part.clip
            for start in range(shape.last_start(video.info) + 1):
                numbers = video.info.first_frame + shape.source_indices(start, video.info)
                yield str(video.path), int(numbers.min()), int(numbers.max())


def crossing(joints: Joints, missed: Joints, selection: Path) -> dict[str, int]:
    """Samples of the joined files that read frames on both sides of a joint that was found, or of one that was not."""
    counts = Counter(dict.fromkeys(("samples", "of joined files", "across found joints", "across missed joints"), 0))
    for path, start, end in windows(selection):
        name = Path(path).name if JOINED in path else ""
        across = [joint for joint in joints.get(name, []) if start < joint[0] and end > joint[1]]
        is_missed = [joint in missed[name] for joint in across]
        counts["samples"] += 1
        counts["of joined files"] += bool(name)
        counts["across found joints"] += not all(is_missed)
        counts["across missed joints"] += any(is_missed)
    return dict(counts)


def main() -> None:
    work = Path(sys.argv[1])
    joints = json.loads((work / "joints.json").read_text())
    rows = read_clips(work / "catalogue").table.to_pylist()
    good = [row for row in rows if not row["error"]]
    counts, missed = found(joints, good)
    selected = read_clips(work / "selection.parquet").table.to_pylist()
    samples = sorted((work / "samples").glob("*.mp4"))
    figures = {
        "files": len({row["file"] for row in rows}),
        "clips": len(good),
        "hours": round(sum(row["end_seconds"] - row["start_seconds"] for row in good) / 3600, 3),
        "not usable": len(rows) - len(good),
        "kinds": Counter(row["kind"] for row in good),
        "selected": len(selected),
        "selected by folder": Counter(row["file"].partition("/")[0] for row in selected),
        "joints": counts,
        "samples for training and validation": crossing(joints, missed, work / "selection.parquet"),
        "sampled videos and frames": [len(samples), sum(probe(path).frames for path in samples)],
    }
    (work / "whole_way.json").write_text(json.dumps(figures, indent=1) + "\n")
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
