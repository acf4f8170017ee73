"""Small pictures of clips: which clips are shown, and the files of their middle frames."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from PIL import Image

from pvdm.curation.report.report_columns import scores_of, usable
from pvdm.curation.report.score_scales import Scale
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing

MOST_THUMBNAILS = 320
SHORT_SIDE = 160
QUALITY = 75
OWN = re.compile(r"\.?[0-9a-f]{16}_\d+-\d+(@\d+)?(\.\d+)?\.jpg")
"""Names of our files, and of those that a killed run has left."""

logger = logging.getLogger(__name__)


class FramesOfClip(Protocol):
    """What reads the frames of one clip."""

    def at(self, positions: Sequence[float], *, short_side: int | None = None) -> np.ndarray:
        """Frames at positions in [0, 1] of the clip: (n, h, w, 3) uint8 RGB."""


def clips_to_show(table: pa.Table, most: int = MOST_THUMBNAILS) -> pa.Table:
    """At most `most` of the clips, in their order, that lie across the range of every score.

    Half of a score's clips are evenly spaced in rank and half on its scale, so that rare values are among them.
    """
    clips = usable(table)
    if len(clips) <= most:
        return clips
    scores, _ = scores_of(clips)
    across = [_across(score.values, score.scale, most) for score in scores]
    if not across:
        return clips.take(np.linspace(0, len(clips) - 1, most).round().astype(np.int64))
    rows: dict[int, None] = {}
    while len(rows) < most:  # each score in turn names its next one
        for following in across:
            rows[next(row for row in following if row not in rows)] = None
    return clips.take(sorted(list(rows)[:most]))


def _across(values: np.ndarray, scale: Scale, count: int) -> Iterator[int]:
    """All rows, beginning with `count` that are coarsely and then ever more finely spread over a score's range."""
    order = np.argsort(values, kind="stable")
    order = order[: np.isfinite(values).sum()]
    levels = scale.levels(values[order])
    steps = np.linspace(0, len(scale.edges), count)
    by_scale = np.searchsorted(levels, steps).clip(max=len(order) - 1)
    by_rank = np.linspace(0, len(order) - 1, count).round().astype(np.int64)
    for place in _coarse_first(count):
        yield int(order[by_rank[place]])
        yield int(order[by_scale[place]])
    yield from range(len(values))


def _coarse_first(count: int) -> list[int]:
    """0 ... count - 1: the ends, the middle, the quarters, and so on."""
    places = dict.fromkeys([0, count - 1])
    step = count
    while step > 1:
        step = -(-step // 2)
        places |= dict.fromkeys(range(step, count, step))
    return list(places)


def thumbnail_name(clip: str) -> str:
    """The name of the file for a clip's `id`."""
    return f"{clip.replace(':', '_')}.jpg"


def write_thumbnails(
    table: pa.Table,
    folder: Path,
    frames: Callable[[Mapping[str, Any]], FramesOfClip],
    *,
    most: int = MOST_THUMBNAILS,
) -> dict[str, Path]:
    """Writes the middle frames of `clips_to_show` as JPEG, and returns their files by the `id` of the clip.

    Those that are there already are kept; thumbnails of other clips are deleted. Clips that cannot be read have none.

    Args:
        table: The clips.
        folder: Where the pictures go.
        frames: Opens a clip, given the row of the table.
        most: The largest number of pictures.
    """
    found = {}
    for row in clips_to_show(table, most).to_pylist():
        path = folder / thumbnail_name(row["id"])
        if not path.is_file():
            try:
                picture = frames(row).at([0.5], short_side=SHORT_SIDE)[0]
            except InputError as error:
                logger.warning("no thumbnail of %s: %s", row["id"], error)
                continue
            _write(path, picture)
        found[row["id"]] = path
    wanted = {path.name for path in found.values()}
    for path in folder.glob("*.jpg") if folder.is_dir() else ():
        if OWN.fullmatch(path.name) and path.name not in wanted:
            path.unlink()
    return found


def _write(path: Path, picture: np.ndarray) -> None:
    """picture: (h, w, 3) uint8."""
    with replacing(path, overwrite=True) as temporary:
        Image.fromarray(picture).save(temporary, "JPEG", quality=QUALITY)
