"""Which kinds of made and known clips are found, and how exact the letterbox is.

    python measure_kinds.py DATA MADE CACHE KINDS.json

MADE is that of make_kinds.py. Figures: found kinds of each made kind; of the known cases of DATA/curation; how many
clips of each set are of each kind; the largest error of a crop in pixels.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import cv2
from scanning import SETS, scanned, scores, videos

SIDES = ("top", "bottom", "left", "right")


def summary(clip: dict) -> list[str | float]:
    """Kind, motion, static share and shake."""
    return [clip["kind"], *(round(clip[name], 2) for name in ("motion", "static", "shake"))]


def main() -> None:
    data, made, cache, output = map(Path, sys.argv[1:5])
    cv2.setNumThreads(1)
    found: dict[str, Counter[str]] = {}
    errors = {}
    for path in videos(made):
        clip = scores(scanned(path, made, cache / "made"))
        kind, *rest = path.stem.split("_")
        if kind == "bars":
            errors[path.stem] = [clip[f"crop_{side}"] - int(true) for side, true in zip(SIDES, rest[:4], strict=True)]
        else:
            found.setdefault(f"{kind} ({rest[0]})", Counter())[clip["kind"]] += 1
    sets = {name: Counter(scores(scanned(path, data, cache))["kind"] for path in videos(data / name)) for name in SETS}
    known = {path.stem: summary(scores(scanned(path, data, cache))) for path in videos(data / "curation")}
    figures = {
        "made": found,
        "known": known,
        "sets": sets,
        "largest_crop_error": max(abs(error) for row in errors.values() for error in row),
        "crop_errors": errors,
    }
    output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
