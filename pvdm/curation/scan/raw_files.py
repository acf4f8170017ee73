"""The video files of a heap: what is known of each before it is decoded."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.curation.ledger import Entry, Ledger
from pvdm.data import find_videos
from pvdm.errors import InputError
from pvdm.video import VideoInfo, probe
from pvdm.video.reader import is_series

VERSION = 1
ASSUMED_RATE = 25.0
"""Frames per second of a file that records none."""


@dataclass(frozen=True)
class RawFile:
    """A video file of a heap.

    Args:
        file: Its path below the root, with slashes.
        size, modified: Bytes, and nanoseconds since the epoch.
        digest: SHA-256 of its content, hexadecimal.
        info: What `probe` says.
    """

    file: str
    size: int
    modified: int
    digest: str
    info: VideoInfo

    @property
    def seconds(self) -> np.ndarray:
        """The time of each frame: (frames,) float64, from 0."""
        if timeline := self.info.timeline:
            return timeline.seconds
        return np.arange(self.info.frames) / (self.info.fps or ASSUMED_RATE)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.info.frames / (self.info.fps or ASSUMED_RATE)


def list_files(root: Path) -> tuple[list[str], dict[str, str]]:
    """The video files below a folder, at any depth, sorted: paths below it, with slashes.

    Also subfolders that cannot be listed, and why. Folders of frames are no files. InputError if the folder is missing
    or holds no video file.
    """
    refused: dict[str, str] = {}

    def refuse(error: OSError) -> None:
        path = Path(error.filename)
        refused[path.relative_to(root).as_posix()] = f"the folder {path} cannot be read ({error.strerror})"

    try:
        files = [
            path.relative_to(root).as_posix() for path in find_videos(root, unreadable=refuse) if _has_packets(path)
        ]
    except InputError as error:
        if not refused:
            raise
        raise InputError(refused[min(refused)], "fix its permissions") from error
    if not files:
        raise InputError(f"{root} holds folders of frames or image series alone", "give a folder of video files")
    return files, refused


def _has_packets(path: Path) -> bool:
    """Whether a video is one that curation decodes: no folder of frames, and no image series.

    So is what cannot be looked at, since its folder's permissions forbid that.
    """
    try:
        return not path.is_dir() and not is_series(path)
    except OSError:
        return True


def is_text(name: str) -> bool:
    """Whether a file's name is valid UTF-8, which a table needs."""
    return name == shown(name)


def shown(name: str) -> str:
    """A file's name with bytes that are not UTF-8 as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def known_file(ledger: Ledger, root: Path, file: str) -> RawFile | None:
    """What the ledger says of a file that has not changed since, else None."""
    try:
        settings = _settings(root / file)
    except OSError:
        return None
    entry = ledger.get(_key(file), settings)
    if entry is None:
        return None
    return RawFile(
        file, settings["size"], settings["modified"], entry.values["digest"], VideoInfo(**entry.values["info"])
    )


def study_file(ledger: Ledger, root: Path, file: str) -> None:
    """Probes and hashes a file, and notes the result; InputError if it is no video that can be read."""
    path = root / file
    try:
        settings = _settings(path)
        if not path.is_file():
            raise InputError(f"{path} is no file", "move it away")
        info = probe(path)
        digest = _digest(path)
        if _settings(path) != settings:
            raise _changed(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})", "check it") from error
    ledger.put(_key(file), settings, Entry({"digest": digest, "info": asdict(info)}))


def check_unchanged(root: Path, file: RawFile) -> None:
    """InputError if a file is not what it was when it was hashed, so that what was read since may be of another."""
    path = root / file.file
    try:
        settings = _settings(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})", "check it") from error
    if (settings["size"], settings["modified"]) != (file.size, file.modified):
        raise _changed(path)


def _changed(path: Path) -> InputError:
    return InputError(f"{path} changed while it was read", "run the same command again")


def _settings(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"version": VERSION, "size": status.st_size, "modified": status.st_mtime_ns}


def _key(file: str) -> str:
    name = hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()
    return f"files/{name[:2]}/{name}"


def _digest(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            state.update(part)
    return state.hexdigest()
