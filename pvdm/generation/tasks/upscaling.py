"""Larger video: clips of which all frames are given, but small; each continues the one before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from pvdm.conditions.blurred_clips import enlarged, with_blur_of
from pvdm.diffusion import Condition, SamplerConfig, VideoNoise
from pvdm.errors import InputError
from pvdm.generation.conditioned_model import Label, Scores
from pvdm.generation.latent_model import LatentModel
from pvdm.runtime.progress_callback import Progress
from pvdm.video import check_pixels
from pvdm.video.clip_borders import faded
from pvdm.video.transform import log_cut


class Upscaling:
    """Makes a small video as large as the model's clips, in memory that does not grow with its length.

    The hint of each clip is the small one scaled up, as in cascaded diffusion (Ho et al. 2022), and its context is the
    clip before. Jumps between clips fade as `border_fade` of the diffusion's config says (see `faded`). Where the video
    ends within a clip, its last frame stands until the end of that clip and is cut away again.

    Args:
        generator: A model that takes given frames, trained with blurred ones (`GivenFrames.blurred`).
        sampler: The sampler.
        seed: Seed of the noise.
        label: Class of the video, by index or name.
        prompt: What is to be seen in the video.
        negative_prompt: What `prompt_guidance` of the sampler leads away from, instead of no prompt.
        scores: Scores of all clips, such as `{"motion": 2}`.
        keep_given: Whether the result has the coarse content of the small video exactly, and only its details are new.
            Without it, nothing moves the result towards that video (`hint_passes`), which may be a bad copy.

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
        keep_given: bool = True,
    ) -> None:
        generator.check_upscales()
        self.generator, self.sampler, self.seed, self.keep_given = generator, sampler, seed, keep_given
        told = {"labels": label, "prompts": prompt, "negative_prompt": negative_prompt, "scores": scores}
        self.told = generator.described(1, **told)

    def clips(self, frames: int) -> int:
        """Number of clips that a video of so many frames takes."""
        return -(-frames // self.generator.frames)

    def factor(self, size: tuple[int, int]) -> float:
        """By how much a video of (height, width) is scaled up; InputError unless it is smaller than the model's."""
        (height, width), (own_height, own_width) = size, self.generator.size
        if (factor := max(own_height / height, own_width / width)) <= 1:
            problem = f"the video has {width}x{height} pixels, and this model makes {own_width}x{own_height}"
            raise InputError(problem, "give a smaller video")
        return factor

    def run(self, video: Iterable[Tensor], progress: Progress | None = None) -> Iterator[Tensor]:
        """Yields the large video in parts (3, n, h, w) uint8 of the model's size, as many frames as are given.

        Args:
            video: Its frames in parts (3, n, h, w) uint8 of one size. If it has another shape than the model's clips,
                its edges are cut, and a warning says so.
            progress: Called after each step with (steps done, steps) of each clip.

        InputError if it is not smaller than the model's clips, or has no frame.
        """
        latent = before = None
        for index, small in enumerate(self._small_clips(video)):
            factor = self.factor(tuple(small.shape[2:]))
            if not index:
                log_cut("the video", tuple(small.shape[2:]), self.generator.size)
            given = self._filled(enlarged(small, self.generator.size))
            noise = VideoNoise([(self.seed, 0, index)])
            latent = self.generator.sample_latent(noise, self._condition(given, latent), self.sampler, progress)
            if self.keep_given:
                known = partial(with_blur_of, given=given, factor=factor)
                latent = self.generator.consistent(latent, known, self.sampler)
            clip = self.generator.decode_latent(latent)
            clip = clip if before is None else faded(before, clip, self.generator.diffusion.border_fade)
            before = with_blur_of(clip, given, factor) if self.keep_given else clip
            yield before[0, :, : small.shape[1]]

    def _small_clips(self, video: Iterable[Tensor]) -> Iterator[Tensor]:
        """The frames by clips, (3, up to frames, h, w)."""
        waiting = None
        for part in video:
            check_pixels(part, "3 n h w", what="the video")
            if not part.shape[1]:
                continue
            waiting = part if waiting is None else torch.cat((waiting, part), dim=1)
            while waiting.shape[1] >= self.generator.frames:
                yield waiting[:, : self.generator.frames]
                waiting = waiting[:, self.generator.frames :]
        if waiting is None:
            raise InputError("the video has no frame", "give one of at least one")
        if waiting.shape[1]:
            yield waiting

    def _filled(self, clip: Tensor) -> Tensor:
        """(3, n, h, w) -> (1, 3, frames, h, w), the last frame repeated."""
        missing = self.generator.frames - clip.shape[1]
        return torch.cat((clip, clip[:, -1:].expand(-1, missing, -1, -1)), dim=1)[None]

    def _condition(self, given: Tensor, context: Tensor | None) -> Condition:
        known = torch.ones(1, self.generator.frames, dtype=torch.bool)
        hint = self.generator.hint(given, known)
        return replace(self.told, context=context, hint=hint.hint, known=hint.known)
