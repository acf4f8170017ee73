"""One call of the networks each: video to latents and back, and noise to latents."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pvdm.autoencoder import Triplane
from pvdm.diffusion import Condition, Prediction, SamplerConfig, VideoNoise, make_denoise, sample
from pvdm.diffusion.consistency import steps_of
from pvdm.diffusion.denoise import Denoise, WeakGuide
from pvdm.diffusion.kept_planes import KeptPlanes
from pvdm.diffusion.networks.guidance_embedding import GUIDANCE_WEIGHTS, check_weight, told_weight
from pvdm.diffusion.sampler_config import CONTEXT_NOISE
from pvdm.diffusion.time_grids import time_of_sigma
from pvdm.errors import InputError
from pvdm.generation.acceleration.cuda_graphs import ALONE, GraphedNetwork
from pvdm.generation.adapted_model import AdaptedModel, weak_network
from pvdm.runtime.compilation import compile_regions
from pvdm.runtime.precision import bfloat16_weights
from pvdm.runtime.progress_callback import Progress
from pvdm.video import check_pixels, read_video, to_float
from pvdm.video.pixels import to_pixels

if TYPE_CHECKING:
    from typing_extensions import Self

    from pvdm.autoencoder.video_autoencoder import VideoAutoencoder

TOKENS_AT_ONCE = 2**15
"""Tokens of the clips in one pass of the autoencoder: two clips of 16x256x256, which fill a GPU, or many small ones."""


class LatentModel(AdaptedModel):
    """Encodes, decodes and samples latents; its arguments are those of `StoredModel`.

    `clips_at_once` may be set: the number of clips that are encoded or decoded at once, which bounds memory; None
    derives it from their size. So may `decode_device`: another device that decodes; None is the model's own; and
    `float_pixels`: whether clips come out as float32 from 0 to 255 instead of being rounded to uint8, as for image
    series.
    """

    clips_at_once: int | None = None
    decode_device: torch.device | None = None
    float_pixels: bool = False
    _graphed: GraphedNetwork | None = None
    _graphed_guide: GraphedNetwork | None = None

    def accelerate(self, *, compiled: bool = False, cuda_graphs: bool = False, bfloat16: bool = False) -> Self:
        """Makes sampling faster, in place; call it once the model is on its device. Returns the model.

        Args:
            compiled: `torch.compile` the repeated parts of the networks when they first run.
            cuda_graphs: Launch the denoiser's kernels as one; has an effect on CUDA only.
            bfloat16: Store weights in half the memory, for use under `precision("bf16")`, which then computes the same.
        """
        if bfloat16:
            bfloat16_weights(self)
        if compiled:
            networks = (self.autoencoder, self.denoiser, self._modules.get("guide"))  # or a guide without own blocks
            compile_regions(*(network for network in networks if network is not None))
        if cuda_graphs and self.denoiser is not None and self.device.type == "cuda":
            self._graphed = GraphedNetwork(self.denoiser)
            self._graphed_guide = GraphedNetwork(self.guide) if self.guide is not None else None
        return self

    def spread_times(self, t: Tensor) -> Tensor:
        """Times (b, 2) of content and motion for every value of a latent, (b, c, l); times (b,) of both as they are."""
        if t.ndim == 1:
            return t
        content, motion = t[:, :1, None], t[:, 1:, None]
        return torch.where(self.autoencoder.content_mask.to(t.device), content, motion)

    def precision(self, name: str) -> AbstractContextManager:
        """Context of mixed precision: "32" (none) or "bf16"."""
        return torch.autocast(self.device.type, torch.bfloat16) if name == "bf16" else nullcontext()

    @torch.no_grad()
    def sample_latent(
        self,
        noise: VideoNoise,
        condition: Condition | Tensor | None,
        sampler: SamplerConfig,
        progress: Progress | None = None,
        *,
        kept: KeptPlanes | None = None,
        observe: Callable[[Tensor, Tensor, Prediction], None] | None = None,
    ) -> Tensor:
        """Flat latents (b, c, l) from noise; a condition that is a tensor (b, c, l) is the context.

        kept: What they have of a given latent; InputError if this model has one noise level for content and motion.
        observe: Called at each step with the noisy latents (b, c, l), their timesteps (b,), and what is predicted.
        InputError also if a value on the way is not finite.
        """
        self.check_can_continue(None)
        sampler = self.completed(sampler if kept is None else not_few(sampler))
        start = noise.normal((self.denoiser.config.latent_channels, self.denoiser.shape.positions), device=self.device)
        condition = self._noised(Condition.of(condition), sampler, noise)
        condition = self._noised_hint(condition, sampler, noise)
        if sampler.name == "consistency":
            condition = replace(condition, steps=steps_of(sampler.steps, len(start), self.device))
        condition, sampler = told_weight(condition, sampler, self.denoiser.config, start)
        start = start if kept is None else kept.start(start)
        denoise = self.denoise_of(condition, sampler, kept)
        peaks: list[Tensor] = []

        def observed(x: Tensor, t: Tensor) -> Prediction:
            """Records the peak of each step, for clamping hides infinity; only the end waits for the device."""
            prediction = denoise(x, t)
            if observe is not None:
                observe(x, t, prediction)
            peaks.append(prediction.noise.abs().amax().float())
            return prediction

        latent = sample(observed, start, sampler, schedule=self.schedule, noise=noise, progress=progress)
        self.check_result(torch.stack([*peaks, latent.abs().amax().float()]), "sampling")
        return latent if kept is None else kept.result(latent)

    def denoise_of(
        self,
        condition: Condition,
        sampler: SamplerConfig,
        kept: KeptPlanes | None = None,
        *,
        weights: Mapping[str, Tensor] | None = None,
    ) -> Denoise:
        """What a completed sampler sees of the network: its parameterization, guidance and clamping are applied.

        weights: Of guidance, (b,), one for each sample, in place of the sampler's, which must not be 0.
        """
        network, weak = self._graphed or self.denoiser, self._weak_guide(sampler)
        own = {name: getattr(sampler, name) for name in GUIDANCE_WEIGHTS} | dict(weights or {})
        weak = weak and weak._replace(weight=own["autoguidance"])
        if kept is not None:
            network, weak = kept.network(network), weak and weak._replace(network=kept.network(weak.network))
        denoise = make_denoise(
            network,
            self.schedule,
            parameterization=self.diffusion.prediction,
            condition=condition,
            **{name: weight for name, weight in own.items() if name != "autoguidance"},
            clamp=sampler.clamp,
            bound=self.autoencoder.latent_bound,
            weak=weak,
            interval=sampler.guidance_interval,
        )
        return denoise if kept is None else kept.denoise(denoise)

    def kept_planes(
        self,
        latent: Tensor,
        noise: VideoNoise,
        *,
        content: float | None,
        motion: float | None,
        guidance: tuple[float, float] = (0.0, 0.0),
    ) -> KeptPlanes:
        """What is kept of a latent (b, c, l), up to a noise, sigma / alpha, of its content and of its motion.

        0 is exactly, and None not at all. guidance: By content and by motion, see `KeptPlanes`. InputError if this
        model has one noise level for both.
        """
        self.check_recombines()
        levels = [None if sigma is None else time_of_sigma(self.schedule, sigma) for sigma in (content, motion)]
        mask = self.autoencoder.content_mask.to(self.device)
        own = noise.normal(latent.shape[1:], device=self.device)
        return KeptPlanes(latent, mask, tuple(levels), own, self.schedule, guidance)

    def completed(self, sampler: SamplerConfig) -> SamplerConfig:
        """The sampler with all that it leaves to this model: name, steps, grid, and weight of autoguidance.

        InputError for autoguidance without a weak model, and for steps that the sampler cannot take with this model.
        """
        config = self.denoiser.config
        complete = sampler.completed(self.diffusion.timesteps, config.few_steps, self.diffusion.searched_times)
        check_weight(complete, config)
        if complete.autoguidance is None:  # that of few steps has been distilled
            is_guided = self.guide is not None and complete.name != "consistency"
            return replace(complete, autoguidance=self.diffusion.autoguidance if is_guided else 0.0)
        is_told = config.guidance_input == "autoguidance"
        if complete.autoguidance and not is_told and complete.weak_model is None and self.guide is None:
            problem = f"autoguidance is {complete.autoguidance:g}, and this model holds no early weights to guide it"
            raise InputError(problem, "give a weak model, such as block:2, or leave autoguidance out")
        return complete

    def _weak_guide(self, sampler: SamplerConfig) -> WeakGuide | None:
        """The weak model of autoguidance."""
        if not sampler.autoguidance:
            return None
        own, name = self._graphed_guide or self.guide, sampler.weak_model
        return WeakGuide(own if name is None else weak_network(self, name), sampler.autoguidance)

    def _noised(self, condition: Condition, sampler: SamplerConfig, noise: VideoNoise) -> Condition:
        """The condition with noise in its context, where the denoiser is told how much; InputError where it is not."""
        if not self.denoiser.config.context_levels:
            if sampler.context_noise:
                problem = "this model was not trained with noise in its context"
                raise InputError(problem, "leave out context_noise, or train with model.context_noise")
            return condition
        sigma = CONTEXT_NOISE if sampler.context_noise is None else sampler.context_noise
        if condition.context is None or sigma == 0:
            return condition
        level = torch.full((len(condition.context),), time_of_sigma(self.schedule, sigma), device=self.device)
        return condition.noised(level, noise.normal(condition.context.shape[1:], device=self.device), self.schedule)

    def _noised_hint(self, condition: Condition, sampler: SamplerConfig, noise: VideoNoise) -> Condition:
        """The condition with the sampler's noise in its hint."""
        if condition.hint is None or not sampler.hint_noise:
            return condition
        time = time_of_sigma(self.schedule, sampler.hint_noise)
        level = torch.full((len(condition.hint),), time, device=self.device)
        return condition.noised_hint(level, noise.normal(condition.hint.shape[1:], device=self.device), self.schedule)

    @torch.no_grad()
    def encode_context(self, video: Tensor) -> Tensor:
        """Flat latents (b, c, l) of the last clips of videos (b, 3, n, h, w), or of one (3, n, h, w), uint8.

        InputError if they are shorter than a clip.
        """
        check_pixels(video, "3 n h w" if video.ndim == 4 else "b 3 n h w", what="the context")
        videos = video if video.ndim == 5 else video[None]
        self.check_can_continue(videos[0])
        parts = videos[:, :, -self.frames :].split(self.clips_of_a_pass())
        planes = (self.autoencoder.encode(to_float(part.to(self.device))) for part in parts)
        return self.check_result(torch.cat([plane.flatten().float() for plane in planes]), "encoding")

    @torch.no_grad()
    def consistent(self, latent: Tensor, given: Callable[[Tensor], Tensor], sampler: SamplerConfig) -> Tensor:
        """Latents (b, c, l) moved by `hint_passes` of the sampler until their clips agree with what is known of them.

        Each pass decodes them, puts what is known into the clips, and adds the difference that this makes to their
        latents: hard data consistency (Song et al. 2024, arXiv 2307.08123), with the encoder in place of a descent.

        given: Puts what is known into clips (b, 3, t, h, w) uint8.
        """
        bound = self.autoencoder.latent_bound
        for _ in range(sampler.hint_passes):
            clips = self.decode_latent(latent)
            latent = latent + self.encode_context(given(clips)) - self.encode_context(clips)
            latent = latent if bound is None else latent.clamp(-bound, bound)
        return latent

    @torch.no_grad()
    def decode_latent(self, latent: Tensor) -> Tensor:
        """Flat latents (b, c, l) -> (b, 3, t, h, w) uint8 on the CPU."""
        autoencoder, shape = self._decoding(), self.autoencoder.config.latent_shape
        latent = latent.to(self.decode_device or self.device)
        planes = (Triplane.split(part, shape) for part in latent.split(self.clips_of_a_pass()))
        with ALONE:
            return torch.cat([self._pixels(autoencoder.decode(plane)) for plane in planes])

    def _decoding(self) -> VideoAutoencoder:
        """The autoencoder, or a copy of it on `decode_device`, which is made once."""
        if self.decode_device in (None, self.device):
            return self.autoencoder
        copies = vars(self).setdefault("_decoding_copies", {})  # in a dict, as they are no parts of this model
        if self.decode_device not in copies:
            copies[self.decode_device] = copy.deepcopy(self.autoencoder).to(self.decode_device)
        return copies[self.decode_device]

    @torch.no_grad()
    def reconstruct(self, video: Tensor | str | Path) -> Tensor:
        """Video through the autoencoder and back, uint8 on the CPU, of the same shape.

        Args:
            video: Clips (b, 3, t, h, w) uint8 of the model's length; or a whole video of at least a clip: (3, n, h, w)
                uint8, a file or a folder of frames, which is read at the model's size and frame rate.
        """
        video = self._read(video)
        if isinstance(video, Tensor) and video.ndim == 4:
            check_pixels(video, "3 n h w", what="the video")
            return self._reconstruct_whole(video)
        check_pixels(video, "b 3 t h w", what="the video")
        parts = (to_float(part.to(self.device)) for part in video.split(self.clips_of_a_pass()))
        return torch.cat([self._pixels(self.autoencoder(part)) for part in parts])

    def clips_of_a_pass(self) -> int:
        """How many clips go through the autoencoder at once: `clips_at_once`, or as many as fill a GPU."""
        return self.clips_at_once or max(1, TOKENS_AT_ONCE // math.prod(self.autoencoder.config.latent_shape.cube))

    def _reconstruct_whole(self, video: Tensor) -> Tensor:
        """(3, n, h, w) uint8 clip by clip; the last clip overlaps the one before, to end with the video."""
        length, frames = video.shape[1], self.frames
        if length < frames:
            raise InputError(
                f"the video has {length} frames", f"this model takes clips of {frames}, give a longer video"
            )
        starts = [min(start, length - frames) for start in range(0, length, frames)]
        clips = self.reconstruct(torch.stack([video[:, start : start + frames] for start in starts]))
        new = [clip[:, frames * place - start :] for place, (start, clip) in enumerate(zip(starts, clips, strict=True))]
        return torch.cat(new, dim=1)

    def _read(self, video: Tensor | str | Path) -> Tensor:
        """The tensor itself, or a file's frames (3, n, h, w) uint8 at the model's size and frame rate."""
        if not isinstance(video, (str, Path)):
            return video
        size = self.autoencoder.config
        return read_video(video, fps=self.pace, size=(size.height, size.width), value_range=self.value_range)

    def _pixels(self, decoded: Tensor) -> Tensor:
        """Floats in [-1, 1] -> pixels on the CPU; InputError if they are not finite, which would become black."""
        dtype = torch.float32 if self.float_pixels else torch.uint8
        return to_pixels(self.check_result(decoded, "decoding"), dtype).cpu()


def not_few(sampler: SamplerConfig) -> SamplerConfig:
    """The sampler for a clip of which a part is kept, for which no model is tuned in few steps; InputError for that."""
    if sampler.name == "consistency":
        raise InputError("the sampler consistency cannot keep content or motion", "choose another, such as unipc")
    return replace(sampler, name=sampler.name or "unipc")
