"""Clips of a long video sampled side by side: key clips in few rounds, then what lies between them at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pvdm.conditions.hints import with_given
from pvdm.conditions.tracks import Tracks
from pvdm.diffusion import Condition, SamplerConfig, VideoNoise
from pvdm.generation.conditioned_model import Label, Prompts, Scores
from pvdm.generation.latent_model import LatentModel
from pvdm.runtime.processes import ALONE, Processes, in_parts
from pvdm.runtime.progress_callback import Progress
from pvdm.video.clip_borders import faded


class ParallelVideo:
    """A video of any length in about log2(n) rounds of sampling instead of n, where clips of a round make batches.

    Every second clip is a key clip, and frames lie between any two of them. Key clip 0 is sampled as by
    `VideoGenerator.stream`. Key clip k continues key clip `parent(k)`, whose last frame it follows as if no time had
    passed, so that all whose parents are known make a round. The clips between continue the key clip before them and
    end with the first frame of the one after. It is for motion that goes on as it is, or returns: what moves away
    for good would have to come back.

    Args:
        generator: A model that takes given frames.
        frames: Frames of the video.
        context: Video (3, n, h, w) uint8 that it continues; by default the first clip is sampled without one.
        video: (seed, index); its noise depends on nothing else, and clip 0 is that of the same video of a stream.
        label: Its class, by index or name.
        prompts: What is to be seen; or several, by the numbers of the new frames from which they hold.
        negative_prompt: What `prompt_guidance` of the sampler leads away from, instead of no prompt.
        tracks: The camera and the sound of the new frames.
        scores: Scores of all clips.
        sampler: Sampler of the first clip.
        later_sampler: Sampler of all others; by default that of the first.
        batch_size: Clips sampled at once in each process.
        shared: Processes that share the clips; the video depends on the batch size alone, up to rounding.

    InputError for a model that does not take given frames, or for what it cannot follow.
    """

    def __init__(
        self,
        generator: LatentModel,
        frames: int,
        *,
        context: Tensor | None = None,
        video: tuple[int, int] = (0, 0),
        label: Label | None = None,
        prompts: Prompts = None,
        negative_prompt: str | None = None,
        tracks: Tracks | None = None,
        scores: Scores | None = None,
        sampler: SamplerConfig | None = None,
        later_sampler: SamplerConfig | None = None,
        batch_size: int = 4,
        shared: Processes = ALONE,
    ) -> None:
        generator.check_takes_frames()
        self.generator, self.frames, self.video = generator, frames, video
        self.batch_size, self.shared, self._tracks = batch_size, shared, tracks
        described = generator.described(1, labels=label, scores=scores)
        self._told = generator.prompted_clips(described, prompts, 1, negative_prompt)
        self._context = None if context is None else generator.encode_context(context)
        self._before = None if context is None else context[None].cpu()
        self.sampler = sampler or SamplerConfig()
        self.later_sampler = later_sampler or self.sampler
        self.stride = 2 * generator.frames - 1
        """Frames from the beginning of a key clip to that of the next."""
        self.keys = math.ceil(frames / self.stride)
        """Key clips; as many other clips follow one each."""

    @property
    def samplings(self) -> list[int]:
        """Frames of the video that each sampling of this process stands for, in order."""
        own = [part for numbers in (*rounds(self.keys), range(self.keys)) for part in self._shares(numbers)]
        return [len(part) * self.generator.frames for part in own]

    @property
    def sequential_evaluations(self) -> int:
        """Evaluations of the network that have to wait for each other."""
        first, later = (self.generator.completed(each).steps for each in (self.sampler, self.later_sampler))
        return first + later * len(rounds(self.keys))

    def run(self, progress: Progress | None = None) -> Iterator[Tensor]:
        """Yields the video in parts (3, n, h, w) uint8, in rank 0; other processes yield none, and must get to the end.

        progress: Called after each step with (steps done, steps) of each of this process's `samplings`.
        """
        keys = self._sampled_keys(progress)
        left, before, fade = self.frames, self._before, self.generator.diffusion.border_fade
        for pair in self._pairs(keys, progress):
            for clip in pair:
                before = clip if before is None else faded(before, clip, fade)
                if left > 0:
                    yield before[0, :, :left]
                left -= clip.shape[2]

    def _sampled_keys(self, progress: Progress | None) -> Tensor:
        """The latents of all key clips, (keys, c, l), in every process."""
        found: dict[int, Tensor] = {}
        for numbers in rounds(self.keys):
            own = {}
            for part in self._shares(numbers):
                latents = torch.cat([found[parent(number)] for number in part]) if part[0] else self._context
                condition = self._condition([number * self.stride for number in part], latents)
                sampler = self.later_sampler if part[0] else self.sampler
                sampled = self.generator.sample_latent(self._noise(part, 0), condition, sampler, progress)
                own |= {number: latent.clone() for number, latent in zip(part, sampled.cpu().split(1), strict=True)}
            for latents in self.shared.gather(own):
                found |= {number: latent.to(self.generator.device) for number, latent in latents.items()}
        return torch.cat([found[number] for number in range(self.keys)])

    def _pairs(self, keys: Tensor, progress: Progress | None) -> Iterator[tuple[Tensor, Tensor]]:
        """Each key clip and what follows it, (1, 3, n, h, w) uint8 each; every process has a batch of each round."""
        parts = in_parts(self.keys, self.batch_size)
        for start in range(0, len(parts), self.shared.size):
            own = self.shared.share(parts[start : start + self.shared.size])
            made = self._followed(own[0], keys, progress) if own else ()
            for pairs in self.shared.gather(made) if self.shared.size > 1 else (made,):
                yield from pairs if self.shared.is_main else ()

    def _followed(self, part: range, keys: Tensor, progress: Progress | None) -> list[tuple[Tensor, Tensor]]:
        """Key clips of these numbers, and the clips that lead from each to the next; the last one leads nowhere."""
        generator, sampler = self.generator, self.later_sampler
        clips = generator.decode_latent(keys[part.start : part.stop + 1])
        own, known = clips[: len(part)], torch.zeros(len(part), generator.frames, dtype=torch.bool)
        ends = torch.zeros_like(own)
        ends[: len(clips) - 1, :, -1], known[: len(clips) - 1, -1] = clips[1:, :, 0], True
        hint = generator.hint(ends, known)
        starts = [number * self.stride + generator.frames for number in part]
        condition = self._condition(starts, keys[part.start : part.stop])
        condition = replace(condition, hint=hint.hint, known=hint.known)
        latents = generator.sample_latent(self._noise(part, 1), condition, sampler, progress)
        led = slice(len(clips) - 1)
        given = ends[led], known[led]
        if len(clips) > 1:
            latents[led] = generator.consistent(latents[led], lambda made: with_given(made, *given), sampler)
        between = generator.decode_latent(latents)[:, :, :-1]
        return [(one.clone(), two.clone()) for one, two in zip(own.split(1), between.split(1), strict=True)]

    def _condition(self, starts: Sequence[int], context: Tensor | None) -> Condition:
        """That of the clips from these frames on, with the latents before them."""
        clips = [self.generator.tracked(self._told(start), self._tracks, start, 1) for start in starts]
        return replace(Condition.join(clips), context=context)

    def _noise(self, numbers: Sequence[int], between: int) -> VideoNoise:
        return VideoNoise([(*self.video, 2 * number + between) for number in numbers])

    def _shares(self, numbers: Sequence[int]) -> list[Sequence[int]]:
        """This process's batches of a round."""
        return self.shared.share([[numbers[at] for at in part] for part in in_parts(len(numbers), self.batch_size)])


def parent(number: int) -> int:
    """The key clip that a later one continues: its number without the lowest digit 1 in binary."""
    return number & (number - 1)


def rounds(keys: int) -> list[list[int]]:
    """The numbers of key clips by the digits 1 in them: those of a round continue key clips of the round before."""
    digits = [number.bit_count() for number in range(keys)]
    return [[number for number in range(keys) if digits[number] == count] for count in range(max(digits) + 1)]
