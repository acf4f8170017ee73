"""Which frames of a video are to be made anew: those that are named, damaged, or repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.video import PacedVideo

AT_ONCE = 16
"""Frames that are decoded together, and one by one if that fails."""

SHOWN = 10
"""Spans of frames that a message names."""


def missing_frames(source: PacedVideo, spans: Sequence[range]) -> set[int]:
    """The frames of `spans` and those that cannot be decoded; without spans, also exact repetitions of the one before.

    InputError if there are none, or if one of the spans is beyond the video's end.
    """
    if (last := max((span[-1] for span in spans), default=0)) >= source.frames:
        raise InputError(
            f"there is no frame {last} in {source.path}, which has {source.frames}",
            f"give numbers from 0 to {source.frames - 1}",
        )
    damaged, repeated = _found(source)
    missing = (set().union(*spans) or repeated) | damaged
    if not missing:
        raise InputError(f"{source.path} lacks no frame", "say which to make anew by {missing}, such as 40-47 60")
    return missing


def spans_of(texts: Sequence[str]) -> list[range]:
    """The spans in texts such as "40-47" or "60", both ends included; InputError for anything else."""
    found = []
    for text in texts:
        first, dash, last = text.partition("-")
        last = last if dash else first
        if not first.isdecimal() or not last.isdecimal() or int(last) < int(first):
            raise InputError(f"the span of missing frames is {text}", "give {missing} such as 40-47 60")
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


def readable_frames(source: PacedVideo) -> Iterator[Tensor]:
    """The frames one by one, (3, 1, h, w) uint8, black where they cannot be decoded."""
    black = torch.zeros(3, 1, *source.size, dtype=torch.uint8)
    return (black if frame is None else frame for frame in _decoded(source))


def _found(source: PacedVideo) -> tuple[set[int], set[int]]:
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


def _decoded(source: PacedVideo) -> Iterator[Tensor | None]:
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
