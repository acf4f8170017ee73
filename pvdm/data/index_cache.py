"""The index of a data set on disk, so that the next training does not open every file again."""

from __future__ import annotations

import json
import logging
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from pvdm.data.scenes.scene_videos import VERSION, is_scene
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing
from pvdm.video import VideoInfo
from pvdm.video.timeline import timeline

FORMAT = 4  # changes with the content of the file and with the checks before a video is put into it

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """`$PVDM_CACHE`, or else `pvdm` below `$XDG_CACHE_HOME` or `~/.cache`; RuntimeError if there is no home either."""
    own = os.environ.get("PVDM_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pvdm"


class IndexCache:
    """What is known of videos, by path, as long as a video's mark (from its size and time) stays the same.

    path: A JSON file; a missing or damaged one, or one of another format, counts as empty. None: nothing is stored.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known = _load(path)
        self._changed = False

    @classmethod
    def of(cls, root: Path) -> IndexCache:
        """The cache of the data set in a folder, a file for each folder. Without a home directory nothing is stored."""
        root = Path(root).absolute()
        name = sha256(os.fsencode(root)).hexdigest()[:12]
        try:
            folder = cache_folder()
        except RuntimeError:
            logger.info(
                "the index of the videos is not stored: this user has no home directory; PVDM_CACHE can name a folder"
            )
            return cls(None)
        return cls(folder / "index" / f"{root.name}-{name}.json")

    @staticmethod
    def mark(path: Path) -> str:
        """Changes with the size or time of a file, or of a frame in a folder; `OSError` if there is no such file.

        That of a scene changes with the pixels of scenes.
        """
        if is_scene(path):
            return f"scenes {VERSION}"
        if not path.is_dir():
            return _stamp(path.stat())
        with os.scandir(path) as entries:
            frames = sorted(f"{entry.name} {_stamp(entry.stat())}" for entry in entries)
        return sha256(os.fsencode("\n".join(frames))).hexdigest()[:32]

    def get(self, path: Path, mark: str) -> VideoInfo | None:
        """The entry of this path, if it was stored with this mark."""
        entry = self._known.get(str(path.absolute()))
        return entry[1] if entry and entry[0] == mark else None

    def put(self, path: Path, mark: str, info: VideoInfo) -> None:
        """Stores an entry, which `save` writes; safe to call from several threads."""
        key, entry = str(path.absolute()), (mark, info)
        if self._known.get(key) != entry:
            self._known[key] = entry
            self._changed = True

    def save(self) -> None:
        """Writes new entries, without those of deleted files; logs a line if the folder cannot be written."""
        if self.path is None or not self._changed:
            return
        self._known = {path: known for path, known in self._known.items() if Path(path).exists()}
        videos = {path: {"mark": mark, **_facts(info)} for path, (mark, info) in self._known.items()}
        try:
            with replacing(self.path, overwrite=True) as temporary:
                temporary.write_text(json.dumps({"format": FORMAT, "videos": videos}), encoding="utf-8")
        except InputError as error:
            logger.info("the index of the videos is not stored: %s", error)
        self._changed = False


def _load(path: Path | None) -> dict[str, tuple[str, VideoInfo]]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8")) if path else {"format": None}
        if stored["format"] != FORMAT:
            return {}
        return {video: _entry(**values) for video, values in stored["videos"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _entry(
    mark: str, frames: int, height: int, width: int, fps: float | None, index: str | None, times: str | None
) -> tuple[str, VideoInfo]:
    """An entry as `save` wrote it; TypeError or ValueError if it is not one."""
    info = VideoInfo(int(frames), int(height), int(width), None if fps is None else float(fps), index, times)
    if min(info.frames, info.height, info.width) < 1 or (times and len(timeline(times).seconds) != info.frames):
        raise ValueError(f"{info} is no video")
    return str(mark), info


def _facts(info: VideoInfo) -> dict[str, Any]:
    """What `_entry` takes, of a whole video."""
    return {name: value for name, value in vars(info).items() if name != "first_frame"}


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"
