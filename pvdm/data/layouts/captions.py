"""Captions of videos: in a table of the data set, or in files beside the videos."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from pvdm.data.index import Index
from pvdm.data.layouts.splits import Entry
from pvdm.errors import InputError

TABLE = "captions.csv"
FILE, CAPTION = "file", "caption"
"""Columns of the table; others are ignored."""

WORD = re.compile(r"[^\W_]+")


class FoundCaptions(NamedTuple):
    """An index whose videos have their captions, how many have one, and the table's files that are no videos of it."""

    index: Index
    captioned: int
    unknown: list[str]


def with_captions(index: Index, root: Path) -> FoundCaptions:
    """Adds the captions below a data set's folder to its videos.

    `captions.csv` has the columns `file`, relative to the folder, and `caption`; a file may have several rows. Beside
    `clip.mp4` there may be `clip.txt`, with a caption on each line, or `clip.json`, with `caption` or `captions`.
    `InputError` for a file that cannot be read as that, and if no video has a caption.
    """
    table = read_table(root)
    videos = [replace(video, captions=tuple(captions_of(video.path, root, table))) for video in index.videos]
    captioned = sum(bool(video.captions) for video in videos)
    if not captioned:
        remedy = f"put {TABLE} into it, or files such as clip.txt beside its videos, or set data.captions false"
        raise InputError(f"none of the {len(videos)} videos of {root} has a caption", remedy)
    known = {*(_name(video.path, root) for video in videos), *(_name(bad.path, root) for bad in index.bad)}
    return FoundCaptions(Index(videos, index.bad), captioned, sorted(table.keys() - known))


def with_known_captions(index: Index, entries: Iterable[Entry], root: Path) -> FoundCaptions:
    """Adds the captions that a catalogue has of its clips; `InputError` if it has none."""
    known = {entry.key: entry.known.captions for entry in entries if entry.known}
    videos = [replace(video, captions=known[video.key]) for video in index.videos]
    captioned = sum(bool(video.captions) for video in videos)
    if not captioned:
        remedy = "make some with pvdm curate --steps captions, or set data.captions false"
        raise InputError(f"none of the {len(videos)} clips of {root} has a caption", remedy)
    return FoundCaptions(Index(videos, index.bad), captioned, [])


def captions_of(video: Path, root: Path, table: Mapping[str, Sequence[str]]) -> list[str]:
    """The captions of a video below a data set's folder: its table's, see `read_table`, and those beside the video."""
    texts = [*table.get(_name(video, root), ()), *_beside(video)]
    return [" ".join(text.split()) for text in texts if text.strip()]


def read_table(root: Path) -> dict[str, list[str]]:
    """The captions of each file in the table of a data set's folder; empty without one. Errors: see `with_captions`."""
    path = root / TABLE
    if not path.is_file():
        return {}
    captions: dict[str, list[str]] = {}
    try:
        rows = csv.DictReader(StringIO(_text(path), newline=""))
        if missing := {FILE, CAPTION} - set(rows.fieldnames or ()):
            raise InputError(f"{path} has no column {sorted(missing)[0]}", f"give it the columns {FILE} and {CAPTION}")
        for row in rows:
            captions.setdefault(Path(row[FILE] or "").as_posix(), []).append(row[CAPTION] or "")
    except csv.Error as error:
        raise InputError(f"{path} is not a table of comma-separated values ({error})", "mend it") from error
    return captions


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return WORD.findall(text.lower())


def vocabulary(texts: Iterable[str]) -> tuple[str, ...]:
    """All words of some texts, in alphabetical order."""
    return tuple(sorted({word for text in texts for word in words_of(text)}))


def _name(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _text(path: Path) -> str:
    """The content of a file; InputError if it cannot be read as UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise InputError(f"the captions in {path} cannot be read ({reason})", "save it as UTF-8 text") from error


def _beside(video: Path) -> Sequence[str]:
    """The captions of the files beside a video."""
    text, data = video.with_suffix(".txt"), video.with_suffix(".json")
    texts = _text(text).splitlines() if text.is_file() else []
    return [*texts, *(_of_json(data) if data.is_file() else ())]


def _of_json(path: Path) -> Sequence[str]:
    try:
        content: Any = json.loads(_text(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error})", "mend it, or remove it") from error
    if not isinstance(content, dict):
        return ()
    found = content.get("captions", content.get(CAPTION, ()))
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        problem = f"{path} holds captions that are no texts"
        raise InputError(problem, 'give "caption": "..." or "captions": ["...", ...]')
    return texts
