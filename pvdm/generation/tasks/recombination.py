"""Content of one video with the motion of another, or with new motion, or new content with the motion of a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pvdm.diffusion import SamplerConfig, VideoNoise
from pvdm.errors import InputError, check_range
from pvdm.generation.conditioned_model import Label, Scores
from pvdm.generation.latent_model import LatentModel
from pvdm.runtime.progress_callback import Progress
from pvdm.video import check_pixels
from pvdm.video.clip_borders import faded

CONTENT_NOISE, MOTION_NOISE = 0.3, 0.3
"""Noise, sigma / alpha, up to which each is kept by default."""

CONTENT_GUIDANCE, MOTION_GUIDANCE = 1.0, 2.0
"""Weights of guidance by each where both are given; the defaults were found on drawn characters."""


class Recombination:
    """Makes videos of given content and given motion, clip by clip; what is not given is sampled.

    Content is what the latent holds of a clip as a whole, and motion the rest (`VideoAutoencoder.content_mask`). The
    denoiser has times of either (`KeptPlanes`), so it is at once p(motion | content) and p(content | motion).

    Args:
        generator: A model that was trained with `planes_apart`.
        content, motion: Videos (3, n, h, w) uint8 of at least a clip; of one of them None, which is then new. With
            both, the result ends with the shorter one.
        content_noise, motion_noise: Noise, sigma / alpha, up to which they are kept: 0 keeps them exactly, and
            more lets them adapt to each other.
        content_guidance, motion_guidance: Weights of guidance by each, see `KeptPlanes`; each above 0 costs one more
            evaluation in each step. By default 1 and 2 with both, and 0 with one alone.
        sampler: The sampler.
        label: Class of the videos, by index or name.
        prompt: What is to be seen.
        scores: Scores of all clips, such as `{"motion": 2}`.

    InputError for a model without such times, a video shorter than a clip, or neither of both.
    """

    def __init__(
        self,
        generator: LatentModel,
        *,
        content: Tensor | None = None,
        motion: Tensor | None = None,
        content_noise: float = CONTENT_NOISE,
        motion_noise: float = MOTION_NOISE,
        content_guidance: float | None = None,
        motion_guidance: float | None = None,
        sampler: SamplerConfig = SamplerConfig(),
        label: Label | None = None,
        prompt: str | None = None,
        scores: Scores | None = None,
    ) -> None:
        generator.check_recombines()
        if content is None and motion is None:
            raise InputError("neither content nor motion is given", "give a video for one of them, or for both")
        check_range(0, None, content_noise=content_noise, motion_noise=motion_noise)
        usual = (0.0, 0.0) if content is None or motion is None else (CONTENT_GUIDANCE, MOTION_GUIDANCE)
        content_guidance = usual[0] if content_guidance is None else content_guidance
        motion_guidance = usual[1] if motion_guidance is None else motion_guidance
        check_range(0, None, content_guidance=content_guidance, motion_guidance=motion_guidance)
        for what, video in (("content", content), ("motion", motion)):
            if video is not None:
                check_pixels(video, "3 n h w", what=f"the {what}")
                generator.check_can_continue(video)
        self.generator, self.sampler = generator, sampler
        self.told = {"labels": label, "prompts": prompt, "scores": scores}
        self.content, self.motion, self.guidance = content, motion, (content_guidance, motion_guidance)
        self.content_noise = None if content is None else content_noise
        self.motion_noise = None if motion is None else motion_noise

    @property
    def frames(self) -> int:
        """Frames of the result: whole clips."""
        length = min(video.shape[1] for video in (self.content, self.motion) if video is not None)
        return length - length % self.generator.frames

    def run(self, videos: Sequence[tuple[int, int]], progress: Progress | None = None) -> Iterator[Tensor]:
        """Yields the clips (b, 3, t, h, w) uint8 of a video for each (seed, index), one after the other.

        progress: Called after each step with (steps done, steps) of each clip.
        """
        generator, count = self.generator, len(videos)
        condition = generator.described(count, **self.told)
        latent = before = None
        for clip in range(self.frames // generator.frames):
            noise = VideoNoise([(*video, clip) for video in videos])
            given = replace(condition, context=latent)
            kept = self._given(clip).expand(count, -1, -1)
            options = {"content": self.content_noise, "motion": self.motion_noise, "guidance": self.guidance}
            planes = generator.kept_planes(kept, noise, **options)
            latent = generator.sample_latent(noise, given, self.sampler, progress, kept=planes)
            clips = generator.decode_latent(latent)
            before = clips if before is None else faded(before, clips, generator.diffusion.border_fade)
            yield before

    def _given(self, clip: int) -> Tensor:
        """The latent (1, c, l) with the content and the motion of a clip of the videos; of one, where one is given."""
        start, frames = clip * self.generator.frames, self.generator.frames
        latents = [
            None if video is None else self.generator.encode_context(video[:, start : start + frames])
            for video in (self.content, self.motion)
        ]
        pairs = zip(latents, latents[::-1], strict=True)
        content, motion = (other if latent is None else latent for latent, other in pairs)
        return torch.where(self.generator.autoencoder.content_mask.to(content.device), content, motion)
