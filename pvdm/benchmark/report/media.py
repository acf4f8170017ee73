"""Files that the report carries inside itself: videos with their first frame, and pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pvdm.errors import InputError, one_line
from pvdm.video import read_frames

TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
VIDEOS = (".mp4", ".webm")
POSTER_SIZE = 160
POSTER_QUALITY = 72


@dataclass(frozen=True)
class Embedded:
    """A file as data URIs: itself, and for a video its first frame."""

    data: str
    poster: str = ""


class Media:
    """Embeds files of a folder; those that cannot be are remembered with the reason, so that the page can say it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missing: dict[str, str] = {}

    def video(self, name: str) -> Embedded | None:
        """A video of the folder, or None."""
        return self._embedded(name, VIDEOS, lambda path: _poster(path))

    def picture(self, name: str) -> Embedded | None:
        """A picture of the folder, or None."""
        suffixes = tuple(suffix for suffix in TYPES if suffix not in VIDEOS)
        return self._embedded(name, suffixes, lambda path: _check_picture(path))

    def _embedded(self, name: str, suffixes: tuple[str, ...], look) -> Embedded | None:
        try:
            path = self._path(name, suffixes)
            return Embedded(_data(path.read_bytes(), TYPES[path.suffix.lower()]), look(path))
        except (InputError, OSError, ValueError) as error:
            self.missing[name] = one_line(getattr(error, "strerror", None) or error)
            return None

    def _path(self, name: str, suffixes: tuple[str, ...]) -> Path:
        """The file of this name, which must lie in the folder: a name from a file of others may lead anywhere."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise InputError("it lies outside the benchmark's folder")
        if path.suffix.lower() not in suffixes:
            raise InputError(f"only {', '.join(suffixes)} can be shown")
        if not path.is_file():
            raise InputError("the file is not there")
        return path


def _poster(path: Path) -> str:
    """The first frame of a video, small."""
    picture = Image.fromarray(read_frames(path, [0])[0])
    picture.thumbnail((POSTER_SIZE, POSTER_SIZE), Image.Resampling.LANCZOS)
    return _jpeg(picture)


def _check_picture(path: Path) -> str:
    try:
        with Image.open(path) as picture:
            picture.verify()
    except (UnidentifiedImageError, SyntaxError) as error:
        raise InputError("it is no picture") from error
    return ""


def _jpeg(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=POSTER_QUALITY)
    return _data(file.getvalue(), "image/jpeg")


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
