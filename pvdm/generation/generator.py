"""`VideoGenerator`: the whole model, from noise or a clip to uint8 video of any length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.autoencoder import Triplane
from pvdm.diffusion import Condition, Prediction, SamplerConfig, VideoNoise, make_denoise, sample
from pvdm.diffusion.sampler_config import SamplerName
from pvdm.errors import InputError
from pvdm.generation.class_labels import Label, class_index, one_each
from pvdm.generation.cuda_graphs import ALONE, GraphedNetwork
from pvdm.generation.stored_model import StoredModel
from pvdm.runtime.compilation import compile_regions
from pvdm.runtime.precision import bfloat16_weights
from pvdm.runtime.prefetch import prefetch
from pvdm.runtime.progress import Progress
from pvdm.video import check_pixels, read_video, to_float, to_uint8

TOKENS_AT_ONCE = 2**15
"""Of clips that go through the autoencoder at once: two at 256x256 and 16 frames, which fill a GPU, and many small."""


class VideoGenerator(StoredModel):
    """An autoencoder and, after stage 2, the denoiser of its latents, at work; its arguments are `StoredModel`'s.

    `clips_at_once` may be set: the clips that are encoded or decoded at once, by which memory is bounded; None derives
    it from their size. `overlap` too: whether a thread samples the next clips while the caller has those before
    decoded and does with them what it likes; None is on a GPU alone, for on a CPU both would want the same cores.
    """

    clips_at_once: int | None = None
    overlap: bool | None = None
    _graphed: GraphedNetwork | None = None

    def accelerate(
        self, *, compiled: bool = False, cuda_graphs: bool = False, bfloat16: bool = False
    ) -> VideoGenerator:
        """This model made faster for sampling, once it is where it stays, by what is asked for and can be done here.

        Args:
            compiled: `torch.compile` for the parts of both networks, when they first run.
            cuda_graphs: The denoiser's kernels launched as one; on a GPU alone.
            bfloat16: Weights in half the memory, for use under `precision("bf16")`, which computes the same with them.
        """
        if bfloat16:
            bfloat16_weights(self)
        if compiled:
            compile_regions(*(network for network in (self.autoencoder, self.denoiser) if network is not None))
        if cuda_graphs and self.denoiser is not None and self.device.type == "cuda":
            self._graphed = GraphedNetwork(self.denoiser)
        return self

    def sample(
        self,
        num_videos: int,
        *,
        steps: int | None = None,
        seed: int = 0,
        labels: Label | Sequence[Label] | None = None,
        batch_size: int | None = None,
        sampler: SamplerConfig | SamplerName | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """New clips: (num_videos, 3, t, h, w) uint8 on the CPU, to be shown at `fps` frames per second.

        Args:
            num_videos: How many.
            steps: Evaluations of the network per clip; those of the sampler if not given.
            seed: Video i of a seed is the same at any batch size.
            labels: The class of each, or one for all, by index or name; without, clips of no class in particular.
            batch_size: Clips sampled at once; all if not given.
            sampler: The solver, by name, or with its guidance as a `SamplerConfig`.
            progress: Called after each step.
        """
        if num_videos < 1:
            raise InputError(f"{num_videos} videos were asked for", "ask for at least 1")
        videos, size = [(seed, index) for index in range(num_videos)], batch_size or num_videos
        options = {"labels": labels, "sampler": self._solver(sampler, steps), "progress": progress}
        return torch.cat(list(self.batches(videos, batch_size=size, **options)))

    def batches(
        self,
        videos: Sequence[tuple[int, int]],
        *,
        batch_size: int,
        labels: Label | Sequence[Label] | None = None,
        sampler: SamplerConfig | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Tensor]:
        """Yields a new clip for each (seed, index), batch after batch: (b, 3, t, h, w) uint8 on the CPU."""
        label = None if labels is None else self.class_labels(labels, len(videos))

        def latents(progress: Progress | None) -> Iterator[Tensor]:
            for start in range(0, len(videos), batch_size):
                part = slice(start, start + batch_size)
                noise = VideoNoise([(*video, 0) for video in videos[part]])
                condition = Condition(label=None if label is None else label[part])
                yield self.sample_latent(noise, condition, sampler or SamplerConfig(), progress)

        yield from self._decoded(latents, progress)

    def extend(
        self,
        video: Tensor | str | Path,
        *,
        frames: int | None = None,
        only_new: bool = False,
        steps: int | None = None,
        seed: int = 0,
        label: Label | None = None,
        sampler: SamplerConfig | SamplerName | None = None,
        num_frames: int | None = None,
        **options: Any,
    ) -> Tensor:
        """A video continued: (3, frames, h, w) uint8 on the CPU, to be shown at `fps` frames per second.

        Args:
            video: A file or folder of frames, read at the model's size and pace, or (3, n, h, w) uint8 of that size; at
                least one clip long. Its last clip is the first context.
            frames: Of the result, those of the video included unless `only_new`.
            only_new: Leave the video's own frames out.
            steps: Evaluations of the network per clip; those of the sampler if not given.
            seed: Of the noise.
            label: Its class, by index or name.
            sampler: The solver, by name, or with its guidance as a `SamplerConfig`.
            num_frames: Another name of `frames`.
            options: `stream`'s other sampler and progress.
        """
        num_frames = frames if num_frames is None else num_frames
        if num_frames is None:
            raise InputError("it is not said how long the video is to be", "give frames, such as frames=128")
        video = self._read(video)
        check_pixels(video, "3 n h w", what="the video")
        head = video[None, :, :0].cpu() if only_new else video[None].cpu()
        missing = num_frames - head.shape[2]
        if missing < 1:
            raise InputError(
                f"{num_frames} frames were asked for",
                f"ask for more than the {head.shape[2]} that are there",
            )
        options = {"sampler": self._solver(sampler, steps), "labels": label, **options}
        new = self.stream(num_frames=missing, context=video, videos=[(seed, 0)], **options)
        return torch.cat([head, *new], dim=2)[0]

    def stream(
        self,
        *,
        num_frames: int | None = None,
        context: Tensor | None = None,
        videos: Sequence[tuple[int, int]] = ((0, 0),),
        labels: Label | Sequence[Label] | None = None,
        sampler: SamplerConfig | None = None,
        later_sampler: SamplerConfig | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Tensor]:
        """Yields clips (b, 3, t, h, w) uint8 on the CPU, each conditioned on the latent of the one before.

        Memory does not grow with length. The last clip is cut so that `num_frames` come in all; without it
        the stream has no end.

        Args:
            num_frames: New frames per video.
            context: Video (3, n, h, w) uint8 that all continue, or one for each (b, 3, n, h, w); without it the first
                clip is sampled freely.
            videos: (seed, index) of each video of the batch; its noise depends on nothing else.
            labels: Class of each video, or one for all, by index or name; InputError if there is no such class.
            sampler: Solver of the first clip.
            later_sampler: Solver of all later clips; that of the first if not given.
            progress: Called after each step, by the thread that samples.
        """
        label = None if labels is None else self.class_labels(labels, len(videos))
        start = None if context is None else self.encode_context(context).expand(len(videos), -1, -1)
        first, later = sampler or SamplerConfig(), later_sampler or sampler or SamplerConfig()

        def latents(progress: Progress | None) -> Iterator[Tensor]:
            latent = start
            for clip in count() if num_frames is None else range(math.ceil(num_frames / self.frames)):
                noise, solver = VideoNoise([(*video, clip) for video in videos]), later if clip else first
                latent = self.sample_latent(noise, Condition(latent, label=label), solver, progress)
                yield latent

        yield from self._decoded(latents, progress, math.inf if num_frames is None else num_frames)

    def _decoded(
        self,
        latents: Callable[[Progress | None], Iterator[Tensor]],
        progress: Progress | None,
        frames: float = math.inf,
    ) -> Iterator[Tensor]:
        """Clips (b, 3, t, h, w) of the latents as they come, which together have at most `frames` frames."""
        with closing(self._prefetched(latents, progress)) as sampled:
            for latent in sampled:
                clips = self.decode_latent(latent)[:, :, : int(min(frames, self.frames))]
                frames -= clips.shape[2]
                yield clips

    def _prefetched(
        self, latents: Callable[[Progress | None], Iterator[Tensor]], progress: Progress | None
    ) -> Iterator[Tensor]:
        """The latents, by a thread of their own if there is to be an `overlap`."""
        overlap = self.device.type == "cuda" if self.overlap is None else self.overlap
        if not overlap:
            return latents(progress)

        def told(check: Callable[[], None]) -> Progress:
            def tell(done: int, total: int) -> None:
                check()
                if progress is not None:
                    progress(done, total)

            return tell

        return prefetch(lambda check: latents(told(check)), device=self.device)

    @torch.no_grad()
    def sample_latent(
        self,
        noise: VideoNoise,
        condition: Condition | Tensor | None,
        sampler: SamplerConfig,
        progress: Progress | None = None,
    ) -> Tensor:
        """Flat latents (b, c, l) from noise and a condition: the previous clips' latents, labels, or none."""
        self.check_can_continue(None)
        denoise = make_denoise(
            self._graphed or self.denoiser,
            self.schedule,
            parameterization=self.diffusion.prediction,
            condition=condition,
            guidance=sampler.guidance,
            label_guidance=sampler.label_guidance,
            clamp=sampler.clamp,
        )
        peaks: list[Tensor] = []

        def watched(x: Tensor, t: Tensor) -> Prediction:
            """Notes the peak of each step, for infinity is clamped; a GPU is waited for only at the end."""
            prediction = denoise(x, t)
            peaks.append(prediction.noise.abs().amax().float())
            return prediction

        shape = (self.denoiser.config.latent_channels, self.denoiser.shape.positions)
        start = noise.normal(shape, device=self.device)
        latent = sample(watched, start, sampler, schedule=self.schedule, noise=noise, progress=progress)
        self.check_result(torch.stack([*peaks, latent.abs().amax().float()]), "sampling")
        return latent

    def class_labels(self, labels: Label | Sequence[Label], videos: int) -> Tensor:
        """Indices (videos,) int64 of classes, one for each video or one for all, given by index or name."""
        self.check_can_continue(None)
        indices = [class_index(label, self.class_count, self.classes) for label in one_each(labels, videos)]
        return torch.tensor(indices, device=self.device)

    @torch.no_grad()
    def encode_context(self, video: Tensor) -> Tensor:
        """Flat latents of the last clips of videos (b, 3, n, h, w), or of one (3, n, h, w), uint8: (b or 1, c, l).

        InputError if they are too short.
        """
        check_pixels(video, "3 n h w" if video.ndim == 4 else "b 3 n h w", what="the context")
        videos = video if video.ndim == 5 else video[None]
        self.check_can_continue(videos[0])
        parts = videos[:, :, -self.frames :].split(self.clips_of_a_pass())
        planes = (self.autoencoder.encode(to_float(part.to(self.device))) for part in parts)
        return self.check_result(torch.cat([plane.flatten().float() for plane in planes]), "encoding")

    def check_can_continue(self, video: Tensor | None) -> None:
        """InputError if there is no denoiser, or if video (3, n, h, w) is shorter than the context of a clip."""
        if self.denoiser is None:
            raise InputError("this model is a stage-1 autoencoder without a denoiser", "train stage 2 with it first")
        if video is not None and video.shape[1] < self.frames:
            raise InputError(
                f"the video has {video.shape[1]} frames",
                f"the context of this model is a clip of {self.frames}, give a longer video",
            )

    @torch.no_grad()
    def decode_latent(self, latent: Tensor) -> Tensor:
        """Flat latents (b, c, l) -> (b, 3, t, h, w) uint8 on the CPU, `clips_at_once` of them at once."""
        shape = self.autoencoder.config.latent_shape
        planes = (Triplane.split(part, shape) for part in latent.split(self.clips_of_a_pass()))
        with ALONE:
            return torch.cat([self._pixels(self.autoencoder.decode(plane)) for plane in planes])

    @torch.no_grad()
    def reconstruct(self, video: Tensor | str | Path) -> Tensor:
        """Video through the autoencoder and back, uint8 on the CPU.

        video: Clips (b, 3, t, h, w) uint8, each of the model's length; or a whole video of at least that, (3, n, h, w)
        uint8, a file or a folder of frames, which is read at the model's size and pace. The result is like it.
        """
        video = self._read(video)
        if isinstance(video, Tensor) and video.ndim == 4:
            check_pixels(video, "3 n h w", what="the video")
            return self._reconstruct_whole(video)
        check_pixels(video, "b 3 t h w", what="the video")
        parts = (to_float(part.to(self.device)) for part in video.split(self.clips_of_a_pass()))
        return torch.cat([self._pixels(self.autoencoder(part)) for part in parts])

    def _pixels(self, decoded: Tensor) -> Tensor:
        """Floats in [-1, 1] -> uint8 on the CPU; InputError if they are not finite, which would be black."""
        return to_uint8(self.check_result(decoded, "decoding")).cpu()

    def _reconstruct_whole(self, video: Tensor) -> Tensor:
        """(3, n, h, w) uint8 clip by clip, of which the last overlaps to end with the video."""
        length, frames = video.shape[1], self.frames
        if length < frames:
            raise InputError(
                f"the video has {length} frames",
                f"this model takes clips of {frames}, give a longer video",
            )
        starts = [min(start, length - frames) for start in range(0, length, frames)]
        found = self.reconstruct(torch.stack([video[:, start : start + frames] for start in starts]))
        new = [clip[:, frames * place - start :] for place, (start, clip) in enumerate(zip(starts, found, strict=True))]
        return torch.cat(new, dim=1)

    def _read(self, video: Tensor | str | Path) -> Tensor:
        """The tensor itself, or a file's frames (3, n, h, w) uint8 at the model's size and pace."""
        if not isinstance(video, (str, Path)):
            return video
        size = self.autoencoder.config
        return read_video(video, fps=self.pace, size=(size.height, size.width))

    def _solver(self, sampler: SamplerConfig | SamplerName | None, steps: int | None) -> SamplerConfig:
        """The sampler with as many steps; ValueError for an unknown name, InputError for more steps than times."""
        if steps is not None and not 1 <= steps <= self.diffusion.timesteps:
            raise InputError(f"steps is {steps}", f"this model has {self.diffusion.timesteps} times, give 1 to that")
        sampler = SamplerConfig(sampler) if isinstance(sampler, str) else sampler or SamplerConfig()
        return sampler if steps is None else replace(sampler, steps=steps)

    def precision(self, name: str) -> Any:
        """Context of mixed precision: "32" (none) or "bf16"."""
        return torch.autocast(self.device.type, torch.bfloat16) if name == "bf16" else nullcontext()

    def clips_of_a_pass(self) -> int:
        """How many clips go through the autoencoder at once: those of `clips_at_once`, or as many as fill a GPU."""
        return self.clips_at_once or max(1, TOKENS_AT_ONCE // math.prod(self.autoencoder.config.latent_shape))
