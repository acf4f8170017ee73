"""`-` in place of a file: a video that comes from standard input or goes to standard output, part by part."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm import video
from pvdm.commands.terminal.shared_options import add_output
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output
from pvdm.generation.input_video import check_input

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.generation import VideoGenerator
    from pvdm.provenance.origin import Provenance
    from pvdm.video.live.latency import Latency
    from pvdm.video.live.live_video import LiveVideo
    from pvdm.video.live.live_writer import LiveWriter

PIPE = Path("-")
IN, OUT, MESSAGES = 0, 1, 2
"""File descriptors of standard input, output and error."""

logger = logging.getLogger(__name__)


def add_video_ends(parser: argparse.ArgumentParser, what: str) -> None:
    """The input, described by `what`, and the output; either may be `-`."""
    parser.add_argument("input", type=Path, help=f"{what}; or - for a video stream from standard input")
    add_output(
        parser,
        "a file (.mp4, .webm, .gif, .webp, .npy, .npz, .tif), a name without suffix for a folder of png "
        "frames, or - for an MPEG-TS stream to standard output",
    )


def check_ends(options: argparse.Namespace) -> None:
    """InputError if the input does not exist, the output does without --overwrite, or a terminal is in their place."""
    if options.output != PIPE:
        check_output(options.output, overwrite=options.overwrite)
    elif os.isatty(OUT):
        raise InputError("standard output is a terminal", "pipe it into a program, or name a file as --output")
    if options.input != PIPE:
        check_input(options.input)
    elif os.isatty(IN):
        raise InputError("standard input is a terminal", "pipe a video into it, or name a file")


@contextmanager
def video_of(
    options: argparse.Namespace, generator: VideoGenerator, size: tuple[int, int] | None = None
) -> Iterator[video.PacedVideo | LiveVideo]:
    """The input at (height, width), or at its own size; of an image series in the model's range of values."""
    if options.input != PIPE:
        yield video.PacedVideo(options.input, size, value_range=generator.value_range)
        return
    from pvdm.video.live.live_video import LiveVideo

    # Not sys.stdin: a thread that waits for it holds a lock without which the process cannot end.
    with LiveVideo(FileIO(IN, closefd=False), size) as source:
        yield source


class Output:
    """Where a command's video goes.

    Args:
        writer: What writes it.
        latency: That of the frames of a live input; None for those of a file.
        each: One of so many frames is the input's own.
    """

    def __init__(self, writer: video.VideoWriter | LiveWriter, latency: Latency | None, each: int) -> None:
        self._writer, self._latency, self._each, self.frames = writer, latency, each, 0
        self._place = getattr(writer, "path", "standard output")

    def write(self, part: Tensor) -> None:
        """Frames (3, t, h, w) uint8."""
        self._writer.write(part)
        self.frames += part.shape[1]
        if self._latency is not None:
            self._latency.went(part.shape[1], self._each)

    def log(self, what: str) -> None:
        """Logs what was written where, and the latency, once the output is complete."""
        logger.info("%s in %s", what, self._place)
        if self._latency is not None:
            logger.info("%s", self._latency)


@contextmanager
def output_of(
    options: argparse.Namespace,
    source: video.PacedVideo | LiveVideo,
    fps: float,
    *,
    each: int = 1,
    provenance: Provenance | None = None,
) -> Iterator[Output]:
    """The output at a frame rate; see `Output`."""
    latency = getattr(source, "latency", None)
    if options.output != PIPE:
        told = {"overwrite": options.overwrite, "provenance": provenance, "values": getattr(source, "values", None)}
        with video.VideoWriter(options.output, fps=fps, **told) as writer:
            yield Output(writer, latency, each)
    else:
        from pvdm.video.live.live_writer import LiveWriter

        with standard_output() as file, LiveWriter(file, fps=fps, provenance=provenance) as writer:
            yield Output(writer, latency, each)


@contextmanager
def standard_output() -> Iterator[FileIO]:
    """Standard output for video alone: what anything else prints meanwhile goes to standard error."""
    sys.stdout.flush()
    own = os.dup(OUT)
    os.dup2(MESSAGES, OUT)
    try:
        yield FileIO(own, "wb", closefd=False)
    finally:
        sys.stdout.flush()
        os.dup2(own, OUT)
        os.close(own)
