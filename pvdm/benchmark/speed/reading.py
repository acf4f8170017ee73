"""How fast clips are read on one core, against reading whole files as the released loader does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from pvdm.data import Video
from pvdm.video import ClipShape, read_clip, read_frames, resize_and_crop
from pvdm.video.decoding.packets import PacketIndex


@dataclass(frozen=True)
class Reading:
    """What reading took, over the same clips.

    Args:
        clips: How many clips of how many videos were read.
        videos: Each was read before, so that none waits for the disk.
        clips_per_second: Of a core's time, by `read_clip` with what the index of the data set knows.
        whole_file_clips_per_second: The same by `read_whole`.
        ratio: Of the two, the median over rounds in which they take turns.
        frames_wanted: Frames of a clip.
        frames_decoded: Frames that lie between the entry point and the clip's last, mean; B-frames among those
            before the clip are passed over, and so fewer are decoded. None for folders of frames.
        frames_in_file: Mean.
    """

    clips: int
    videos: int
    clips_per_second: float
    whole_file_clips_per_second: float
    ratio: float
    frames_wanted: int
    frames_decoded: float | None
    frames_in_file: float

    def describe(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def measure_reading(videos: Sequence[Video], shape: ClipShape, *, rounds: int = 5, seed: int = 0) -> Reading:
    """Reads a clip of each video at a random start, in turn by both ways, `rounds` times, on one thread.

    Videos must be long enough for the clip; `InputError` if one cannot be read.
    """
    starts = _starts(videos, shape, seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = np.array([_round(videos, shape, starts) for _ in range(rounds + 1)])[1:]  # the first one warms up
    finally:
        torch.set_num_threads(threads)
    clip, whole = np.median(seconds, axis=0)
    return Reading(
        clips=len(videos) * rounds,
        videos=len(videos),
        clips_per_second=len(videos) / float(clip),
        whole_file_clips_per_second=len(videos) / float(whole),
        ratio=float(np.median(seconds[:, 1] / seconds[:, 0])),
        frames_wanted=shape.frames,
        frames_decoded=_decoded(videos, shape, starts),
        frames_in_file=float(np.mean([video.info.frames for video in videos])),
    )


def read_whole(video: Video, shape: ClipShape, start: int) -> Tensor:
    """The clip of `read_clip` as the released loader takes it, cut out of all frames of the file; (3, t, h, w) uint8.

    It leaves decoding to torchvision's `read_video`: PyAV from the first packet to the last, each frame in RGB. (Here
    on one thread, and the frames of a folder by `read_frames`.)
    """
    if video.path.is_dir():
        frames = read_frames(video.path, np.arange(video.info.frames))
    else:
        with av.open(str(video.path)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            decoded = container.decode(video=0)
            frames = np.stack([frame.to_ndarray(format="rgb24", threads=1) for frame in decoded])
    return resize_and_crop(frames[shape.source_indices(start, video.info)], shape.height, shape.width)


def _round(videos: Sequence[Video], shape: ClipShape, starts: Sequence[int]) -> tuple[float, float]:
    """(seconds by clips, seconds by whole files), taken in turn for each video."""
    spent = np.zeros(2)
    for video, start in zip(videos, starts, strict=True):
        spent[0] += _seconds(lambda v=video, s=start: read_clip(v.path, shape, s, info=v.info))
        spent[1] += _seconds(lambda v=video, s=start: read_whole(v, shape, s))
    return float(spent[0]), float(spent[1])


def _seconds(read: Callable[[], Tensor]) -> float:
    """Of processor time, all threads of this process together."""
    before = time.process_time()
    read()
    return time.process_time() - before


def _starts(videos: Sequence[Video], shape: ClipShape, seed: int) -> list[int]:
    generator = np.random.default_rng(seed)
    return [int(generator.integers(shape.last_start(video.info) + 1)) for video in videos]


def _decoded(videos: Sequence[Video], shape: ClipShape, starts: Sequence[int]) -> float | None:
    """Mean over the clips."""
    counts = []
    for video, start in zip(videos, starts, strict=True):
        index = PacketIndex.unpack(video.info.index) if video.info.index else None
        if index is None:
            return None
        counts.append(index.decoded(np.unique(shape.source_indices(start, video.info))))
    return float(np.mean(counts))
