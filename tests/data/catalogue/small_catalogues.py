"""Catalogues of miniature videos, with spans and scores that a test gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from pvdm.data.catalogue.clip_table import CLIPS, table_of, write_clips
from pvdm.video import probe

Span = tuple[int, int] | tuple[int, int, Mapping[str, Any]]
"""First and last frame, and scores."""


def write_catalogue(folder: Path, root: Path, spans: Mapping[str, Sequence[Span]], **metadata: Any) -> Path:
    """`folder` with the clips of files below `root`, in one piece each; a file without spans cannot be used."""
    rows = [row for file, those in spans.items() for row in _rows(root, file, those)]
    steps = {"steps": {"cuts": {}, "duplicates": {}}}
    folder.mkdir(exist_ok=True)
    write_clips(folder / CLIPS, table_of(rows), {"root": str(root), **steps, **metadata}, overwrite=True)
    return folder


def _rows(root: Path, file: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    if not spans:
        return [{"file": file, "error": f"{file} cannot be decoded"}]
    path = root / file
    info, status = probe(path), path.stat()
    digest = sha256(path.read_bytes()).hexdigest() if path.is_file() else "0" * 64
    of_file = {
        "file": file,
        "fps": info.fps,
        "height": info.height,
        "width": info.width,
        "digest": digest,
        "file_frames": info.frames,
        "file_index": info.index,
        "file_times": info.times,
        "file_size": status.st_size,
        "file_modified": status.st_mtime_ns,
    }
    return [
        {
            **of_file,
            "id": f"{digest[:16]}:{first}-{last}",
            "first_frame": first,
            "last_frame": last,
            "start_seconds": first / (info.fps or 25),
            "end_seconds": (last + 1) / (info.fps or 25),
            "cuts": 0,
            **(scores[0] if scores else {}),
        }
        for first, last, *scores in spans
    ]
