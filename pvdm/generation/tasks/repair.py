"""Missing or damaged frames, made from those around them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from pvdm.conditions.hints import with_given
from pvdm.diffusion import SamplerConfig, VideoNoise
from pvdm.errors import InputError
from pvdm.generation.conditioned_model import Label, Scores
from pvdm.generation.latent_model import LatentModel
from pvdm.runtime.progress_callback import Progress
from pvdm.video.pixels import as_pixels

LEAD = 4
"""A quarter of a clip: frames before a gap that a clip begins with if the gap is too long for it."""


class Repair:
    """Makes the missing frames of a video anew, in memory that grows with no more than a gap.

    A clip is laid around each gap, and is given all of its frames that there are. A gap that is longer than a clip is
    filled by several, each of which begins with frames of the one before.

    Args:
        generator: A model that takes given frames.
        sampler: The sampler.
        seed: Seed of the noise.
        label: Class of the video, by index or name.
        prompt: What is to be seen in the video.
        negative_prompt: What `prompt_guidance` of the sampler leads away from, instead of no prompt.
        scores: Scores of all clips, such as `{"motion": 2}`.

    InputError for a model that does not take given frames, or a prompt or a score that it cannot follow.
    """

    def __init__(
        self,
        generator: LatentModel,
        *,
        sampler: SamplerConfig = SamplerConfig(),
        seed: int = 0,
        label: Label | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        scores: Scores | None = None,
    ) -> None:
        generator.check_takes_frames()
        self.generator, self.sampler, self.seed = generator, sampler, seed
        told = {"labels": label, "prompts": prompt, "negative_prompt": negative_prompt, "scores": scores}
        self.told = generator.described(1, **told)

    def run(
        self, video: Iterable[Tensor], missing: Collection[int], progress: Progress | None = None
    ) -> Iterator[Tensor]:
        """Yields the whole video in parts (3, n, h, w) uint8.

        Args:
            video: Its frames in parts (3, n, h, w) uint8 of the model's size; those that are missing are not read.
            missing: Their numbers, from 0.
            progress: Called after each step with (steps done, steps) of each clip.

        InputError if more frames than a clip has are missing at the beginning, or if all are.
        """
        window, clips = _Window(), 0
        for part in _with_end(video):
            window.add(part, missing)
            while (gap := window.gap) is not None and (window.has_ended or self._is_whole(window, gap)):
                self._fill(window, gap, VideoNoise([(self.seed, 0, clips)]), progress)
                clips += 1
            yield from window.done(self.generator.frames)

    def _is_whole(self, window: _Window, gap: range) -> bool:
        """Whether there are enough frames behind a gap to place a clip, wherever its end may be."""
        return len(window) >= gap.start + self.generator.frames

    def _fill(self, window: _Window, gap: range, noise: VideoNoise, progress: Progress | None) -> None:
        """Fills all that is missing in one clip, which begins before the gap."""
        frames = self.generator.frames
        lead = (frames - len(gap)) // 2 if len(gap) <= frames - 2 else frames // LEAD
        start = max(0, gap.start - lead)
        if window.has_ended:
            start = max(0, min(start, len(window) - frames))
        video, known = window.clip(start, frames)
        if not known.any():
            problem = f"none of frames {window.first + start} to {window.first + start + frames - 1} is there"
            raise InputError(problem, "begin the video where its frames begin")
        hint = self.generator.hint(video, known)
        condition = replace(self.told, hint=hint.hint, known=hint.known)
        latent = self.generator.sample_latent(noise, condition, self.sampler, progress)
        latent = self.generator.consistent(latent, lambda clips: with_given(clips, video, known), self.sampler)
        window.put(start, with_given(self.generator.decode_latent(latent), video, known)[0])


class _Window:
    """The frames of a video that are still needed, and which of them are there."""

    def __init__(self) -> None:
        self.frames: Tensor | None = None
        self.is_there = torch.zeros(0, dtype=torch.bool)
        self.first, self.passed, self.has_ended = 0, 0, False

    def __len__(self) -> int:
        return len(self.is_there)

    def add(self, part: Tensor | None, missing: Collection[int]) -> None:
        """More frames, or None at the end."""
        if part is None:
            self.has_ended = True
            return
        begin = self.first + len(self)
        there = [begin + index not in missing for index in range(part.shape[1])]
        self.frames = part if self.frames is None else torch.cat((self.frames, part), dim=1)
        self.is_there = torch.cat((self.is_there, torch.tensor(there, dtype=torch.bool)))

    @property
    def gap(self) -> range | None:
        """The first run of missing frames; None without any."""
        lacking = (~self.is_there).nonzero().flatten().tolist()
        if not lacking:
            return None
        there = (index for index in range(lacking[0], len(self)) if self.is_there[index])
        return range(lacking[0], next(there, len(self)))

    def clip(self, start: int, frames: int) -> tuple[Tensor, Tensor]:
        """A clip (1, 3, frames, h, w), black after the end, and which of its frames are there, (1, frames)."""
        part, there = self.frames[:, start : start + frames], self.is_there[start : start + frames]
        video, known = part.new_zeros(3, frames, *part.shape[2:]), torch.zeros(frames, dtype=torch.bool)
        video[:, : part.shape[1]], known[: len(there)] = part, there
        return video[None], known[None]

    def put(self, start: int, clip: Tensor) -> None:
        """The frames of a clip (3, t, h, w) in place of those missing."""
        stop = min(start + clip.shape[1], len(self))
        chosen = torch.arange(start, stop)[~self.is_there[start:stop]]
        self.frames = self.frames.clone()
        made = as_pixels(clip[:, chosen - start], self.frames.dtype)
        self.frames[:, chosen], self.is_there[chosen] = made, True

    def done(self, clip: int) -> Iterator[Tensor]:
        """The frames before the first gap, as soon as they are there; those that no clip needs are forgotten."""
        gap = self.gap
        end = len(self) if gap is None else gap.start
        if end > self.passed:
            yield self.frames[:, self.passed : end]
            self.passed = end
        if count := max(0, end - clip):
            self.frames, self.is_there, self.first = self.frames[:, count:], self.is_there[count:], self.first + count
            self.passed -= count


def _with_end(video: Iterable[Tensor]) -> Iterator[Tensor | None]:
    """The parts, then None."""
    yield from video
    yield None
