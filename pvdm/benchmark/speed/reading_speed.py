"""How fast clips are read as training reads them, and on one core against whole files, as the released loader reads."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from pvdm.benchmark.speed.measured_model import MeasuredModel
from pvdm.benchmark.speed.measuring import Measured, measure
from pvdm.benchmark.speed.speed_options import SpeedOptions
from pvdm.data import Video
from pvdm.errors import InputError
from pvdm.video import VIDEO_SUFFIXES, ClipShape, probe, read_clip, read_frames, resize_and_crop, write_video
from pvdm.video.decoding.packets import PacketIndex

MADE, FRAMES, HEIGHT, WIDTH = 4, 180, 240, 320
"""Videos that are made where none are given; number, length and size are about those of UCF101."""

MOST = 64
"""Videos that are read of a folder, one clip of each."""


def read(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """One clip of each video from a random frame: decoded, scaled, cropped, uint8; and the same from whole files."""
    size = model.autoencoder
    shape = ClipShape(size.frames, size.height, size.width)
    with _videos(options.data) as paths:
        videos = [video for video in (Video(path, probe(path)) for path in paths) if video.info.frames >= size.frames]
        if not videos:
            raise InputError(f"no video of {options.data} has the {size.frames} frames of a clip", "give longer ones")
        starts = random_starts(videos, shape)

        def run() -> None:
            for video, start in zip(videos, starts, strict=True):
                read_clip(video.path, shape, start, info=video.info)

        found = measure({"own": run}, options.device, options.repeats)["own"]
        found.items = len(videos)
        found.extra["videos"] = "given" if options.data else f"made, {FRAMES} frames of {WIDTH}x{HEIGHT}, H.264"
        found.extra["one_core"] = on_one_core(videos, shape, rounds=options.repeats.count)
    return found


def on_one_core(videos: Sequence[Video], shape: ClipShape, *, rounds: int = 5, seed: int = 0) -> dict[str, Any]:
    """Reads a clip of each video in both ways in turn, on one thread; JSON-able.

    Rates are clips per second of processor time, medians over the rounds; `ratio` is the median of the rounds' ratios.
    `frames_decoded` is the mean number of frames from the keyframe to the clip's last (without skipped B-frames), None
    for folders of frames. InputError for a video that cannot be read.
    """
    starts, threads = random_starts(videos, shape, seed), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = np.array([_round(videos, shape, starts) for _ in range(rounds + 1)])[1:]  # the first one warms up
    finally:
        torch.set_num_threads(threads)
    clip, whole = np.median(seconds, axis=0)
    return {
        "clips": len(videos) * rounds,
        "videos": len(videos),
        "clips_per_second": len(videos) / float(clip),
        "whole_file_clips_per_second": len(videos) / float(whole),
        "ratio": float(np.median(seconds[:, 1] / seconds[:, 0])),
        "frames_wanted": shape.frames,
        "frames_decoded": _decoded(videos, shape, starts),
        "frames_in_file": float(np.mean([video.info.frames for video in videos])),
    }


def read_whole(video: Video, shape: ClipShape, start: int) -> Tensor:
    """The clip of `read_clip`, cut out of all frames of the file; (3, t, h, w) uint8.

    The released loader does this by torchvision's `read_video`: PyAV from the first packet to the last, each frame to
    RGB. Here on one thread, and folders of frames by `read_frames`.
    """
    if video.path.is_dir():
        frames = read_frames(video.path, np.arange(video.info.frames))
    else:
        with av.open(str(video.path)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            decoded = container.decode(video=0)
            frames = np.stack([frame.to_ndarray(format="rgb24", threads=1) for frame in decoded])
    return resize_and_crop(frames[shape.source_indices(start, video.info)], shape.height, shape.width)


def random_starts(videos: Sequence[Video], shape: ClipShape, seed: int = 0) -> list[int]:
    """The first frame of a clip of each video."""
    generator = np.random.default_rng(seed)
    return [int(generator.integers(shape.last_start(video.info) + 1)) for video in videos]


def videos_of(folder: Path) -> list[Path]:
    """All videos in a folder and its subfolders, sorted; InputError if there are none."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", "give one with videos as --data, or leave it out")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    if not found:
        raise InputError(f"{folder} holds no videos", "give another folder as --data, or leave it out")
    return found


def _round(videos: Sequence[Video], shape: ClipShape, starts: Sequence[int]) -> tuple[float, float]:
    """Seconds by clips and by whole files, in turn for each video."""
    spent = np.zeros(2)
    for video, start in zip(videos, starts, strict=True):
        spent[0] += _seconds(lambda v=video, s=start: read_clip(v.path, shape, s, info=v.info))
        spent[1] += _seconds(lambda v=video, s=start: read_whole(v, shape, s))
    return float(spent[0]), float(spent[1])


def _seconds(read: Callable[[], Tensor]) -> float:
    """Of processor time, summed over all threads of this process."""
    before = time.process_time()
    read()
    return time.process_time() - before


def _decoded(videos: Sequence[Video], shape: ClipShape, starts: Sequence[int]) -> float | None:
    counts = []
    for video, start in zip(videos, starts, strict=True):
        if not video.info.index:
            return None
        index = PacketIndex.unpack(video.info.index)
        counts.append(index.decoded(np.unique(shape.source_indices(start, video.info))))
    return float(np.mean(counts))


@contextmanager
def _videos(folder: Path | None) -> Iterator[list[Path]]:
    """Those of the folder, or temporary ones."""
    if folder is not None:
        found = videos_of(folder)
        yield found[:: -(-len(found) // MOST)]
        return
    with tempfile.TemporaryDirectory() as made:
        paths = [Path(made) / f"{index}.mp4" for index in range(MADE)]
        for index, path in enumerate(paths):
            write_video(path, _moving(index), fps=25)
        yield paths


def _moving(seed: int) -> Tensor:
    """A picture of smooth noise that wanders, with a little noise in each frame: (3, t, h, w) uint8."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, HEIGHT // 8, WIDTH // 8, generator=generator)
    picture = torch.nn.functional.interpolate(coarse, size=(HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)[0]
    frames = torch.stack([picture.roll((frame, 2 * frame), dims=(1, 2)) for frame in range(FRAMES)], dim=1)
    return (frames * 247).byte() + torch.randint(8, frames.shape, generator=generator, dtype=torch.uint8)
