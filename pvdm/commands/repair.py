"""`pvdm repair`: makes missing or damaged frames of a video anew."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from tqdm import tqdm

from pvdm.commands.terminal.condition_options import add_prompt, add_scores
from pvdm.commands.terminal.provenance_options import add_provenance
from pvdm.commands.terminal.shared_options import (
    add_model,
    add_sampler,
    load_model,
    natural,
    of_one_video,
    shared_work,
)
from pvdm.commands.terminal.video_pipes import PIPE, add_video_ends, check_ends, output_of, video_of
from pvdm.runtime.processes import together
from pvdm.runtime.signals import raise_dropped

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.video.live.live_video import LiveVideo

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
    add_provenance(parser)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: _repair(options) if shared.is_main else None)


def _repair(options: argparse.Namespace) -> None:
    check_ends(options)
    from pvdm.generation.tasks.missing_frames import in_words, missing_frames, readable_frames, spans_of
    from pvdm.generation.tasks.repair import Repair

    spans = spans_of(options.missing or [])
    generator = load_model(options)
    task = Repair(generator, **of_one_video(options, generator))
    with ExitStack() as stack:
        source = stack.enter_context(video_of(options, generator, generator.size))
        is_live = options.input == PIPE
        missing = set() if is_live else missing_frames(source, spans)
        frames = _coming(source, spans, missing) if is_live else readable_frames(source)
        if not is_live:
            logger.info("making %d frames anew: %s", len(missing), in_words(missing))
        stack.enter_context(generator.precision(options.precision))
        bar = stack.enter_context(tqdm(total=source.frames, unit="frame"))
        parts = stack.enter_context(closing(task.run(frames, missing)))
        output = stack.enter_context(
            output_of(options, source, source.fps or generator.fps, provenance=generator.provenance)
        )
        for part in parts:
            output.write(part)
            bar.update(part.shape[1])
            raise_dropped()
    output.log(f"{output.frames} frames, {len(missing)} of them made anew,")


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
