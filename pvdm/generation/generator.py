"""`VideoGenerator`: the whole model, from noise or a clip to uint8 video of any length."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from torch import Tensor, nn

from pvdm.autoencoder import AutoencoderConfig, ProjectedAutoencoder, Triplane
from pvdm.diffusion import (
    Condition,
    DiffusionConfig,
    NoiseSchedule,
    SamplerConfig,
    TriplaneUNet,
    UNetConfig,
    VideoNoise,
    make_denoise,
)
from pvdm.errors import InputError
from pvdm.generation import files
from pvdm.generation.card import model_card
from pvdm.generation.labels import Label, class_index, one_each
from pvdm.output import replacing
from pvdm.video import to_float, to_uint8

Progress = Callable[[int, int], None]
"""Told (steps done, steps in all) of the clip that is being sampled."""


class VideoGenerator(nn.Module, PyTorchModelHubMixin, library_name="pvdm", tags=["video-generation"]):
    """An autoencoder and, after stage 2, the denoiser of its latents.

    Args:
        autoencoder: Sizes of the autoencoder.
        denoiser: Sizes of the U-Net; None for the export of stage 1, which only reconstructs.
        diffusion: Noise process and what the U-Net predicts.
        fps: Frames per second of the training clips, given to what is generated.
        training_step: Optimizer updates behind the weights.
        classes: Names of the denoiser's classes in the order of their indices; None if they have none.
        data: What the training data say of themselves, JSON-able: source, licence, counts, clips.
    """

    def __init__(
        self,
        autoencoder: AutoencoderConfig,
        denoiser: UNetConfig | None = None,
        diffusion: DiffusionConfig | None = None,
        fps: float = 25.0,
        training_step: int = 0,
        classes: Sequence[str] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.autoencoder = ProjectedAutoencoder(autoencoder)
        self.denoiser = TriplaneUNet(denoiser) if denoiser else None
        self.diffusion = diffusion or DiffusionConfig()
        self.schedule = NoiseSchedule(self.diffusion)
        self.fps = fps
        self.training_step = training_step
        self.classes = tuple(classes) if classes else None
        self.data = dict(data) if data else None
        if self.classes and len(self.classes) != self.class_count:
            raise ValueError(f"{len(self.classes)} classes have names, the denoiser has {self.class_count or 'none'}")
        if denoiser and tuple(denoiser.latent_shape) != tuple(autoencoder.latent_shape):
            raise ValueError(f"the denoiser is for latents of {denoiser.latent_shape}, not {autoencoder.latent_shape}")

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return self.autoencoder.config.frames

    @property
    def class_count(self) -> int | None:
        """Number of classes whose labels the denoiser takes; None if it takes none."""
        return self.denoiser.config.classes if self.denoiser else None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def sample(
        self,
        num_videos: int,
        *,
        sampler: SamplerConfig | None = None,
        seed: int = 0,
        batch_size: int | None = None,
        labels: Label | Sequence[Label] | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """New clips: (num_videos, 3, t, h, w) uint8 on the CPU. Video i of a seed is the same at any batch size.

        labels: The class of each, or one for all, by index or name; without, clips of no class in particular.
        """
        if num_videos < 1:
            raise InputError(f"{num_videos} videos were asked for; ask for at least 1")
        keys, size = [(seed, index) for index in range(num_videos)], batch_size or num_videos
        each = None if labels is None else one_each(labels, num_videos)
        parts = [slice(start, start + size) for start in range(0, num_videos, size)]
        options = {"sampler": sampler, "progress": progress}
        clips = (self.stream(videos=keys[part], labels=each and each[part], **options) for part in parts)
        return torch.cat([next(clip) for clip in clips])

    def extend(
        self,
        video: Tensor,
        *,
        num_frames: int,
        only_new: bool = False,
        seed: int = 0,
        label: Label | None = None,
        **options: Any,
    ) -> Tensor:
        """A video continued to exactly `num_frames` frames, its own included unless `only_new`.

        video: (3, n, h, w) uint8 of the model's size, n at least one clip; its last clip is the first
        context. label: its class, by index or name. Options are `stream`'s samplers and progress.
        Returns (3, num_frames, h, w) uint8 on the CPU.
        """
        head = video[None, :, :0].cpu() if only_new else video[None].cpu()
        missing = num_frames - head.shape[2]
        if missing < 1:
            raise InputError(
                f"{num_frames} frames were asked for; ask for more than the {head.shape[2]} that are there"
            )
        new = self.stream(num_frames=missing, context=video, videos=[(seed, 0)], labels=label, **options)
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
            context: Video (3, n, h, w) uint8 to continue; without it the first clip is sampled freely.
            videos: (seed, index) of each video of the batch; its noise depends on nothing else.
            labels: Class of each video, or one for all, by index or name; InputError if there is no such class.
            sampler: Solver of the first clip.
            later_sampler: Solver of all later clips; that of the first if not given.
            progress: Called after each step.
        """
        label = None if labels is None else self.class_labels(labels, len(videos))
        latent = None if context is None else self.encode_context(context).expand(len(videos), -1, -1)
        count = math.inf if num_frames is None else num_frames
        first, later = sampler or SamplerConfig(), later_sampler or sampler or SamplerConfig()
        clip = 0
        while count > 0:
            noise = VideoNoise([(*video, clip) for video in videos])
            latent = self.sample_latent(noise, Condition(latent, label=label), first if clip == 0 else later, progress)
            frames = self.decode_latent(latent)[:, :, : int(min(count, self.frames))]
            yield frames
            count -= frames.shape[2]
            clip += 1

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
            self.denoiser,
            self.schedule,
            parameterization=self.diffusion.prediction,
            condition=condition,
            guidance=sampler.guidance,
            label_guidance=sampler.label_guidance,
            clamp=sampler.clamp,
        )
        shape = (self.denoiser.config.latent_channels, self.denoiser.shape.positions)
        start = noise.normal(shape, device=self.device)
        return sampler.sample(denoise, start, schedule=self.schedule, noise=noise, progress=progress)

    def class_labels(self, labels: Label | Sequence[Label], videos: int) -> Tensor:
        """Indices (videos,) int64 of classes, one for each video or one for all, given by index or name."""
        self.check_can_continue(None)
        indices = [class_index(label, self.class_count, self.classes) for label in one_each(labels, videos)]
        return torch.tensor(indices, device=self.device)

    @torch.no_grad()
    def encode_context(self, video: Tensor) -> Tensor:
        """Flat latent (1, c, l) of the last clip of video (3, n, h, w) uint8; InputError if it is too short."""
        self.check_can_continue(video)
        clip = to_float(video[None, :, -self.frames :].to(self.device))
        return self.autoencoder.encode(clip).flatten().float()

    def check_can_continue(self, video: Tensor | None) -> None:
        """InputError if there is no denoiser, or if video (3, n, h, w) is shorter than the context of a clip."""
        if self.denoiser is None:
            raise InputError("this model is a stage-1 autoencoder without a denoiser; train stage 2 with it first")
        if video is not None and video.shape[1] < self.frames:
            raise InputError(
                f"the video has {video.shape[1]} frames; the context of this model is a clip of {self.frames}, "
                "give a longer video"
            )

    @torch.no_grad()
    def decode_latent(self, latent: Tensor) -> Tensor:
        """Flat latents (b, c, l) -> (b, 3, t, h, w) uint8 on the CPU."""
        triplane = Triplane.split(latent, self.autoencoder.config.latent_shape)
        return to_uint8(self.autoencoder.decode(triplane).float()).cpu()

    @torch.no_grad()
    def reconstruct(self, video: Tensor) -> Tensor:
        """Clips (b, 3, t, h, w) uint8 through the autoencoder and back, uint8 on the CPU."""
        return to_uint8(self.autoencoder(to_float(video.to(self.device))).float()).cpu()

    def precision(self, name: str) -> Any:
        """Context of mixed precision: "32" (none) or "bf16"."""
        return torch.autocast(self.device.type, torch.bfloat16) if name == "bf16" else nullcontext()

    def to_config(self) -> dict[str, Any]:
        """Everything that rebuilds this model but its weights, JSON-able."""
        return {
            "autoencoder": asdict(self.autoencoder.config),
            "denoiser": asdict(self.denoiser.config) if self.denoiser else None,
            "diffusion": asdict(self.diffusion),
            "fps": self.fps,
            "training_step": self.training_step,
            "classes": list(self.classes) if self.classes else None,
            "data": self.data,
            "versions": {name: version(name) for name in ("pvdm", "torch")},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> VideoGenerator:
        """A model of these sizes with fresh weights; InputError if the configuration is not one of `to_config`.

        Configurations from before there were `classes` and `data` do without them.
        """
        optional = {"classes", "data"}
        known = {"format", "autoencoder", "denoiser", "diffusion", "fps", "training_step", "versions"} | optional
        try:
            if unknown := config.keys() - known:
                raise ValueError(f"unknown {sorted(unknown)[0]}")
            return cls(
                AutoencoderConfig(**config["autoencoder"]),
                UNetConfig(**config["denoiser"]) if config["denoiser"] else None,
                DiffusionConfig(**config["diffusion"]),
                config["fps"],
                config["training_step"],
                **{name: config[name] for name in optional & config.keys()},
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"the model's configuration is not one of this version of pvdm ({error})") from error

    def load_weights(self, weights: Mapping[str, Tensor]) -> VideoGenerator:
        """Fills the model, in evaluation mode; all names and shapes must fit, else InputError."""
        try:
            self.load_state_dict(dict(weights))
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise InputError(f"the model's weights do not fit its configuration ({reason}); export it again") from error
        return self.eval()

    @classmethod
    def from_pretrained(cls, path: str | Path, **download: Any) -> VideoGenerator:
        """The model of an exported folder, or of `owner/name` on the Hub, on the CPU in float32.

        `download` goes to `huggingface_hub.snapshot_download` (revision, token, cache_dir, ...).
        """
        folder = files.resolve_folder(path, **download)
        return cls.from_config(files.read_config(folder)).load_weights(files.read_weights(folder))

    @classmethod
    def from_checkpoint(cls, path: str | Path) -> VideoGenerator:
        """The averaged model of a training checkpoint (.ckpt) of either stage."""
        config, weights = files.read_checkpoint(path)
        return cls.from_config(config).load_weights(weights)

    @classmethod
    def load(cls, path: str | Path, **download: Any) -> VideoGenerator:
        """From an exported folder or a training checkpoint, whichever `path` is."""
        return cls.from_checkpoint(path) if Path(path).is_file() else cls.from_pretrained(path, **download)

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        half_precision: bool = False,
        overwrite: bool = False,
        **hub: Any,
    ) -> str | None:
        """Writes `config.json`, `model.safetensors` and a card; existing output is an InputError unless `overwrite`.

        A folder that holds anything but a model is never replaced. `half_precision` stores float16 weights.
        `hub` goes to huggingface_hub's `save_pretrained`; its `model_card_kwargs`, such as `license`, to the card.
        """
        if half_precision:
            return copy.deepcopy(self).half().save_pretrained(save_directory, overwrite=overwrite, **hub)
        hub.setdefault("repo_id", Path(save_directory).name)  # not the temporary folder's
        push, push_options = hub.pop("push_to_hub", False), dict(hub)
        with replacing(Path(save_directory), overwrite=overwrite, own=files.MODEL_FILES) as temporary:
            super().save_pretrained(temporary, config=hub.get("config"), model_card_kwargs=hub.get("model_card_kwargs"))
        return self.push_to_hub(**push_options) if push else None

    def _save_pretrained(self, save_directory: Path) -> None:
        files.write_model(save_directory, self.to_config(), self.state_dict())

    def generate_model_card(self, **options: Any) -> ModelCard:
        """README.md of an export; options are `model_card`'s."""
        networks = {name: sum(map(torch.numel, part.parameters())) for name, part in self.named_children()}
        return ModelCard(model_card(self.to_config(), parameters=networks, **options))
