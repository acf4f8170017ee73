"""`pvdm repair`: makes missing or damaged frames of a video anew."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from tqdm import tqdm

from pvdm import video
from pvdm.commands.terminal.condition_options import add_prompt, add_scores
from pvdm.commands.terminal.shared_options import (
    add_model,
    add_sampler,
    load_model,
    natural,
    of_one_video,
    shared_work,
)
from pvdm.commands.terminal.video_pipes import PIPE, add_video_ends, check_ends, output_of, video_of
from pvdm.errors import InputError
from pvdm.runtime.processes import together
from pvdm.runtime.signals import raise_dropped

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.video.live.live_video import LiveVideo

AT_ONCE = 16
"""Frames that are decoded together, and one by one if that fails."""

SHOWN = 10
"""Spans of frames that a message names."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_video_ends(parser, "video file or folder of frames, of any rate")
    parser.add_argument(
        "--missing",
        nargs="+",
        metavar="SPAN",
        help="frames to make anew, as numbers from 0 or spans with both ends: 40-47 60; by default those that cannot "
        "be decoded, and exact repetitions of the frame before",
    )
    parser.add_argument("--seed", type=natural, default=0, help="seed of the noise")
    add_prompt(parser)
    add_scores(parser)
    add_sampler(parser)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: _repair(options) if shared.is_main else None)


def _repair(options: argparse.Namespace) -> None:
    check_ends(options)
    spans = spans_of(options.missing or [])
    generator = load_model(options)
    from pvdm.generation.tasks.repair import Repair

    task = Repair(generator, **of_one_video(options, generator))
    with ExitStack() as stack:
        source = stack.enter_context(video_of(options, generator.size))
        is_live = options.input == PIPE
        missing = set() if is_live else _missing(source, spans)
        frames = _coming(source, spans, missing) if is_live else _parts(source)
        stack.enter_context(generator.precision(options.precision))
        bar = stack.enter_context(tqdm(total=source.frames, unit="frame"))
        parts = stack.enter_context(closing(task.run(frames, missing)))
        output = stack.enter_context(output_of(options, source, source.fps or generator.fps))
        for part in parts:
            output.write(part)
            bar.update(part.shape[1])
            raise_dropped()
    output.log(f"{output.frames} frames, {len(missing)} of them made anew,")


def _missing(source: video.PacedVideo, spans: list[range]) -> set[int]:
    """The frames of a file to make anew; InputError if there are none, or if one of the spans is beyond its end."""
    if (last := max((span[-1] for span in spans), default=0)) >= source.frames:
        raise InputError(
            f"there is no frame {last} in {source.path}, which has {source.frames}",
            f"give numbers from 0 to {source.frames - 1}",
        )
    damaged, repeated = _found(source)
    missing = (set().union(*spans) or repeated) | damaged
    if not missing:
        raise InputError(f"{source.path} lacks no frame", "say which to make anew: --missing 40-47 60")
    logger.info("making %d frames anew: %s", len(missing), in_words(missing))
    return missing


def spans_of(texts: list[str]) -> list[range]:
    """The spans in texts such as "40-47" or "60", both ends included; InputError for anything else."""
    found = []
    for text in texts:
        first, dash, last = text.partition("-")
        last = last if dash else first
        if not first.isdecimal() or not last.isdecimal() or int(last) < int(first):
            raise InputError(f"--missing is {text}", "give frame numbers or spans, as in 40-47 60")
        found.append(range(int(first), int(last) + 1))
    return found


def in_words(frames: set[int]) -> str:
    """Frames as `spans_of` reads them, cut after `SHOWN` spans."""
    spans: list[list[int]] = []
    for frame in sorted(frames):
        if spans and frame == spans[-1][1] + 1:
            spans[-1][1] = frame
        else:
            spans.append([frame, frame])
    shown = [f"{first}-{last}" if last > first else f"{first}" for first, last in spans[:SHOWN]]
    return " ".join(shown) + (f" and {len(spans) - SHOWN} more spans" if len(spans) > SHOWN else "")


def _found(source: video.PacedVideo) -> tuple[set[int], set[int]]:
    """The frames that cannot be decoded, and those that repeat the frame before."""
    damaged, repeated, before = set(), set(), None
    for index, frame in enumerate(_decoded(source)):
        if frame is None:
            damaged.add(index)
            continue
        if before is not None and frame.equal(before):
            repeated.add(index)
        before = frame
    if len(damaged) == source.frames:
        raise InputError(f"no frame of {source.path} can be decoded", "give another video")
    return damaged, repeated


def _parts(source: video.PacedVideo) -> Iterator[Tensor]:
    """The frames one by one, black where they cannot be decoded."""
    import torch

    black = torch.zeros(3, 1, *source.size, dtype=torch.uint8)
    return (black if frame is None else frame for frame in _decoded(source))


def _coming(source: LiveVideo, spans: list[range], missing: set[int]) -> Iterator[Tensor]:
    """The frames of a live video one by one, black where they came damaged; adds the numbers of those to make anew."""
    import torch

    before = None
    for index, frame in enumerate(source.each()):
        is_repeated = frame is not None and before is not None and frame.equal(before)
        if frame is None or any(index in span for span in spans) or (is_repeated and not spans):
            missing.add(index)
        before = before if frame is None else frame
        yield torch.zeros(3, 1, *source.size, dtype=torch.uint8) if frame is None else frame


def _decoded(source: video.PacedVideo) -> Iterator[Tensor | None]:
    """The frames one by one, (3, 1, h, w) uint8, None where they cannot be decoded."""
    for start in range(0, source.frames, AT_ONCE):
        count = min(AT_ONCE, source.frames - start)
        try:
            yield from source.read(start, count).split(1, dim=1)
        except InputError:
            for index in range(start, start + count):
                try:
                    yield source.read(index, 1)
                except InputError:
                    yield None
