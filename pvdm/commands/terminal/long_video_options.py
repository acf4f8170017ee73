"""Options of long videos: what keeps them from drifting, and stages that overlap."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm.commands.terminal.shared_options import device_of
from pvdm.errors import InputError

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator
    from pvdm.generation.input_video import VideoSource
    from pvdm.generation.long_video.anchor import Anchor

FIRST = "first"


def add_long_video(parser: argparse.ArgumentParser) -> None:
    """What keeps many clips together, and how they are made."""
    group = parser.add_argument_group("long videos")
    group.add_argument(
        "--anchor",
        metavar=f"{FIRST}|PICTURE",
        help="what all clips are drawn to, so that colors and content do not drift: the end of the first clip, or a "
        "picture; for a model that was trained with given frames",
    )
    group.add_argument(
        "--anchor-noise",
        type=float,
        metavar="SIGMA",
        help="noise of the anchor, sigma / alpha: the more, the weaker it draws (default: 0.5)",
    )
    group.add_argument(
        "--parallel",
        action="store_true",
        help="sample the clips of a video side by side, in batches of --batch-size and by all processes, for motion "
        "that goes on or returns; for a model that was trained with given frames",
    )
    group.add_argument(
        "--pipeline",
        action="store_true",
        help="on a CPU, too, sample a clip while a process decodes the one before and this one writes; on a GPU they "
        "always overlap",
    )
    group.add_argument("--decode-device", metavar="DEVICE", help="another device that decodes, such as cuda:1")


def check_parallel(options: argparse.Namespace) -> None:
    """InputError for options that clips side by side cannot follow."""
    for name in ("anchor", "first_frame", "last_frame", "keyframe", "pipeline"):
        if options.parallel and getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} is given together with --parallel", "leave one of them out")


def set_pipeline(options: argparse.Namespace, generator: VideoGenerator) -> None:
    """Makes the model decode where and when the options say."""
    if options.pipeline:
        generator.overlap = True
    if options.decode_device is not None:
        generator.decode_device = device_of(options.decode_device)


def anchor_of(
    options: argparse.Namespace, generator: VideoGenerator, source: VideoSource | None = None
) -> Anchor | None:
    """The anchor of the clips; InputError if the model does not take one, or there is no such picture.

    source: The video that is continued, at least a clip; None for none.
    """
    if options.anchor is None:
        if options.anchor_noise is not None:
            raise InputError("--anchor-noise is given without --anchor", f"give --anchor {FIRST}, or leave it out")
        return None
    from pvdm.diffusion.sampler_config import MAX_CONTEXT_NOISE
    from pvdm.generation.long_video.anchor import ANCHOR_NOISE, Anchor
    from pvdm.video import read_picture

    generator.check_takes_frames()
    noise = ANCHOR_NOISE if options.anchor_noise is None else options.anchor_noise
    if not 0 <= noise <= MAX_CONTEXT_NOISE:
        raise InputError(f"--anchor-noise is {noise:g}", f"give a value from 0 to {MAX_CONTEXT_NOISE:g}")
    if options.anchor == FIRST:
        return Anchor(source and source.read(generator.frames - 1, 1)[:, 0], noise)
    return Anchor(read_picture(Path(options.anchor), generator.size), noise)
