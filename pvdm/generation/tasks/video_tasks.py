"""What a model does with whole videos, in memory; the tasks do the same part by part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.diffusion import SamplerConfig
from pvdm.diffusion.sampler_config import SamplerName
from pvdm.errors import InputError
from pvdm.generation.conditioned_model import Label, Scores
from pvdm.generation.latent_model import LatentModel
from pvdm.generation.tasks.interpolation import Interpolation
from pvdm.generation.tasks.recombination import Recombination
from pvdm.generation.tasks.upscaling import Upscaling
from pvdm.runtime.progress_callback import Progress
from pvdm.video import check_pixels, read_video


class VideoTasks(LatentModel):
    """Interpolates, upscales and recombines videos; its arguments are those of `StoredModel`."""

    def interpolate(
        self,
        video: Tensor | str | Path,
        factor: int = 2,
        *,
        steps: int | None = None,
        seed: int = 0,
        label: Label | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        scores: Scores | None = None,
        keep_given: bool = True,
        batch_size: int = 4,
        sampler: SamplerConfig | SamplerName | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """A video with `factor` - 1 new frames between any two: (3, (n - 1) * factor + 1, h, w) uint8 on the CPU.

        Args:
            video: A file or folder of frames, every frame of which is read, or (3, n, h, w) uint8 of the model's size.
            steps: Evaluations of the network per clip; by default those of the sampler.
            sampler: The sampler, by name, or with its guidance as a `SamplerConfig`.
            progress: Called after each step with (steps done, steps) of each batch of clips.

        The other arguments are those of `Interpolation`, which does the same part by part.
        """
        if isinstance(video, (str, Path)):
            video = read_video(video, size=self.size, value_range=self.value_range)
        check_pixels(video, "3 n h w", what="the video")
        options = {"seed": seed, "label": label, "keep_given": keep_given, "batch_size": batch_size}
        options |= {"prompt": prompt, "negative_prompt": negative_prompt, "scores": scores}
        task = Interpolation(self, factor, sampler=self._sampler(sampler, steps), **options)
        return torch.cat(list(task.run([video], progress)), dim=1)

    def upscale(
        self,
        video: Tensor | str | Path,
        *,
        steps: int | None = None,
        seed: int = 0,
        label: Label | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        scores: Scores | None = None,
        keep_given: bool = True,
        sampler: SamplerConfig | SamplerName | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """A small video at the model's size: (3, n, h, w) uint8 on the CPU.

        Args:
            video: A file or folder of frames, every frame of which is read, or (3, n, h, w) uint8; smaller than the
                model's clips.
            steps: Evaluations of the network per clip; by default those of the sampler.
            sampler: The sampler, by name, or with its guidance as a `SamplerConfig`.
            progress: Called after each step with (steps done, steps) of each clip.

        The other arguments are those of `Upscaling`, which does the same part by part.
        """
        video = read_video(video, value_range=self.value_range) if isinstance(video, (str, Path)) else video
        check_pixels(video, "3 n h w", what="the video")
        options = {"seed": seed, "label": label, "keep_given": keep_given}
        options |= {"prompt": prompt, "negative_prompt": negative_prompt, "scores": scores}
        task = Upscaling(self, sampler=self._sampler(sampler, steps), **options)
        return torch.cat(list(task.run([video], progress)), dim=1)

    def recombine(
        self,
        num_videos: int = 1,
        *,
        content: Tensor | str | Path | None = None,
        motion: Tensor | str | Path | None = None,
        seed: int = 0,
        steps: int | None = None,
        sampler: SamplerConfig | SamplerName | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> Tensor:
        """Videos of given content and motion, of which one may be new: (num_videos, 3, n, h, w) uint8 on the CPU.

        Args:
            num_videos: Number of videos.
            content: A file or folder of frames, read at the model's size and frame rate, or (3, n, h, w) uint8 of that
                size, of at least a clip.
            motion: The same.
            seed: Video i of a seed is the same whatever their number.
            steps: Evaluations of the network per clip; by default those of the sampler.
            sampler: The sampler, by name, or with its guidance as a `SamplerConfig`.
            progress: Called after each step with (steps done, steps) of each clip.
            options: `content_noise`, `motion_noise`, `content_guidance`, `motion_guidance`, `label`, `prompt` and
                `scores` of `Recombination`.
        """
        if num_videos < 1:
            raise InputError(f"num_videos is {num_videos}", "give at least 1")
        videos = {"content": self._read(content), "motion": self._read(motion)}
        task = Recombination(self, **videos, sampler=self._sampler(sampler, steps), **options)
        return torch.cat(list(task.run([(seed, index) for index in range(num_videos)], progress)), dim=2)

    def _sampler(self, sampler: SamplerConfig | SamplerName | None, steps: int | None) -> SamplerConfig:
        """The sampler with so many steps; ValueError for an unknown name, InputError for more steps than timesteps."""
        timesteps = self.diffusion.timesteps
        if steps is not None and not 1 <= steps <= timesteps:
            raise InputError(f"steps is {steps}", f"this model has {timesteps} timesteps, give 1 to {timesteps}")
        sampler = SamplerConfig(sampler) if isinstance(sampler, str) else sampler or SamplerConfig()
        return sampler if steps is None else replace(sampler, steps=steps)
