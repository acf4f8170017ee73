"""The index of a data set on disk, so that the second start of a training need not open every file."""

from __future__ import annotations

import json
import logging
import os
from hashlib import sha256
from pathlib import Path

from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing
from pvdm.video import VideoInfo

FORMAT = 4  # of the file, and of what is checked before a video is put into it

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """`$PVDM_CACHE`, or else `pvdm` below `$XDG_CACHE_HOME` or `~/.cache`; RuntimeError if there is no home either."""
    own = os.environ.get("PVDM_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pvdm"


class IndexCache:
    """What is known of videos, by path, as long as a video's mark (of its size and time) is the same.

    path: a JSON file; one that is absent, damaged or of another format counts as empty. None: nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known = _load(path)
        self._changed = False

    @classmethod
    def of(cls, root: Path) -> IndexCache:
        """The cache of the data set in a folder; every folder has a file of its own. Nothing is kept without a home."""
        root = Path(root).absolute()
        name = sha256(os.fsencode(root)).hexdigest()[:12]
        try:
            folder = cache_folder()
        except RuntimeError:
            logger.info("the index of the videos is not kept: this user has no home; PVDM_CACHE can name a folder")
            return cls(None)
        return cls(folder / "index" / f"{root.name}-{name}.json")

    @staticmethod
    def mark(path: Path) -> str:
        """Changes when a file's size or time does, or a frame of a folder; `OSError` if there is no such file."""
        if not path.is_dir():
            return _stamp(path.stat())
        with os.scandir(path) as entries:
            frames = sorted(f"{entry.name} {_stamp(entry.stat())}" for entry in entries)
        return sha256(os.fsencode("\n".join(frames))).hexdigest()[:32]

    def get(self, path: Path, mark: str) -> VideoInfo | None:
        """What was put for this path with this mark."""
        kept = self._known.get(str(path.absolute()))
        return kept[1] if kept and kept[0] == mark else None

    def put(self, path: Path, mark: str, info: VideoInfo) -> None:
        """Keeps it, for `save` to write; several threads may put at once."""
        place, new = str(path.absolute()), (mark, info)
        if self._known.get(place) != new:
            self._known[place] = new
            self._changed = True

    def save(self) -> None:
        """Writes what is new, less the files that are gone; a folder that cannot be written is a line of the log."""
        if self.path is None or not self._changed:
            return
        self._known = {path: known for path, known in self._known.items() if Path(path).exists()}
        videos = {path: {"mark": mark, **vars(info)} for path, (mark, info) in self._known.items()}
        try:
            with replacing(self.path, overwrite=True) as temporary:
                temporary.write_text(json.dumps({"format": FORMAT, "videos": videos}), encoding="utf-8")
        except InputError as error:
            logger.info("the index of the videos is not kept: %s", error)
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
    """TypeError or ValueError if it is not what `save` wrote."""
    info = VideoInfo(int(frames), int(height), int(width), None if fps is None else float(fps), index, times)
    if min(info.frames, info.height, info.width) < 1 or (info.timeline and len(info.timeline.seconds) != info.frames):
        raise ValueError(f"{info} is no video")
    return str(mark), info


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"
