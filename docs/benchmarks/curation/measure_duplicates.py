"""Recall and precision of the search for duplicates, on copies of real clips among all others.

    python measure_duplicates.py DATA COPIES CACHE DUPLICATES.json

COPIES is that of make_copies.py. Thresholds were chosen on the clips of the first half (by name), figures are of both.
Found: the copy is said to repeat its original, which is given as `against`, or another copy of it.
False: pairs that are not of the same source; UCF-101 clips of one group come from the same recording.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from zlib import crc32

import cv2
from scanning import scanned, videos

from pvdm.curation.duplicates.duplicate_search import find_duplicates
from pvdm.curation.duplicates.hashed_clip import HashedClip, clip_hashes

KINDS = ("crf35", "half", "mirrored", "trimmed", "all")


def hashed(path: Path, root: Path, cache: Path) -> HashedClip:
    arrays = scanned(path, root, cache)
    frames, (height, width) = arrays["frame_number"], map(int, arrays["size"])
    name = "__".join(path.relative_to(root).with_suffix("").parts)
    hashes = clip_hashes(arrays, 0, len(frames) - 1)
    return HashedClip(name, hashes, height, width, float(arrays["frame_seconds"][-1]))


def source(clip: str) -> str:
    name, _, kind = clip.rpartition("__")
    return name if kind in KINDS else clip


def figures(copies: list[HashedClip], originals: list[HashedClip]) -> dict[str, object]:
    """Of the copies as a catalogue against that of the originals."""
    named = find_duplicates(copies, against=originals)
    total, found, false = Counter(), Counter(), []
    for copy, name in zip(copies, named, strict=True):
        kind = copy.id.rpartition("__")[2]
        total[kind] += 1
        is_right = name is not None and source(name) == source(copy.id)
        found[kind] += is_right
        if name is not None and not is_right:
            false.append([copy.id, name])
    recall = {kind: f"{found[kind]} of {total[kind]}" for kind in total}
    among = [[clip.id, name] for clip, name in zip(originals, find_duplicates(originals), strict=True) if name]
    return {"recall": recall, "false": false, "originals_named_as_duplicates": among}


def main() -> None:
    data, made, cache, output = map(Path, sys.argv[1:5])
    cv2.setNumThreads(1)
    paths = [path for name in ("UCF-101", "captioned") for path in videos(data / name)]
    originals = [hashed(path, data, cache) for path in paths]
    copies = [hashed(path, made, cache / "copies") for path in videos(made)]
    halves = {}
    for half in (0, 1):
        chosen = [clip for clip in copies if group(clip.id) == half]
        halves[("chosen on", "held out")[half]] = figures(chosen, originals)
    output.write_text(json.dumps(halves, indent=1) + "\n")


def group(clip: str) -> int:
    """Which half: UCF-101 clips of the same recording (v_Class_g01_c01, ...) are in the same."""
    name = source(clip)
    recording = name.rpartition("_c")[0] if name.startswith("UCF-101") else name
    return crc32(recording.encode()) % 2


if __name__ == "__main__":
    main()
