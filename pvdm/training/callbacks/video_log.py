"""Videos in TensorBoard: real, reconstructed, sampled and extended, as GIFs in its image summaries."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange
from PIL import Image
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.trainer.states import TrainerFn
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor
from torch.nn import functional

from pvdm.data import ClipDataset
from pvdm.data.table import given_labels
from pvdm.diffusion import SamplerConfig
from pvdm.errors import check_range
from pvdm.generation import VideoGenerator
from pvdm.training.data import ClipData

SEED = 0
"""Seed of the sampled videos: always the same, so that entries differ only by the model."""


GAP = 2
"""White pixels below and to the right of each video of a grid."""

PALETTE_PIXELS = 250_000
"""Approximate number of evenly spaced pixels from which a video's palette of 256 colors is chosen."""


class VideoLog(Callback):
    """Logs videos to TensorBoard at the first validation after every `every_n_updates` updates, with its weights.

    `videos/real` shows clips evenly spread over the validation data, `videos/reconstructed` shows them above their
    reconstructions (with cached latents, only the reconstructions). Stage 2 adds `videos/sampled`, from noise, and
    `videos/extended`: a real clip and its true continuation, above the same clip continued by the model. A model with
    classes gets the labels of the real clips. Clips and noise are the same each time, and training is not affected.
    Needs validation and TensorBoard's logger.

    Args:
        every_n_updates: Updates from one entry to the next; None turns it off.
        videos: Clips of each kind, side by side.
        sampler: Sampler of stage 2; its steps are limited to the model's timesteps.
    """

    def __init__(
        self,
        every_n_updates: int | None = 5000,
        videos: int = 4,
        sampler: SamplerConfig = SamplerConfig(),
    ) -> None:
        check_range(1, every_n_updates=every_n_updates, videos=videos)
        self.every_n_updates, self.videos, self.sampler = every_n_updates, videos, sampler
        self.updates = 0

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """While the averaged weights are still in place."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or not self._is_due(pl_module.updates):
            return
        self.updates = pl_module.updates
        if trainer.is_global_zero and isinstance(trainer.datamodule, ClipData):
            self._write(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.updates = state_dict["updates"]

    def _is_due(self, updates: int) -> bool:
        """Whether the updates have passed a multiple of the interval since the last entry."""
        every = self.every_n_updates
        return every is not None and updates // every > self.updates // every

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loggers = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if not loggers:
            return
        samples = _spread(trainer.datamodule.validation, self.videos)
        with trainer.precision_plugin.val_step_context():
            samples = [_with_video(pl_module.generator, sample) for sample in samples]
            for name, video in self._pictures(pl_module, samples):
                summary = video_summary(f"videos/{name}", video, pl_module.generator.fps)
                for logger in loggers:
                    logger.experiment.file_writer.add_summary(summary, pl_module.updates)

    def _pictures(self, pl_module: LightningModule, samples: list[dict[str, Any]]) -> Iterator[tuple[str, Tensor]]:
        """Names and grids of videos (3, t, h, w) uint8."""
        generator = pl_module.generator
        real = [sample["video"][:, -generator.frames :] for sample in samples]
        if "latent" in samples[0]:
            yield "reconstructed", grid([real])
        else:
            yield "real", grid([real])
            yield "reconstructed", grid([real, generator.reconstruct(torch.stack(real))])
        if generator.denoiser is not None:
            timesteps = generator.diffusion.timesteps
            sampler = self.sampler.completed(timesteps)
            sampler = replace(sampler, steps=min(sampler.steps, timesteps))
            classes = _classes(generator, samples, self.videos)
            yield "sampled", grid([generator.sample(self.videos, sampler=sampler, seed=SEED, **classes)])
            if whole := [sample for sample in samples if sample.get("has_context", True)]:
                continued = list(_continued(generator, whole, sampler))
                yield "extended", grid([[sample["video"] for sample in whole], continued])


def _with_video(generator: VideoGenerator, sample: dict[str, Any]) -> dict[str, Any]:
    """The sample with a "video" (3, 2 t, h, w) uint8, decoded from cached latents if necessary."""
    if "latent" not in sample:
        return sample
    decoded = generator.decode_latent(sample["latent"].float().to(generator.device))
    return {**sample, "video": rearrange(decoded, "n c t h w -> c (n t) h w")}


def _continued(generator: VideoGenerator, samples: list[dict[str, Any]], sampler: SamplerConfig) -> Tensor:
    """The videos (b, 3, 2 t, h, w) of the samples with their second halves generated."""
    context = torch.stack([sample["video"][:, : generator.frames] for sample in samples])
    videos = [(SEED, index) for index in range(len(samples))]
    options = {"videos": videos, "sampler": sampler, **_classes(generator, samples, len(samples))}
    new = generator.stream(num_frames=generator.frames, context=context, **options)
    return torch.cat([context, *new], dim=2)


def _classes(generator: VideoGenerator, samples: list[dict[str, Any]], count: int) -> dict[str, list[int | None]]:
    """For a model with classes, labels of `count` videos: those of the real clips in turn, None for one without."""
    if generator.class_count is None:
        return {}
    return {"labels": given_labels(samples[index % len(samples)]["label"] for index in range(count))}


def _spread(dataset: ClipDataset, count: int) -> list[dict[str, Any]]:
    """`count` samples evenly spread over a data set, or all if it has fewer."""
    chosen = torch.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().long()
    return [dataset[index] for index in chosen.tolist()]


def grid(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Rows of videos (3, t, h, w) uint8, all of one size, as one video (3, t, rows * (h + 2), columns * (w + 2))."""
    padded = [torch.stack([functional.pad(video, (0, GAP, 0, GAP), value=255) for video in row]) for row in rows]
    return rearrange(torch.stack(padded), "r k c t h w -> c t (r h) (k w)")


def gif(video: Tensor, fps: float) -> bytes:
    """video: (3, t, h, w) uint8. A GIF that loops, at most at 50 frames per second: browsers slow down faster ones."""
    step = max(1, int((video[0].numel() / PALETTE_PIXELS) ** 0.5))
    palette = _picture(rearrange(video[:, :, ::step, ::step], "c t h w -> c (t h) w")).quantize()
    # One palette for all frames: no flicker, and ten times faster than Pillow's choice for each frame.
    frames = [_picture(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in video.unbind(1)]
    milliseconds = max(20, round(100 / fps) * 10)
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, optimize=False)
    return file.getvalue()


def video_summary(tag: str, video: Tensor, fps: float) -> Summary:
    """TensorBoard's record of video (3, t, h, w) uint8, which it plays among the images."""
    height, width = video.shape[2:]
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=gif(video, fps))
    return Summary(value=[Summary.Value(tag=tag, image=image)])


def _picture(image: Tensor) -> Image.Image:
    """image: (3, h, w) uint8."""
    return Image.fromarray(rearrange(image, "c h w -> h w c").contiguous().cpu().numpy())
