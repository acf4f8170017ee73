"""The folder of a study: the videos that people see, and the file that alone knows where they are from."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.evaluation.preferences.study_records import ALL_PAIRS, StudySettings
from pvdm.evaluation.preferences.study_store import STORE, VIDEOS, create_store, video_name
from pvdm.evaluation.preferences.task_plan import DAMAGED, Pair, make_pairs
from pvdm.files.atomic_write import remove, replacing
from pvdm.video import VideoWriter, probe, read_video, write_video

PARTS = (STORE, f"{STORE}-wal", f"{STORE}-shm", VIDEOS)
"""What it holds; the file comes last, so that a folder without it is unfinished."""

FRAMES_AT_ONCE = 64
NOISE = 0.7
"""Share of noise in the damaged video of a check."""


@dataclass(frozen=True)
class StudyVideo:
    """A video to show: `read(start, frames)` gives (3, frames, h, w) uint8, of all one size.

    frames, fps: How many there are, and how many to show in a second.
    """

    read: Callable[[int, int], Tensor]
    frames: int
    fps: float

    @classmethod
    def of(cls, clip: Tensor, fps: float) -> StudyVideo:
        """A clip in memory, (3, t, h, w) uint8."""
        return cls(lambda start, frames: clip[:, start : start + frames], clip.shape[1], fps)


def write_study(
    folder: Path,
    sources: Sequence[str],
    samples: Iterable[Sequence[StudyVideo]],
    *,
    questions: Mapping[str, str],
    seconds: float | None = None,
    most: int = ALL_PAIRS,
    checks: int = 0,
    repeats: int = 0,
    seed: int = 0,
) -> list[Pair]:
    """Writes a study into a folder and returns its pairs: sample i of each source with that of each other one.

    The videos of a sample are cut to the shortest, so that their length tells nothing, and written with one encoder.
    InputError if one cannot be read.

    Args:
        folder: A folder; an earlier study in it is replaced.
        sources: Names of what is compared.
        samples: For each sample its video of each source.
        questions: What is asked of each pair, by name.
        seconds: Longest video that is shown.
        most, checks, repeats: For each person, see `task_plan.draw`. Checks are made of videos of the first source.
        seed: Seed of orders, sides and checks.
    """
    for name in PARTS:
        remove(folder / name)
    with replacing(folder / VIDEOS) as videos:
        videos.mkdir()
        count = 0
        for count, shown in enumerate(samples, 1):
            _write_sample(videos, count - 1, shown, seconds)
        if not count:
            raise InputError("there are no videos to compare", "give sources with videos")
        pairs = make_pairs(sources, count)
        pairs += [Pair(len(pairs) + 1 + i, sources[0], DAMAGED, i) for i in range(min(checks, count))]
        for pair in pairs:
            if pair.is_check:
                _write_damaged(videos, pair, sources, seed)
        size = tuple(read_video(videos / video_name(sources, pairs[0], is_other=False), frames=1).shape[-2:])
    tokens = {"invitation": secrets.token_urlsafe(16), "owner": secrets.token_urlsafe(16)}
    counts = {"seed": seed, "pairs": most, "checks": checks, "repeats": repeats}
    with replacing(folder / STORE) as temporary:
        create_store(temporary, StudySettings(tuple(sources), dict(questions), size, **counts, **tokens), pairs)
    return pairs


def _write_sample(videos: Path, sample: int, shown: Sequence[StudyVideo], seconds: float | None) -> None:
    end = min(video.frames / video.fps for video in shown)
    end = end if seconds is None else min(end, seconds)
    for place, video in enumerate(shown):
        frames = min(video.frames, max(1, round(end * video.fps)))
        with VideoWriter(videos / f"{sample:04d}-{place}.mp4", fps=video.fps) as writer:
            for part in _parts(video, frames):
                writer.write(part)


def _parts(video: StudyVideo, frames: int) -> Iterator[Tensor]:
    for start in range(0, frames, FRAMES_AT_ONCE):
        yield video.read(start, min(FRAMES_AT_ONCE, frames - start))


def _write_damaged(videos: Path, pair: Pair, sources: Sequence[str], seed: int) -> None:
    """The worse video of a check: the first frame of the good one in noise, standing still for as long."""
    good = videos / video_name(sources, pair, is_other=False)
    clip, info = read_video(good), probe(good)
    noise = torch.randint(0, 256, clip[:, 0].shape, generator=torch.Generator().manual_seed(seed + pair.sample))
    still = (clip[:, 0] * (1 - NOISE) + noise * NOISE).to(torch.uint8)
    write_video(videos / video_name(sources, pair, is_other=True), still[:, None].expand_as(clip), fps=info.fps)
