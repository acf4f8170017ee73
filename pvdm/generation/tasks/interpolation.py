"""More frames per second: clips whose regular frames are given, each of which begins where the one before ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from pvdm.conditions.hints import with_given
from pvdm.diffusion import SamplerConfig, VideoNoise
from pvdm.errors import InputError
from pvdm.generation.conditioned_model import Label, Scores
from pvdm.generation.latent_model import LatentModel
from pvdm.runtime.progress_callback import Progress


class Interpolation:
    """Puts `factor` - 1 new frames between any two of a video, in memory that does not grow with its length.

    Args:
        generator: A model that takes given frames.
        factor: Frames for each of the video, at least 2 and less than a clip has.
        sampler: The sampler.
        seed: Seed of the noise; clip i of a seed has the same noise at any batch size.
        label: Class of the video, by index or name.
        prompt: What is to be seen in the video.
        negative_prompt: What `prompt_guidance` of the sampler leads away from, instead of no prompt.
        scores: Scores of all clips, such as `{"motion": 2}`.
        batch_size: Clips sampled at once.
        keep_given: Whether the video's own frames stay exactly, and their neighbors are adjusted to them.

    InputError for a factor or a model that does not fit, or a prompt or a score that it cannot follow.
    """

    def __init__(
        self,
        generator: LatentModel,
        factor: int,
        *,
        sampler: SamplerConfig = SamplerConfig(),
        seed: int = 0,
        label: Label | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        scores: Scores | None = None,
        batch_size: int = 4,
        keep_given: bool = True,
    ) -> None:
        generator.check_takes_frames()
        if not 2 <= factor < generator.frames:
            problem = f"the factor is {factor}"
            raise InputError(problem, f"give 2 to {generator.frames - 1}, for clips have {generator.frames} frames")
        self.generator, self.factor, self.sampler, self.seed = generator, factor, sampler, seed
        told = {"labels": label, "prompts": prompt, "negative_prompt": negative_prompt, "scores": scores}
        self.told = generator.described(batch_size, **told)
        self.batch_size, self.keep_given = batch_size, keep_given
        self.intervals = (generator.frames - 1) // factor
        """Pairs of neighboring frames of the video that one clip fills."""

    def clips(self, frames: int) -> int:
        """Number of clips that a video of so many frames takes."""
        return max(1, -(-(frames - 1) // self.intervals))

    def run(self, video: Iterable[Tensor], progress: Progress | None = None) -> Iterator[Tensor]:
        """Yields the new video in parts (3, n, h, w) uint8: (N - 1) * `factor` + 1 frames of N.

        Args:
            video: Its frames in parts (3, n, h, w) uint8 of the model's size.
            progress: Called after each step with (steps done, steps) of each batch of clips.

        InputError for a video of one frame.
        """
        done = 0
        for batch in _batches(self._spans(video), self.batch_size):
            yield from self._filled(batch, done, progress)
            done += len(batch)

    def _spans(self, video: Iterable[Tensor]) -> Iterator[tuple[Tensor, bool]]:
        """The given frames of each clip, (3, up to intervals + 1, h, w), and whether it is the last one."""
        waiting = None
        for part in video:
            waiting = part if waiting is None else torch.cat((waiting, part), dim=1)
            while waiting.shape[1] > self.intervals + 1:  # one more, so that another clip follows
                yield waiting[:, : self.intervals + 1], False
                waiting = waiting[:, self.intervals :]
        if waiting is None or waiting.shape[1] < 2:
            raise InputError("the video has a single frame", "give one of at least two")
        yield waiting, True

    def _filled(self, batch: list[tuple[Tensor, bool]], done: int, progress: Progress | None) -> Iterator[Tensor]:
        """The frames of a batch of clips; the last given frame of each is the first of the next one."""
        first = batch[0][0]
        video = first.new_zeros(len(batch), 3, self.generator.frames, *first.shape[2:])
        known = torch.zeros(len(batch), self.generator.frames, dtype=torch.bool)
        for index, (frames, _) in enumerate(batch):
            places = slice(0, (frames.shape[1] - 1) * self.factor + 1, self.factor)
            video[index, :, places], known[index, places] = frames, True
        hint = self.generator.hint(video, known)
        noise = VideoNoise([(self.seed, 0, done + index) for index in range(len(batch))])
        condition = replace(self.told.part(slice(len(batch))), hint=hint.hint, known=hint.known)
        latent = self.generator.sample_latent(noise, condition, self.sampler, progress)
        latent = self.generator.consistent(latent, lambda clips: with_given(clips, video, known), self.sampler)
        clips = self.generator.decode_latent(latent)
        clips = with_given(clips, video, known) if self.keep_given else clips
        for clip, (frames, is_last) in zip(clips, batch, strict=True):
            yield clip[:, : (frames.shape[1] - 1) * self.factor + is_last]


def _batches(items: Iterable[tuple[Tensor, bool]], size: int) -> Iterator[list[tuple[Tensor, bool]]]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
