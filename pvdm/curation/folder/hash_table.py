"""The hashes of the clips of a catalogue, beside its table, so that other catalogues can be compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pvdm.curation.duplicates.duplicate_search import find_duplicates
from pvdm.curation.duplicates.hashed_clip import HashedClip
from pvdm.curation.folder.catalogue_rows import HASHES, Row
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing

FILE = "hashes.parquet"


def mark_duplicates(rows: Sequence[Row], against: Sequence[Path]) -> None:
    """Names in `duplicate_of` of each row the clip that it repeats and that is kept, if there is one.

    against: Other catalogues, whose clips are all kept. InputError if one has no hashes.
    """
    hashed = [row for row in rows if len(row.get(HASHES, ()))]
    others = [clip for folder in against for clip in read_hashes(folder)]
    for row, kept in zip(hashed, find_duplicates([_hashed(row) for row in hashed], others), strict=True):
        row["duplicate_of"] = kept


def write_hashes(folder: Path, rows: Sequence[Row]) -> None:
    """Writes the file of a catalogue."""
    clips = [_hashed(row) for row in rows if len(row.get(HASHES, ()))]
    table = pa.table(
        {
            "id": pa.array([clip.id for clip in clips], pa.string()),
            HASHES: pa.array([clip.hashes for clip in clips], pa.list_(pa.uint64())),
            "height": pa.array([clip.height for clip in clips], pa.int32()),
            "width": pa.array([clip.width for clip in clips], pa.int32()),
            "seconds": pa.array([clip.seconds for clip in clips], pa.float64()),
        }
    )
    with replacing(folder / FILE, overwrite=True) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_hashes(folder: Path) -> list[HashedClip]:
    """The clips of a catalogue with their hashes, by ids that name the catalogue, too; InputError if there are none."""
    path = folder / FILE
    try:
        columns = pq.read_table(path, partitioning=None).to_pydict()
        clips = zip(*(columns[name] for name in ("id", HASHES, "height", "width", "seconds")), strict=True)
        return [
            HashedClip(f"{folder.resolve().name}/{id_}", np.array(hashes, np.uint64), *rest)
            for id_, hashes, *rest in clips
        ]
    except (OSError, pa.ArrowException, KeyError) as error:
        reason = "there are none" if not path.exists() else "they cannot be read"
        remedy = "give a folder that pvdm curate made, with its step duplicates"
        raise InputError(f"{folder} has no hashes of clips ({reason})", remedy, option="against") from error


def _hashed(row: Row) -> HashedClip:
    return HashedClip(row["id"], row[HASHES], row["height"], row["width"], row["end_seconds"] - row["start_seconds"])
