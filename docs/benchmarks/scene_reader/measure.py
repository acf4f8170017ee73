"""Measures how often scenes are read as they are, on clips that no network was trained on.

OMP_NUM_THREADS=1 python docs/benchmarks/scene_reader/measure.py 1000 figures.json "any scene"
OMP_NUM_THREADS=1 python docs/benchmarks/scene_reader/measure.py 400 figures.json "one body, still camera"

Of each clip the body that covers most is judged. A direction is right if it is one that the body has when thresholds
change by a quarter (`BodyFacts.also`); `exactly` takes the one direction alone. Intervals are Wilson's of 95 %.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from pvdm.data.scenes import RenderedScene, scene
from pvdm.evaluation.scene_reading import agreement, agreements, read_bodies

SEEDS = (2_000_003, 2_100_011, 2_200_013, 2_300_023)
KINDS = {
    "any scene": {},
    "one body, still camera": {"bodies": 1, "camera": "still"},
    "one body": {"bodies": 1},
    "two bodies": {"bodies": 2},
}
PROPERTIES = ("color", "shape", "place", "direction", "together")


def judge(made: RenderedScene) -> dict | None:
    """What is read of the largest body, whether that is right, and what kind of clip it is; None if none is seen."""
    facts, readings = made.facts, read_bodies(made.frames)
    if not facts:
        return None
    right = agreements(readings, facts)[0]
    exact = agreements(readings, [replace(body, also=()) for body in facts])[0]
    read = next((each for each in readings if agreement(each, facts[0]) == right), None)
    told = agreements(readings[:1], made.caption.partition(",")[0]) if len(facts) == 1 else []
    return {
        **{name: getattr(right, name) for name in PROPERTIES},
        "direction exactly": exact.direction,
        "together exactly": exact.together,
        **({"caption": all(each.together for each in told)} if told else {}),
        "clear": facts[0].is_clear and facts[0].is_whole,
        "pixels": facts[0].area * made.height * made.width,
        "mistakes": [
            f"{name}: {getattr(facts[0], name)} read as {getattr(read, name, None)}"
            for name in ("color", "shape", "direction")
            if not getattr(right, name)
        ],
    }


def shares(rows: list[dict]) -> dict:
    """The share of clips on which each property is right, and the interval of that on which all are."""
    found: dict = {"clips": len(rows)}
    for name in (*PROPERTIES, "direction exactly", "together exactly", "caption"):
        right = [row[name] for row in rows if name in row]
        if right:
            found[name] = round(sum(right) / len(right), 4)
    return found | {"together, from to": interval(sum(row["together"] for row in rows), len(rows))}


def interval(right: int, count: int) -> list[float]:
    """Wilson's interval of 95 % of a share."""
    share, z = right / max(1, count), 1.96
    middle, scale = share + z * z / (2 * count), 1 + z * z / count
    half = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return [round((middle - half) / scale, 4), round((middle + half) / scale, 4)]


def clips_of(count: int, options: dict) -> Iterator[RenderedScene]:
    """So many clips, of each seed equally many."""
    for seed in SEEDS:
        for number in range(-(-count // len(SEEDS))):
            yield scene(seed, number, start=number * 37 % 85, **options)


def main() -> None:
    torch.set_num_threads(1)
    count, output = int(sys.argv[1]), Path(sys.argv[2])
    figures = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
    for name in sys.argv[3:] or KINDS:
        rows = [row for row in map(judge, clips_of(count, KINDS[name])) if row]
        figures[name] = {
            "all": shares(rows),
            "clear": shares([row for row in rows if row["clear"]]),
            "100 pixels or more": shares([row for row in rows if row["pixels"] >= 100]),
            "mistakes": dict(Counter(mistake for row in rows for mistake in row["mistakes"]).most_common()),
        }
        output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
