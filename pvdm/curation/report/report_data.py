"""What the report of a catalogue carries: columns in few bytes for its script, and figures for its text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pvdm.curation.report.report_columns import Category, Score, categories_of, numbers, scores_of, usable
from pvdm.curation.report.score_words import words_of
from pvdm.data.catalogue.selection import seconds_of
from pvdm.files.web_page import data_uri

MOST_CLIPS = 200_000
"""Clips that a page counts one by one; of more it has a sample."""

EVERYTHING = "not error"
"""The expression that every clip passes; without any, `pvdm select` applies its default."""

MOST_FILES = 200
"""Files that could not be used and are listed."""

MEANS = {"cuts": "Unsure cuts a clip", "motion": "Motion, mean", "text_area": "Text area, mean"}
"""Columns whose means before and after are compared."""


def script_data(table: pa.Table, thumbnails: Mapping[str, Path], command: str) -> dict[str, Any]:
    """All that the page's script needs, JSON-able.

    Args:
        table: Clips and unusable files.
        thumbnails: JPEG files by the `id` of the clip.
        command: What the expression is put behind.
    """
    clips = usable(table)
    scores, _ = scores_of(clips)
    shown = np.flatnonzero(pc.is_in(clips["id"], pa.array(list(thumbnails), pa.string())).to_numpy(False))
    rows = _sample(len(clips), shown)
    means = {name: numbers(clips, name)[rows] for name in MEANS}
    return {
        "clips": len(rows),
        "of": len(clips),
        "hours": float(seconds_of(clips).sum() / 3600),
        "command": command,
        "everything": EVERYTHING,
        "compared": list(MEANS),
        "seconds": _packed(seconds_of(clips)[rows], np.float32),
        "means": {name: _packed(values, np.float32) for name, values in means.items() if np.isfinite(values).any()},
        "scores": [_score(place, score, rows) for place, score in enumerate(scores)],
        "categories": [_category(category, rows) for category in categories_of(clips)],
        "thumbnails": _thumbnails(clips.take(shown), scores, shown, np.searchsorted(rows, shown), thumbnails),
    }


def _sample(count: int, shown: np.ndarray) -> np.ndarray:
    """The rows that the page has: all, or by chance, but those that are shown in any case."""
    if count <= MOST_CLIPS:
        return np.arange(count)
    chosen = np.random.default_rng(0).choice(count, MOST_CLIPS, replace=False)
    return np.union1d(chosen, shown)


def _packed(values: np.ndarray, kind: type) -> str:
    """Values as base64 of little-endian numbers."""
    return base64.b64encode(values.astype(np.dtype(kind).newbyteorder("<")).tobytes()).decode()


def _score(place: int, score: Score, rows: np.ndarray) -> dict[str, Any]:
    words = words_of(score.name)
    return {
        "place": place,
        "name": score.name,
        "group": words.group,
        "title": words.title,
        "isWhole": score.whole,
        "edges": score.scale.labels,
        "ends": [f"{np.nanmin(score.values):.3g}", f"{np.nanmax(score.values):.3g}"],
        "levels": _packed(score.scale.levels(score.values)[rows], np.uint8),
    }


def _category(category: Category, rows: np.ndarray) -> dict[str, Any]:
    return {
        "name": category.name,
        "choices": [choice._asdict() for choice in category.choices],
        "codes": _packed(category.codes[rows], np.uint8),
    }


def _thumbnails(
    clips: pa.Table, scores: list[Score], shown: np.ndarray, places: np.ndarray, files: Mapping[str, Path]
) -> list[dict[str, Any]]:
    """Of each clip the picture, its row on the page, what it is called, and its values by score."""
    facts = clips.select(["id", "file", "start_seconds", "end_seconds"]).to_pylist()
    return [
        {
            "row": int(place),
            "src": data_uri(files[fact["id"]].read_bytes(), "image/jpeg"),
            "file": fact["file"],
            "span": _span(fact["start_seconds"], fact["end_seconds"]),
            "values": [None if np.isnan(value) else _short(value) for value in (s.values[row] for s in scores)],
        }
        for fact, row, place in zip(facts, shown, places, strict=True)
    ]


def _span(start: float | None, end: float | None) -> str:
    """The times of a clip in its file, as in 1:02.5–1:07."""
    return "" if start is None or end is None else f"{_clock(start)}–{_clock(end)}"


def _clock(seconds: float) -> str:
    minutes, tenths = divmod(round(seconds * 10), 600)
    return f"{minutes}:{tenths / 10:04.1f}".removesuffix(".0")


def _short(value: float) -> str:
    """A value with at least as many digits as thresholds have, so that it is seen on which side of one it lies."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"


def summary(table: pa.Table) -> dict[str, Any]:
    """The figures at the top of the page, the table of before and after, and the files that cannot be used."""
    clips = usable(table)
    seconds = seconds_of(clips)
    failed = table.filter(pc.is_valid(table["error"])).select(["file", "error"])
    _, left_out = scores_of(clips)
    return {
        "clips": len(clips),
        "hours": seconds.sum() / 3600,
        "mean_seconds": float(seconds.mean()) if len(clips) else 0.0,
        "files": pc.count_distinct(clips["file"]).as_py(),
        "failed": failed.slice(0, MOST_FILES).to_pylist(),
        "failed_count": len(failed),
        "left_out": {words_of(name).title: reason for name, reason in left_out.items()},
        "means": {title: _mean(numbers(clips, name)) for name, title in MEANS.items()},
        "sampled": len(clips) > MOST_CLIPS,
    }


def _mean(values: np.ndarray) -> float | None:
    """Of those that are measured; None if none is."""
    found = values[np.isfinite(values)]
    return float(found.mean()) if len(found) else None
