"""Keyframes: pictures that frames of a generated video are to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pvdm.conditions.hints import with_given
from pvdm.errors import InputError
from pvdm.video import check_pixels, read_picture

Picture = Tensor | str | Path
"""(3, h, w) uint8 of the model's size, or a file, which is scaled and cut to it."""


@dataclass(frozen=True, eq=False)
class Keyframes:
    """Pictures (3, h, w) uint8 by the numbers of the frames that are to show them, from 0."""

    pictures: Mapping[int, Tensor]

    @classmethod
    def of(
        cls,
        frames: int,
        size: tuple[int, int],
        *,
        first_frame: Picture | None = None,
        last_frame: Picture | None = None,
        keyframes: Mapping[int, Picture] | None = None,
    ) -> Keyframes | None:
        """Those of a video of so many frames of (height, width); None without any.

        InputError for a number outside of the video, or two pictures for one frame.
        """
        ends = [(0, first_frame), (frames - 1, last_frame)]
        named = [(number, picture) for number, picture in ends if picture is not None]
        pictures: dict[int, Tensor] = {}
        for number, picture in [*named, *(keyframes or {}).items()]:
            if not 0 <= number < frames:
                raise InputError(f"there is no frame {number} among {frames}", f"give numbers from 0 to {frames - 1}")
            if number in pictures:
                raise InputError(f"two pictures are given for frame {number}", "give one")
            pictures[number] = _pixels(picture, size)
        return cls(pictures) if pictures else None

    def after(self, frames: int) -> Keyframes:
        """Those of a video without its first frames; InputError if one of these is given a picture."""
        if (own := min(self.pictures)) < frames:
            raise InputError(
                f"frame {own} is one of the video's own", f"give numbers from {frames}, where new frames begin"
            )
        return Keyframes({number - frames: picture for number, picture in self.pictures.items()})

    def clip(self, start: int, frames: int) -> tuple[Tensor, Tensor] | None:
        """A clip (3, frames, h, w) uint8 of those from frame `start` on, else black, and which are given, (frames,).

        None if there is none.
        """
        within = {
            number - start: picture for number, picture in self.pictures.items() if start <= number < start + frames
        }
        if not within:
            return None
        picture = next(iter(within.values()))
        video, known = picture.new_zeros(3, frames, *picture.shape[1:]), torch.zeros(frames, dtype=torch.bool)
        for number, picture in within.items():
            video[:, number], known[number] = picture, True
        return video, known

    def kept(self, clips: Tensor, start: int) -> Tensor:
        """Clips (b, 3, t, h, w) uint8 from frame `start` on, with the given frames exactly, and neighbors adjusted."""
        part = self.clip(start, clips.shape[2])
        if part is None:
            return clips
        video, known = part
        return with_given(clips, video[None], known[None])


def _pixels(picture: Picture, size: tuple[int, int]) -> Tensor:
    """(3, h, w) uint8; InputError for a tensor of another size."""
    if not isinstance(picture, Tensor):
        return read_picture(picture, size)
    check_pixels(picture, "3 h w", what="the picture")
    if tuple(picture.shape[1:]) != size:
        problem = f"a picture has {picture.shape[2]}x{picture.shape[1]} pixels"
        raise InputError(problem, f"this model makes {size[1]}x{size[0]}; give a file, or scale it first")
    return picture
