"""Measures the step `text`: how well it tells burnt-in phrases from none, its false alarms, and its speed.

    python measure_text.py DATA [OUTPUT.json]

DATA holds folders of videos: signs, with a table captions.csv whose column `overlay` is `caption_text` where a phrase
is burnt in; UCF-101 and weizmann, which have hardly any text; and captioned, of 640x360, for the speed.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.steps.text_area import TextStep
from pvdm.video import probe
from pvdm.video.suffixes import VIDEO_SUFFIXES

SVD_THRESHOLD = 0.07
EXAMPLES = 12


def scored(step: TextStep, paths: Iterable[Path], root: Path) -> list[dict[str, Any]]:
    """The columns of whole files, with the duration of each and the CPU seconds it took."""
    rows = []
    for path in paths:
        info = probe(path)
        clip = ClipFrames(path, info, 0, info.frames - 1, path.relative_to(root).as_posix())
        start = process_time()
        columns = step.score(clip)
        seconds = info.frames / (info.fps or 25)
        rows.append({"file": clip.file, **columns, "seconds": seconds, "cpu": process_time() - start})
    return rows


def videos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """The share of pairs in which the positive one is greater; ties count half."""
    differences = np.subtract.outer(positive, negative)
    return float((differences > 0).mean() + 0.5 * (differences == 0).mean())


def signs(step: TextStep, folder: Path) -> dict[str, Any]:
    """Burnt-in phrases against clips with a logo, a web address or nothing."""
    with (folder / "captions.csv").open(encoding="utf-8") as table:
        overlays = {row["file"]: row["overlay"] for row in csv.DictReader(table)}
    rows = scored(step, [folder / file for file in overlays], folder)
    areas = np.array([row["text_area"] for row in rows])
    both = areas + np.array([row["watermark_area"] for row in rows])
    burnt_in = np.array([overlay == "caption_text" for overlay in overlays.values()])
    return {
        "clips": len(rows),
        "with_phrases": int(burnt_in.sum()),
        "area_under_curve": area_under_curve(areas[burnt_in], areas[~burnt_in]),
        "area_under_curve_if_watermarks_counted": area_under_curve(both[burnt_in], both[~burnt_in]),
        "least_with_phrase": float(areas[burnt_in].min()),
        "greatest_without": float(areas[~burnt_in].max()),
        **speed(rows),
    }


def alarms(step: TextStep, folder: Path, examples: int) -> dict[str, Any]:
    """How many clips of a folder have text, and examples, those with most of it first."""
    rows = scored(step, videos(folder), folder)
    rows.sort(key=lambda row: -row["text_area"])
    found = [row for row in rows if row["text_area"] > 0]
    return {
        "clips": len(rows),
        "with_text": len(found),
        "above_0.07": sum(row["text_area"] > SVD_THRESHOLD for row in rows),
        "most": [{key: row[key] for key in ("file", "text_area", "text")} for row in found[:examples]],
        **speed(rows),
    }


def speed(rows: list[dict[str, Any]]) -> dict[str, float]:
    """CPU time of a clip, and how much faster than its duration that is."""
    cpu, seconds = (sum(row[key] for row in rows) for key in ("cpu", "seconds"))
    return {"mean_seconds": seconds / len(rows), "mean_cpu_seconds": cpu / len(rows), "times_real_time": seconds / cpu}


def main(data: str, output: str | None = None) -> None:
    step = TextStep()
    step.check()
    step.read(np.zeros((32, 32, 3), np.uint8))  # loads the networks
    figures = {"settings": step.settings(), "signs": signs(step, Path(data, "signs"))}
    for name, examples in (("UCF-101", EXAMPLES), ("weizmann", EXAMPLES), ("captioned", 0)):
        if Path(data, name).is_dir():
            figures[name] = alarms(step, Path(data, name), examples)
    text = json.dumps(figures, indent=1, ensure_ascii=False)
    print(text)
    if output:
        Path(output).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
