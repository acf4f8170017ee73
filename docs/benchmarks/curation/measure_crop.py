"""Whether black bars of known size are measured: clips padded by bars at the top and bottom, or at the sides, or none.

    python measure_crop.py DATA CACHE CROP.json

Clips are those of `captioned` and `wild` that have no bars of their own, seen by eye. A clip is right if all four sides
are within two pixels.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import cv2
import joined_clips
import numpy as np
from scanning import scanned, scores, videos

OWN_BARS = ("J_6TUYXi0PQ.44", "QrOHqqixHDU.64", "czAykeFF83k.158", "gWR0Kl5ktLs.6", "UaQKCrszICw.16", "ITKgZZcTpzE.5")
SIZE = (180, 320)
KINDS = {"none": (0, 0), "16:10": (0, 16), "21:9": (22, 0), "4:3": (0, 40), "9:16": (0, 110)}
"""Of the picture inside: its bars at the top and bottom, and at the sides, in pixels."""

MOST, EXACT = 60, 2


def padded(path: Path, kind: str, crf: int, output: Path) -> None:
    """Writes the first frames of a clip within bars."""
    tall, wide = KINDS[kind]
    inside = SIZE[0] - 2 * tall, SIZE[1] - 2 * wide
    frames = joined_clips.frames_of(path, inside, MOST)
    bars = ((0, 0), (tall, tall), (wide, wide), (0, 0))
    joined_clips.encode(output, [np.pad(frames, bars)], SIZE, crf=crf)


def main() -> None:
    data, cache, output = map(Path, sys.argv[1:4])
    cv2.setNumThreads(1)
    paths = [path for name in ("captioned", "wild") for path in videos(data / name) if path.stem not in OWN_BARS]
    (cache / "padded").mkdir(parents=True, exist_ok=True)
    total, right, wrong = Counter(), Counter(), {}
    for number, path in enumerate(paths):
        kind = list(KINDS)[number % len(KINDS)]
        made = cache / "padded" / f"{path.stem}__{kind.replace(':', '_')}.mp4"
        if not made.is_file():
            padded(path, kind, (20, 32)[number % 2], made)
        found = scores(scanned(made, cache / "padded", cache / "arrays"))
        bars = [found[f"crop_{side}"] for side in ("top", "bottom", "left", "right")]
        tall, wide = KINDS[kind]
        is_right = max(abs(bar - known) for bar, known in zip(bars, (tall, tall, wide, wide), strict=True)) <= EXACT
        total[kind] += 1
        right[kind] += is_right
        if not is_right:
            wrong[f"{path.stem} ({kind})"] = bars
    result = {"right": {kind: f"{right[kind]} of {total[kind]}" for kind in KINDS}, "wrong": wrong}
    output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
