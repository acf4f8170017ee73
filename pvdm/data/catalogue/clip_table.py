"""The table of curated clips, a Parquet file: one row is a clip, which is a span of frames of a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing

CLIPS = "clips.parquet"
"""Name of the table in the folder of a catalogue."""

FORMAT, VERSION = "pvdm-catalogue", 1
MOST_SHARED = 1 << 30
"""Bytes of distinct texts of a column up to which each is stored once."""
KEY = b"pvdm"
"""Of our metadata in those of the file."""

SPAN = {
    "id": pa.string(),
    "file": pa.string(),
    "first_frame": pa.int64(),
    "last_frame": pa.int64(),
    "start_seconds": pa.float64(),
    "end_seconds": pa.float64(),
    "fps": pa.float64(),
    "height": pa.int32(),
    "width": pa.int32(),
    "digest": pa.string(),
}
"""What identifies a clip. `file` is a POSIX path below the root, frames count from 0, and `last_frame` belongs to the
clip. `fps`, `height` and `width` are the file's, as displayed; `digest` is the SHA-256 of the file."""

SHARED = pa.dictionary(pa.int32(), pa.string())
"""Long texts that all clips of a file have in common, stored once."""

FILE_FACTS = {
    "file_frames": pa.int64(),
    "file_index": SHARED,
    "file_times": SHARED,
    "file_size": pa.int64(),
    "file_modified": pa.int64(),
}
"""What training needs to know of a file without opening it: frames, `VideoInfo.index` and `VideoInfo.times`, bytes, and
the time of the last change in nanoseconds (`st_mtime_ns`)."""

SCORES = {
    "cuts": pa.int32(),
    "motion": pa.float32(),
    "static": pa.float32(),
    "frozen": pa.float32(),
    "shake": pa.float32(),
    "kind": pa.string(),
    "text_area": pa.float32(),
    "text": pa.string(),
    "brightness": pa.float32(),
    "contrast": pa.float32(),
    "sharpness": pa.float32(),
    "blocking": pa.float32(),
    "colorfulness": pa.float32(),
    "crop_top": pa.int32(),
    "crop_bottom": pa.int32(),
    "crop_left": pa.int32(),
    "crop_right": pa.int32(),
    "variable_rate": pa.bool_(),
    "duplicate_of": pa.string(),
    "captions": pa.list_(pa.string()),
    "error": pa.string(),
}
"""What the steps of curation say of a clip, null where they say nothing; other columns may follow."""

COLUMNS: dict[str, pa.DataType] = {**SPAN, **SCORES, **FILE_FACTS}
"""The columns that every table has, and their types."""

REQUIRED = ("id", "file", "first_frame", "last_frame", "fps", "height", "width", "error", *FILE_FACTS)
"""Columns without which a table is not a catalogue."""


@dataclass(frozen=True)
class ClipTable:
    """The clips of a catalogue or of a selection.

    Args:
        table: A row for each clip, and one with `error` and no span for each file that cannot be used.
        metadata: JSON-able: `format`, `version`, `root`, `steps` with their settings, and of a selection `selection`
            with `where`, `preset`, `of` and `kept`.
        path: The file that it was read from.
    """

    table: pa.Table
    metadata: Mapping[str, Any]
    path: Path

    def __len__(self) -> int:
        return self.table.num_rows

    @property
    def root(self) -> Path:
        """The folder that `file` is relative to; itself relative to the table's folder if it is not absolute."""
        return self.path.parent / self.metadata["root"]

    @property
    def selection(self) -> Mapping[str, Any] | None:
        """What these clips were selected by; None for a whole catalogue."""
        return self.metadata.get("selection")

    def values(self, name: str) -> list[Any]:
        """The values of a column; of a text that clips share there is one object."""
        column = self.table.column(name)
        if not pa.types.is_dictionary(column.type):
            return column.to_pylist()
        values: list[Any] = []
        for chunk in column.chunks:
            texts = chunk.dictionary.to_pylist()
            values += [None if place is None else texts[place] for place in chunk.indices.to_pylist()]
        return values

    def having(self, table: pa.Table, **metadata: Any) -> ClipTable:
        """The same with another table, and with these metadata changed."""
        return replace(self, table=table, metadata={**self.metadata, **metadata})


