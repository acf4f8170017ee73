"""What the report carries inside itself: videos with their first frames, grouped into lanes, and pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pvdm.benchmark.report.benchmark_results import Nearest, Results, ShownVideo
from pvdm.errors import InputError, one_line
from pvdm.files.web_page import data_uri
from pvdm.video import read_frames

TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
VIDEOS, PICTURES = (".mp4", ".webm"), (".jpg", ".jpeg", ".png")
POSTER_SIZE = 160
POSTER_QUALITY = 72
KINDS = {
    "real": "Real",
    "generated": "Generated",
    "extended": "Extended",
    "reconstructed": "Reconstructed",
    "other": "Other model",
}
NO_CLASS = "no class"


@dataclass(frozen=True)
class Embedded:
    """A file as data URIs: itself, and for a video its first frame."""

    data: str
    poster: str = ""


@dataclass(frozen=True)
class Lane:
    """Videos of one kind, setting and length, next to each other."""

    kind: str
    title: str
    frames: int
    clips: list[tuple[ShownVideo, Embedded]]


class Media:
    """Embeds files of a folder; those that cannot be are remembered in `missing` with the reason."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missing: dict[str, str] = {}

    def lanes(self, results: Results) -> list[Lane]:
        """Lanes in order of length, kind and setting, the latter two as in the results; real videos first."""
        found = [(video, data) for video in results.videos if (data := self._embedded(video.file, VIDEOS, _poster))]
        settings = [(video.setting, video.sampler) for video, _ in found]
        kinds = list(dict.fromkeys([*KINDS, *sorted({video.kind for video, _ in found})]))
        groups: dict[tuple[int, int, int], list[tuple[ShownVideo, Embedded]]] = {}
        for video, data in sorted(found, key=lambda clip: (clip[0].label or "", clip[0].index)):
            place = video.frames or 0, kinds.index(video.kind), settings.index((video.setting, video.sampler))
            groups.setdefault(place, []).append((video, data))
        return [_lane(groups[place]) for place in sorted(groups)]

    def nearest(self, results: Results) -> list[tuple[Nearest, Embedded]]:
        """Pictures of samples above their nearest training clips."""
        return [
            (pair, data) for pair in results.nearest if (data := self._embedded(pair.picture, PICTURES, _check_picture))
        ]

    def _embedded(self, name: str, suffixes: tuple[str, ...], look: Callable[[Path], str]) -> Embedded | None:
        try:
            path = self._path(name, suffixes)
            return Embedded(data_uri(path.read_bytes(), TYPES[path.suffix.lower()]), look(path))
        except (InputError, OSError, ValueError) as error:
            self.missing[name] = one_line(getattr(error, "strerror", None) or error)
            return None

    def _path(self, name: str, suffixes: tuple[str, ...]) -> Path:
        """The file of this name, which must lie in the folder: a results.json from others may name any path."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise InputError("it lies outside the benchmark's folder")
        if path.suffix.lower() not in suffixes:
            raise InputError(f"only {', '.join(suffixes)} can be shown")
        if not path.is_file():
            raise InputError("the file is not there")
        return path


def _lane(clips: list[tuple[ShownVideo, Embedded]]) -> Lane:
    first = clips[0][0]
    setting = ", ".join(word for word in (first.setting, first.sampler) if word)
    words = (KINDS.get(first.kind, first.kind), setting, f"{first.frames} frames" if first.frames else "")
    return Lane(first.kind, " · ".join(word for word in words if word), first.frames or 0, clips)


def _poster(path: Path) -> str:
    """The first frame of a video, small."""
    picture = Image.fromarray(read_frames(path, [0])[0])
    picture.thumbnail((POSTER_SIZE, POSTER_SIZE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=POSTER_QUALITY)
    return data_uri(file.getvalue(), "image/jpeg")


def _check_picture(path: Path) -> str:
    try:
        with Image.open(path) as picture:
            picture.verify()
    except (UnidentifiedImageError, SyntaxError) as error:
        raise InputError("it is no picture") from error
    return ""
