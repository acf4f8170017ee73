"""Measures how often scenes are read as they are, on clips that no network was trained on.

OMP_NUM_THREADS=1 python docs/benchmarks/scene_reader/measure.py 1000 docs/benchmarks/scene_reader/figures.json
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import torch

from pvdm.data.scenes import RenderedScene, scene
from pvdm.evaluation.scene_reading import agreement, agreements, read_bodies

SEED = 2_000_003
KINDS = {
    "one body, still camera": {"bodies": 1, "camera": "still"},
    "one body": {"bodies": 1},
    "two bodies": {"bodies": 2},
    "any scene": {},
}
PROPERTIES = ("color", "shape", "place", "direction", "together")


def judge(made: RenderedScene) -> dict:
    """What is read of the largest body, whether that is right, and what kind of clip it is."""
    facts, readings = made.facts, read_bodies(made.frames)
    largest = facts[0]
    right = agreement(readings[0] if readings else None, largest)
    told = agreements(readings[:1], made.caption.partition(",")[0]) if len(facts) == 1 else []
    return {
        **{name: getattr(right, name) for name in PROPERTIES},
        "caption": all(each.together for each in told) if told else None,
        "leads": len(facts) == 1 or facts[1].area < 0.8 * largest.area,
        "clear": largest.is_clear,
        "whole": largest.is_whole,
        "pixels": largest.area * made.height * made.width,
        "named": (largest.direction, readings[0].direction if readings else None),
        "shapes": (largest.shape, readings[0].shape if readings else None),
    }


def shares(rows: list[dict]) -> dict:
    """The share of clips on which each property is right."""
    found = {name: round(sum(row[name] for row in rows) / max(1, len(rows)), 4) for name in PROPERTIES}
    captions = [row["caption"] for row in rows if row["caption"] is not None]
    return {"clips": len(rows), **found, "caption": round(sum(captions) / len(captions), 4) if captions else None}


def main() -> None:
    torch.set_num_threads(1)
    count, output = int(sys.argv[1]), Path(sys.argv[2])
    figures = {}
    for part, (name, options) in enumerate(KINDS.items()):
        rows = [judge(scene(SEED + part, number, start=number * 37 % 85, **options)) for number in range(count)]
        leading = [row for row in rows if row["leads"]]
        clear = [row for row in leading if row["clear"]]
        wrong = Counter(f"{row['named'][0]} read as {row['named'][1]}" for row in clear if not row["direction"])
        wrong += Counter(f"{row['shapes'][0]} read as {row['shapes'][1]}" for row in clear if not row["shape"])
        figures[name] = {
            "all": shares(rows),
            "one body leads": shares(leading),
            "and the direction is clear": shares(clear),
            "and the body is whole": shares([row for row in clear if row["whole"]]),
            "and it covers 100 pixels": shares([row for row in clear if row["whole"] and row["pixels"] >= 100]),
            "and it covers 200 pixels": shares([row for row in clear if row["whole"] and row["pixels"] >= 200]),
            "mistakes where clear": dict(wrong.most_common(8)),
        }
        output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