def table_of(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str | pa.DataType] | None = None) -> pa.Table:
    """A table with all of `COLUMNS`, null where a row lacks a value, and then the other columns of the rows.

    types: The types of other columns, or their names (see `column_type`); those not given are inferred.
    """
    given = {name: column_type(kind) if isinstance(kind, str) else kind for name, kind in (types or {}).items()}
    known = {**COLUMNS, **{name: kind for name, kind in given.items() if name not in COLUMNS}}
    inferred = dict.fromkeys(name for row in rows for name in row if name not in known)
    columns = {name: known.get(name) for name in (*known, *inferred)}
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in columns.items()})


def column_type(name: str) -> pa.DataType:
    """The type that a name such as "float32", "string" or "list<string>" stands for; `InputError` for any other."""
    try:
        if name.startswith("list<") and name.endswith(">"):
            return pa.list_(column_type(name[5:-1]))
        return pa.type_for_alias(name)
    except ValueError as error:
        raise InputError(f"{name} is not the type of a column", "give one such as float32, int64 or string") from error


def table_path(path: Path) -> Path:
    """The table's file: of a catalogue's folder the one in it, else the path itself."""
    return path / CLIPS if path.is_dir() else path


def write_clips(path: Path, table: pa.Table, metadata: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Writes a table in one step, so that it is never half there.

    metadata: See `ClipTable`; `format` and `version` are added. `InputError` if the file exists and must not be
    overwritten, or cannot be written.
    """
    own = {**metadata, "format": FORMAT, "version": VERSION}
    table = table.replace_schema_metadata({KEY: json.dumps(own, sort_keys=True).encode()})
    with replacing(path, overwrite=overwrite) as temporary:
        pq.write_table(table, temporary, compression="zstd", dictionary_pagesize_limit=MOST_SHARED)


def read_clips(path: str | Path) -> ClipTable:
    """The table of a catalogue's folder, or in a file; `InputError` if there is none, or it is of another kind."""
    path = table_path(Path(path))
    if not path.is_file():
        raise InputError(
            f"there is no catalogue {path}", "give the output of pvdm curate, or a selection of pvdm select"
        )
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged, or no Parquet"
        remedy = "give the output of pvdm curate, or make it again"
        raise InputError(f"{path} cannot be read as a catalogue ({reason})", remedy) from error
    metadata = _metadata(path, (table.schema.metadata or {}).get(KEY, b""))
    return ClipTable(_typed(path, table).replace_schema_metadata(None), metadata, path)


def missing_columns(names: Iterable[str]) -> list[str]:
    """Those of `REQUIRED` that are not among some columns."""
    present = set(names)
    return [name for name in REQUIRED if name not in present]


def _metadata(path: Path, text: bytes) -> dict[str, Any]:
    """InputError unless they are those of a catalogue that this version can read."""
    try:
        metadata = json.loads(text)
        kind, version, root = metadata["format"], metadata["version"], metadata["root"]
    except (ValueError, TypeError, KeyError):
        kind, version, root = None, None, None
    if kind != FORMAT or not isinstance(root, str):
        remedy = "give the output of pvdm curate, or a selection of pvdm select"
        raise InputError(f"{path} is a Parquet file, but not a catalogue of clips", remedy)
    if version != VERSION:
        problem = f"{path} is a catalogue of version {version}, and this pvdm reads version {VERSION}"
        raise InputError(problem, "make it again with pvdm curate, or use the pvdm that made it")
    return metadata


def _typed(path: Path, table: pa.Table) -> pa.Table:
    """The table with our types of our columns; InputError if one is missing or has values of another kind."""
    if missing := missing_columns(table.column_names):
        problem = f"{path} has no column {missing[0]}, which a catalogue has"
        raise InputError(problem, "keep all columns of pvdm curate, or make it again")
    for name, kind in COLUMNS.items():
        place = table.schema.get_field_index(name)
        if place < 0 or table.schema.field(place).type == kind:
            continue
        try:
            own = table.column(place)
            own = own.cast(pa.string()).dictionary_encode() if kind == SHARED else own.cast(kind)
            table = table.set_column(place, name, own)
        except pa.ArrowException as error:
            problem = f"the column {name} of {path} is of type {table.schema.field(place).type}, not {kind}"
            raise InputError(problem, "keep the columns as pvdm curate writes them") from error
    return table
