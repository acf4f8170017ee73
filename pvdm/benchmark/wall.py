"""The videos that a report shows: real, reconstructed, generated and extended ones, and another report's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from pvdm.benchmark.bench import Bench
from pvdm.benchmark.plan import CLIP, LONG
from pvdm.data.inspection.contact_sheet import choose
from pvdm.evaluation.clips.model_clips import ReconstructedClips
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.source import Clip
from pvdm.evaluation.clips.video_clips import VideoClips
from pvdm.video import write_video

LARGEST = 128
"""Pixels of a shown video's shorter side; larger ones are scaled down, for the page carries them."""


def show(bench: Bench, name: str, video: Tensor) -> str:
    """Writes `videos/NAME.mp4` of a video (3, t, h, w) uint8; its path below the report."""
    height, width = video.shape[-2:]
    scale = min(1.0, LARGEST / min(height, width))
    size = (2 * round(height * scale / 2), 2 * round(width * scale / 2))  # H.264 wants them even
    small = Scaling(size, "antialiased")(video.movedim(0, -1).numpy()) if scale < 1 else video
    file = f"videos/{name}.mp4"
    write_video(bench.work.report / file, small, fps=bench.generator.fps, overwrite=True)
    return file


def real_videos(bench: Bench) -> list[dict[str, Any]]:
    """Entries of `videos`: real clips spread over the classes, short and long, and reconstructions."""
    entries = []
    for frames in (CLIP, LONG):
        source = _real(bench, frames)
        for index, clip in enumerate(source.read(range(len(source))) if source else ()):
            entries.append(_entry(bench, source, clip, "real", index))
            if frames == CLIP and bench.generator.frames <= CLIP:
                (found,) = ReconstructedClips(bench.generator, source).read([clip.index])
                entries.append(_entry(bench, source, found, "reconstructed", index))
    return entries


def _real(bench: Bench, frames: int) -> VideoClips | None:
    """Clips from the middle of as many videos as are shown; None if none is long enough."""
    videos = bench.videos("both")
    chosen = choose([video for video in videos.videos if video.info.frames >= frames], bench.plan.shown)
    if not chosen:
        return None
    scaling = Scaling(bench.size, "antialiased")
    return VideoClips(replace(videos, videos=tuple(chosen)), frames=frames, start="middle", scaling=scaling)


def _entry(bench: Bench, source: VideoClips, clip: Clip, kind: str, index: int) -> dict[str, Any]:
    frames = clip.video.shape[1]
    file = show(bench, f"{kind}_{frames}_{index:03d}", clip.video)
    label = source.classes[clip.label] if source.classes and clip.label is not None else None
    rest = {"label": label, "setting": None, "sampler": None, "frames": frames, "index": index}
    return {"file": file, "kind": kind, **rest}
