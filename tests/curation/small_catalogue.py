"""A made-up catalogue: scores that are drawn at random, and pictures whose brightness is a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.data.catalogue.clip_table import ClipTable, table_of

METADATA = {"format": "pvdm-catalogue", "version": 1, "root": "videos", "steps": {}}
BROKEN = {"file": "broken <1>.mp4", "error": "the file is empty; copy it again"}


def clip(index: int, random: np.random.Generator) -> dict[str, Any]:
    """The row of one clip of 2 to 12 seconds."""
    first, frames = int(random.integers(0, 500)), int(random.integers(50, 300))
    return {
        "id": f"{index:016x}:{first}-{first + frames - 1}",
        "file": f"folder/video {index // 3}.mp4",
        "first_frame": first,
        "last_frame": first + frames - 1,
        "start_seconds": first / 25,
        "end_seconds": (first + frames) / 25,
        "fps": 25.0,
        "height": int(random.choice([360, 720])),
        "width": 640,
        "cuts": int(random.random() < 0.1),
        "motion": float(random.lognormal(0.5, 1.3)),
        "text_area": float(max(0.0, random.normal(0, 0.1))),
        "brightness": float(random.random()),
        "sharpness": None if index % 10 == 0 else float(random.lognormal(5, 1)),
        "kind": ("video", "still", 'say "x"', None)[int(random.choice(4, p=[0.7, 0.1, 0.1, 0.1]))],
        "variable_rate": bool(index % 2),
        "duplicate_of": f"{0:016x}:1-2" if random.random() < 0.1 else None,
        "beauty": int(random.integers(0, 11)) / 10,
    }


def catalogue(folder: Path, count: int, *, seed: int = 0) -> ClipTable:
    """The catalogue of `count` clips and one file that cannot be used."""
    random = np.random.default_rng(seed)
    rows = [clip(index, random) for index in range(count)]
    return ClipTable(table_of([*rows, BROKEN], {"beauty": "float32"}), METADATA, folder / "clips.parquet")


class Plain:
    """Frames of one gray, by the clip's brightness."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.gray = round(255 * row["brightness"])

    def at(self, positions: Sequence[float], *, short_side: int | None = None) -> np.ndarray:
        return np.full((len(positions), short_side or 90, (short_side or 90) * 16 // 9, 3), self.gray, np.uint8)
