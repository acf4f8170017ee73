"""Uploads, checked by what they hold and not by their names, decoded once and kept as plain frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av

from pvdm.errors import InputError
from pvdm.generation.input_video import VideoSource
from pvdm.generation.tasks.missing_frames import missing_frames, readable_frames
from pvdm.studio.jobs.job_limits import JobLimits
from pvdm.studio.jobs.stored_frames import StoredFrames
from pvdm.studio.picture_upload import MOST_ELONGATED
from pvdm.video import PacedVideo

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

Reading = Literal["paced", "every", "whole", "damaged"]
"""How a task reads a video: at the model's size and rate; every frame at its size; every frame at the video's own size;
every frame at the model's size, of which some may be missing."""

SUFFIXES = {
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4",
    "matroska,webm": ".mkv",
    "avi": ".avi",
    "gif": ".gif",
    "mpegts": ".ts",
    "mpeg": ".mpg",
    "flv": ".flv",
    "asf": ".wmv",
    "ogg": ".ogv",
}
"""Containers that are accepted, none of which names other files to read, as playlists do."""

MORE_PACKETS = 8
"""Packets of a stream for each frame that is allowed: files may have more frames per second than the model."""


def read_video_upload(
    path: Path, name: str, reading: Reading, generator: VideoGenerator, limits: JobLimits, spans: Sequence[range] = ()
) -> StoredFrames:
    """The frames of an uploaded video, which is then removed; InputError unless it is one, within the limits.

    Args:
        path: The upload.
        name: Its field, which messages name it by.
        reading: How its frames are wanted.
        generator: The model, of which only sizes and rate are read.
        limits: The studio's.
        spans: Of the frames that are missing.
    """
    named = path.with_name(f"{name}{checked_container(path, name, limits)}")
    path.rename(named)
    if reading == "paced":
        source = VideoSource(named, generator)
    else:
        source = PacedVideo(named, None if reading == "whole" else generator.size)
    if source.frames > limits.frames:
        raise InputError(f"the file {name} has {source.frames} frames", f"send one of at most {limits.frames}")
    if reading == "whole":
        check_small(source.size, generator.size)
    missing = missing_frames(source, spans) if reading == "damaged" else ()
    parts = readable_frames(source) if reading == "damaged" else source.runs(generator.frames)
    stored = StoredFrames.store(path.with_name(f"{name}.frames"), parts, fps=source.fps, missing=missing)
    named.unlink()
    return stored


def checked_container(path: Path, name: str, limits: JobLimits) -> str:
    """The suffix of a video's container; InputError for what is no video, or is too large."""
    options = {"format_whitelist": ",".join(SUFFIXES), "protocol_whitelist": "file"}
    try:
        with av.open(str(path), options=options, metadata_errors="replace") as container:
            codecs = [stream.codec_context for stream in container.streams.video]
            if not codecs or None in codecs:
                raise ValueError("there is no video stream, or no decoder for it")
            for codec in codecs:
                check_picture_size(name, (codec.height, codec.width), limits)
            most = MORE_PACKETS * limits.frames * len(container.streams)
            if any(number > most for number, _ in enumerate(container.demux())):
                raise InputError(f"the file {name} has far more than {limits.frames} frames", "send a shorter video")
            return SUFFIXES[container.format.name]
    except (av.error.FFmpegError, OSError, ValueError, LookupError) as error:
        problem = f"the file {name} is no video that can be read"
        raise InputError(problem, "send an mp4, WebM, Matroska, AVI, MPEG or GIF file") from error


def check_picture_size(name: str, size: tuple[int, int], limits: JobLimits) -> None:
    """InputError for too many pixels, or a shape that would have too many once it covers the model's."""
    height, width = size
    if width * height > limits.pixels:
        problem = f"the file {name} has pictures of {width}x{height} pixels"
        raise InputError(problem, f"send one of at most {limits.pixels / 1e6:.1f} megapixels")
    if max(size) > MOST_ELONGATED * min(size):
        problem = f"the file {name} has pictures of {width}x{height} pixels"
        raise InputError(problem, f"send one whose sides differ by less than {MOST_ELONGATED} times")


def check_small(size: tuple[int, int], own: tuple[int, int]) -> None:
    """InputError unless a video of (height, width) is smaller than the model's clips."""
    if max(mine / given for mine, given in zip(own, size, strict=True)) <= 1:
        problem = f"the video has {size[1]}x{size[0]} pixels, and this model makes {own[1]}x{own[0]}"
        raise InputError(problem, "send a smaller video")
