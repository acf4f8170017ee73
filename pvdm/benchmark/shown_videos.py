"""The videos that a report shows: real, reconstructed, generated and extended ones, and those of another report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from pvdm.benchmark.context import BenchmarkContext
from pvdm.benchmark.plan import CLIP, LONG, Setting
from pvdm.benchmark.result_store import read_json
from pvdm.data.inspection.contact_sheet import choose
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import ReconstructedClips
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.source import Clip
from pvdm.evaluation.clips.video_clips import VideoClips
from pvdm.files.atomic_write import replacing
from pvdm.video import write_video

FORMAT = "pvdm-benchmark"
KINDS = (("generated", CLIP), ("extended", LONG))
"""What is shown of a sampled video: its first clip, and all of it."""

LARGEST = 128
"""Pixels of a shown video's shorter side; larger ones are scaled down, because the page carries them."""


def real_videos(context: BenchmarkContext) -> dict[str, Any]:
    """`videos` of the results: real clips spread over the classes, short and long, and reconstructions."""
    return {"videos": context.alone(lambda context: list(_real_entries(context)))}


def _real_entries(context: BenchmarkContext) -> Iterator[dict[str, Any]]:
    for frames in (CLIP, LONG):
        source = _real_clips(context, frames)
        for index, clip in enumerate(source.read(range(len(source))) if source else ()):
            yield _real_entry(context, source, clip, "real", index)
            if frames == CLIP and context.generator.frames <= CLIP:
                (found,) = ReconstructedClips(context.generator, source).read([clip.index])
                yield _real_entry(context, source, found, "reconstructed", index)


def _real_clips(context: BenchmarkContext, frames: int) -> VideoClips | None:
    """Clips from the middle of as many videos as are shown; None if none is long enough."""
    videos = context.videos("both")
    chosen = choose([video for video in videos.videos if video.info.frames >= frames], context.plan.shown)
    if not chosen:
        return None
    scaling = Scaling(context.size, "antialiased")
    return VideoClips(replace(videos, videos=tuple(chosen)), frames=frames, start="middle", scaling=scaling)


def _real_entry(context: BenchmarkContext, source: VideoClips, clip: Clip, kind: str, index: int) -> dict[str, Any]:
    frames = clip.video.shape[1]
    file = f"videos/{kind}_{frames}_{index:03d}.mp4"
    _write(context, file, clip.video)
    label = source.classes[clip.label] if source.classes and clip.label is not None else None
    rest = {"label": label, "setting": None, "sampler": None, "frames": frames, "index": index}
    return {"file": file, "kind": kind, **rest}


def show_sample(context: BenchmarkContext, setting: Setting, clip: Clip) -> None:
    """Writes the files of a sampled video."""
    for entry in _sample_entries(setting, [clip.index]):
        _write(context, entry["file"], clip.video[:, : entry["frames"]])


def files_of_samples(setting: Setting, indices: Sequence[int]) -> list[str]:
    """The files of sampled videos in the report."""
    return [entry["file"] for entry in _sample_entries(setting, indices)]


def shown_samples(context: BenchmarkContext, setting: Setting) -> list[dict[str, Any]]:
    """Entries of `videos` in the results for the samples of a setting."""
    source, entries = context.samples(setting), _sample_entries(setting, range(context.shown))
    return [{**entry, "label": _label(source, entry["index"])} for entry in entries]


def _sample_entries(setting: Setting, indices: Sequence[int]) -> list[dict[str, Any]]:
    """By kind and index."""
    return [
        {"file": f"videos/{kind}_{setting.slug}_{index:03d}.mp4", "kind": kind, "label": None}
        | {**setting.names, "frames": frames, "index": index}
        for kind, frames in KINDS
        for index in indices
    ]


def _label(source: Any, index: int) -> str | None:
    """The name of the class that a video was sampled for."""
    if source.labels is None:
        return None
    label = source.labels[index % len(source.labels)]
    return source.classes[label] if source.classes else str(label)


def videos_of_other(report: Path, other: Path) -> list[dict[str, Any]]:
    """Entries of `videos` with the kind "other": the samples of another report, copied next to ours."""
    entries = [entry for entry in videos_of_report(other) if entry["kind"] in ("generated", "extended")]
    for number, entry in enumerate(entries):
        source, file = other / entry["file"], f"videos/other_{number:03d}.mp4"
        if not source.is_file():
            raise InputError(f"{source} is not there, which {other} names", "give the whole report")
        with replacing(report / file, overwrite=True) as temporary:
            shutil.copyfile(source, temporary)
        entries[number] = {**entry, "file": file, "kind": "other"}
    return entries


def videos_of_report(report: Path) -> list[dict[str, Any]]:
    """The entries of `videos` of a report; InputError if it is none."""
    results = read_json(report / "results.json")
    if not isinstance(results, dict) or results.get("format") != FORMAT or not isinstance(results.get("videos"), list):
        raise InputError(f"{report} holds no results of pvdm benchmark", "give its --output as --against")
    return results["videos"]


def _write(context: BenchmarkContext, file: str, video: Tensor) -> None:
    """video: (3, t, h, w) uint8."""
    height, width = video.shape[-2:]
    scale = min(1.0, LARGEST / min(height, width))
    size = (2 * round(height * scale / 2), 2 * round(width * scale / 2))  # H.264 takes even sizes
    small = Scaling(size, "antialiased")(video.movedim(0, -1).numpy()) if scale < 1 else video
    write_video(context.store.report / file, small, fps=context.generator.fps, overwrite=True)
