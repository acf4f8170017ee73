"""What is known of each video before training: length, size and frame rate, or why it cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from pvdm.data.index_cache import IndexCache
from pvdm.data.layouts.splits import Entry
from pvdm.data.scenes.scene_videos import is_scene, read_frames, scene_info
from pvdm.errors import InputError
from pvdm.video import VideoInfo, probe
from pvdm.video.decoding.frame_folder import is_picture
from pvdm.video.reader import probe_still
from pvdm.video.series.series_file import is_stack

CHUNK = 16  # videos that a thread takes at once; handing them over singly takes longer than a look-up in the cache
CHUNK_BYTES = 1 << 27  # of the frames that a thread holds while it decodes a whole video
A, B = TypeVar("A"), TypeVar("B")


@dataclass(frozen=True)
class Video:
    """A video file, a span of one, or a folder of frames, with what is known of it.

    Args:
        path: Of the file or folder.
        info: What `probe` says of it; see `VideoInfo` for a span.
        label: The index of its class, if any.
        captions: Its captions.
        columns: The numbers that a catalogue says of it, by name in alphabetical order.
    """

    path: Path
    info: VideoInfo
    label: int | None = None
    captions: tuple[str, ...] = ()
    columns: tuple[tuple[str, float], ...] = ()

    @property
    def key(self) -> tuple[Path, int]:
        """The path and the first frame, which identify a video."""
        return self.path, self.info.first_frame


@dataclass(frozen=True)
class BadVideo:
    """A video that cannot be used, and the cause: a clause that names the file."""

    path: Path
    cause: str
    first_frame: int = 0

    @property
    def key(self) -> tuple[Path, int]:
        """The path and the first frame, which identify a video."""
        return self.path, self.first_frame


@dataclass(frozen=True)
class Index:
    """The videos whose first and last frames can be decoded, in the given order, and the other videos."""

    videos: list[Video]
    bad: list[BadVideo]

    def of(self, entries: Sequence[Entry]) -> Index:
        """The index of these videos alone, in their order."""
        good, bad = ({video.key: video for video in videos} for videos in (self.videos, self.bad))
        keys = [entry.key for entry in entries]
        return Index([good[key] for key in keys if key in good], [bad[key] for key in keys if key in bad])


def index_videos(
    entries: Sequence[Entry], *, cache: IndexCache | None = None, workers: int = 8, progress: bool = False
) -> Index:
    """Reads videos that the cache does not know, in `workers` threads, and adds them to it; see `IndexCache.save`."""
    cache = IndexCache(None) if cache is None else cache
    results = _in_threads(lambda entry: _look_up(entry, cache), entries, "index", workers, progress)
    videos = [result for result in results if isinstance(result, Video)]
    return Index(videos, [result for result in results if isinstance(result, BadVideo)])


def in_one_range(index: Index, value_range: tuple[float, float] | None) -> tuple[Index, tuple[str, ...]]:
    """The index with one range for all image series, and a note that says which; a range that is given is taken.

    InputError for a range without image series.
    """
    found = [values for video in index.videos if (values := video.info.values)]
    if not found:
        if value_range is not None:
            raise InputError(
                "data.value_range is given, and there is no image series",
                "give .npy, .npz or .tif files, or leave it out",
            )
        return index, ()
    low, high = value_range or (min(values.low for values in found), max(values.high for values in found))
    source = "data.value_range" if value_range else "the lowest and highest of all files; data.value_range fixes it"
    videos = [replace(video, info=video.info.with_range((low, high))) for video in index.videos]
    return Index(videos, index.bad), (f"values of image series from {low:g} to {high:g} ({source})",)


def values_of(videos: Sequence[Video]) -> dict[str, Any]:
    """`values`: how most image series store theirs, as `StoredValues` takes it; nothing without any."""
    found = Counter(values for video in videos if (values := video.info.values))
    return {"values": found.most_common(1)[0][0]._asdict()} if found else {}


def find_damage(videos: Sequence[Video], *, workers: int = 8, progress: bool = False) -> list[BadVideo]:
    """Decodes every frame, which is slow, and returns the videos in which that fails."""
    return [bad for bad in _in_threads(_first_damage, videos, "decode", workers, progress) if bad]


def _in_threads(function: Callable[[A], B], items: Sequence[A], verb: str, workers: int, progress: bool) -> list[B]:
    """The results in order; a progress bar is shown on a terminal only."""
    hidden = None if progress else True
    with ThreadPoolExecutor(workers) as pool:
        chunks = [items[first : first + CHUNK] for first in range(0, len(items), CHUNK)]
        results = pool.map(lambda chunk: [function(item) for item in chunk], chunks)
        with tqdm(total=len(items), desc=verb, unit="video", leave=False, disable=hidden) as bar:
            return [result for chunk in results for result in _counted(chunk, bar)]


def _counted(results: list[B], bar: tqdm) -> list[B]:
    bar.update(len(results))
    return results


def _look_up(entry: Entry, cache: IndexCache) -> Video | BadVideo:
    """Only good videos go into the cache: the fault of a bad one may be that of a disk or of a permission."""
    if is_scene(entry.path):
        return Video(entry.path, scene_info(entry.path), entry.label)
    try:
        mark = cache.mark(entry.path)
        if entry.known and entry.known.mark == mark:
            return _clip(entry, entry.known.info)
        info = cache.get(entry.path, mark) or _read(entry.path)
    except (InputError, OSError, MemoryError) as error:
        return BadVideo(entry.path, _cause(entry.path, error), entry.key[1])
    cache.put(entry.path, mark, info)
    if entry.known:
        return _checked(entry, info)
    return Video(entry.path, info, entry.label)


def _checked(entry: Entry, info: VideoInfo) -> Video | BadVideo:
    """The clip of a file with another time than it was curated with, if it is still the same video."""
    known = entry.known
    now, end = (info.height, info.width, info.times), known.info.first_frame + known.info.frames
    is_as_long = info.frames >= end if known.file_frames is None else info.frames == known.file_frames
    if is_as_long and now == (known.info.height, known.info.width, known.info.times):
        return _clip(entry, replace(known.info, index=info.index))
    cause = f"{entry.path} has changed since it was curated (pvdm curate takes it in again)"
    return BadVideo(entry.path, cause, known.info.first_frame)


def _clip(entry: Entry, info: VideoInfo) -> Video:
    return Video(entry.path, info, entry.label, columns=entry.known.columns)


def _read(path: Path) -> VideoInfo:
    """InputError unless the first and the last frame can be decoded; a clip may need both."""
    info = probe_still(path) if is_picture(path) and not is_stack(path) else probe(path)
    read_frames(path, sorted({0, info.frames - 1}), info=info)
    return info


def _first_damage(video: Video) -> BadVideo | None:
    frames = video.info.frames
    at_once = max(1, CHUNK_BYTES // (3 * video.info.height * video.info.width))
    try:
        for start in range(0, frames, at_once):
            read_frames(video.path, range(start, min(start + at_once, frames)), info=video.info)
    except (InputError, MemoryError) as error:
        return BadVideo(video.path, _cause(video.path, error), video.info.first_frame)
    return None


def _cause(path: Path, error: InputError | OSError | MemoryError) -> str:
    """The error without its remedy, which differs for a data set."""
    if isinstance(error, MemoryError):
        return f"{path} cannot be read, because its frames do not fit into memory"
    if isinstance(error, OSError):
        return f"{path} cannot be read ({error.strerror or error})"
    return error.problem
