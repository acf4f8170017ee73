"""What is known of each video before training: length, size and rate, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from pvdm.data.index_cache import IndexCache
from pvdm.data.parts import Entry
from pvdm.errors import InputError
from pvdm.video import VideoInfo, probe, read_frames


@dataclass(frozen=True)
class Video:
    """A video file or a folder of frames, what `probe` says of it, and the index of its class, if it has one."""

    path: Path
    info: VideoInfo
    label: int | None = None


@dataclass(frozen=True)
class BadVideo:
    """A video that cannot be used, and the cause: a clause that names the file."""

    path: Path
    cause: str


@dataclass(frozen=True)
class Index:
    """The videos whose first and last frames can be decoded, in the order given, and the others."""

    videos: list[Video]
    bad: list[BadVideo]

    def of(self, entries: Sequence[Entry]) -> list[Video]:
        """The good ones among these, in their order."""
        good = {video.path: video for video in self.videos}
        return [good[entry.path] for entry in entries if entry.path in good]


def index_videos(
    entries: Sequence[Entry], *, cache: IndexCache | None = None, workers: int = 8, progress: bool = False
) -> Index:
    """Reads what the cache does not know of, by `workers` threads, and adds it to the cache (see `IndexCache.save`)."""
    cache = IndexCache(None) if cache is None else cache
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda entry: _look_up(entry, cache), entries)
        hidden = None if progress else True  # None: shown on a terminal only
        results = list(tqdm(found, total=len(entries), desc="index", unit="video", leave=False, disable=hidden))
    videos = [result for result in results if isinstance(result, Video)]
    return Index(videos, [result for result in results if isinstance(result, BadVideo)])


def _look_up(entry: Entry, cache: IndexCache) -> Video | BadVideo:
    """Only good videos are kept in the cache: what was wrong with a bad one may have been the disk or a permission."""
    try:
        mark = cache.mark(entry.path)
        info = cache.get(entry.path, mark) or _read(entry.path)
    except InputError as error:
        return BadVideo(entry.path, str(error).partition(";")[0])
    except OSError as error:
        return BadVideo(entry.path, f"{entry.path} cannot be read ({error.strerror or error})")
    cache.put(entry.path, mark, info)
    return Video(entry.path, info, entry.label)


def _read(path: Path) -> VideoInfo:
    """InputError unless the first and the last frame can be decoded, of which a clip may need both."""
    info = probe(path)
    read_frames(path, sorted({0, info.frames - 1}))
    return info
