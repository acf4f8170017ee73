"""Stage 2: the denoiser learns the latents of clips, with and without the previous clip; paper section 3.2-3.3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from pvdm.diffusion import (
    Condition,
    DiffusionConfig,
    SamplerConfig,
    UNetConfig,
    diffusion_loss,
    q_sample,
    training_target,
)
from pvdm.errors import InputError, check_range
from pvdm.generation import VideoGenerator
from pvdm.training.batch import clips, keep_context, noise_like, times
from pvdm.training.module import GeneratorTraining
from pvdm.training.optimization import OptimizerConfig


class DiffusionTraining(GeneratorTraining):
    """Predicts eps, x0 or v of flat latents; the autoencoder is frozen.

    A batch holds clips of twice the model's frames: the context and then the target.

    Args:
        autoencoder: Exported folder or stage-1 checkpoint.
        denoiser: Sizes of the U-Net; its latent's shape comes from the autoencoder.
        diffusion: Noise process and what the U-Net predicts.
        optimizer: AdamW and its warm-up.
        loss: Mean square or mean absolute difference.
        context_dropout: Probability that a sample is trained without its context.
        validation_times: Times, evenly spread, at which the validation loss is taken.
        sampler: Solver of `predict`.
        activation_checkpointing: Compute blocks again in the backward pass instead of keeping them.
    """

    trained = "generator.denoiser"
    clips_per_sample = 2

    def __init__(
        self,
        autoencoder: Path,
        *,
        denoiser: UNetConfig = UNetConfig(),
        diffusion: DiffusionConfig = DiffusionConfig(),
        optimizer: OptimizerConfig = OptimizerConfig(),
        loss: Literal["l2", "l1"] = "l2",
        context_dropout: float = 0.7,
        validation_times: int = 8,
        sampler: SamplerConfig = SamplerConfig(),
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        check_range(0, 1, context_dropout=context_dropout)
        check_range(1, diffusion.timesteps, validation_times=validation_times)
        first_stage = VideoGenerator.load(autoencoder)
        sizes = first_stage.autoencoder.config
        denoiser = replace(denoiser, latent_channels=sizes.latent_channels, latent_shape=sizes.latent_shape)
        self.generator = VideoGenerator(sizes, denoiser, diffusion, fps=first_stage.fps)
        self.generator.autoencoder.load_state_dict(first_stage.autoencoder.state_dict())
        self.generator.autoencoder.requires_grad_(False).eval()
        self.generator.denoiser.activation_checkpointing = activation_checkpointing
        self.optimizer_config, self.loss, self.sampler = optimizer, loss, sampler
        self.context_dropout, self.validation_times = context_dropout, validation_times

    @property
    def updates(self) -> int:
        """Updates of the denoiser so far."""
        return self.trainer.global_step

    def train(self, mode: bool = True) -> DiffusionTraining:
        """As ever, but the frozen autoencoder stays in evaluation mode."""
        super().train(mode)
        self.generator.autoencoder.eval()
        return self

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """InputError, too, if a run would go on with latents of another autoencoder."""
        super().on_load_checkpoint(checkpoint)
        saved = checkpoint.get("state_dict", {})
        for name, value in self.state_dict().items():
            is_frozen = name.startswith("generator.autoencoder.")
            if is_frozen and name in saved and not torch.equal(value.cpu(), saved[name].cpu()):
                raise InputError(
                    "the checkpoint was trained on the latents of another autoencoder; give that one as "
                    "--model.autoencoder, or choose another --trainer.default_root_dir"
                )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        keep = keep_context(batch, self.context_dropout)
        target, condition = self.latents(batch, keep)
        t = times(batch, self.generator.diffusion.timesteps)
        loss = self.losses(target, noise_like(target, batch), t, condition).mean()
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/learning_rate", self.optimizers().param_groups[0]["lr"])
        return loss

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        gradients = [value.grad for value in self.generator.denoiser.parameters() if value.grad is not None]
        self.log("train/gradient_norm", get_total_norm(gradients))

    @torch.no_grad()
    def latents(self, batch: dict[str, Any], keep: Tensor) -> tuple[Tensor, Condition]:
        """Latents of the targets (b, c, l), and of the contexts that `keep` (b,) marks, which alone are encoded."""
        context, target = clips(batch).chunk(2, dim=2)
        encode = self.generator.autoencoder.encode
        latent = encode(target).flatten().float()
        contexts = torch.zeros_like(latent)
        if keep.any():
            contexts[keep] = encode(context[keep]).flatten().float()
        return latent, Condition(contexts, keep)

    def losses(self, clean: Tensor, noise: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Loss of each sample at its time t: (b,)."""
        generator = self.generator
        noisy = q_sample(clean, noise, t, generator.schedule)
        wanted = training_target(clean, noise, t, generator.schedule, generator.diffusion.prediction)
        return diffusion_loss(generator.denoiser(noisy, t, condition), wanted, norm=self.loss)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        size = len(batch["video"])
        everyone = torch.ones(size, dtype=torch.bool, device=self.device)
        target, condition = self.latents(batch, everyone)
        for name, given in (("context", condition), ("no_context", condition.drop(~everyone))):
            mean = torch.stack([self._loss_at(t, target, given, batch) for t in self.time_steps()]).mean()
            self.log(f"val/loss_{name}", mean, batch_size=size, sync_dist=True)
            if name == "no_context":
                self.log("val/loss", mean, batch_size=size, sync_dist=True, prog_bar=True)

    test_step = validation_step

    def time_steps(self) -> list[int]:
        """The fixed grid of times of the validation loss, the middles of equal intervals."""
        timesteps, count = self.generator.diffusion.timesteps, self.validation_times
        return [int(timesteps * (index + 0.5) / count) for index in range(count)]

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Any]:
        """One sampled clip for each clip of the data (its pixels play no part), (b, 3, t, h, w) uint8."""
        videos = [(int(seed), int(index)) for seed, _, index in batch["key"].tolist()]
        sampled = next(self.generator.stream(videos=videos, sampler=self.sampler))
        return {"video": sampled, "names": [f"sample_{index:06d}" for _, index in videos]}

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = self.optimizer_config.optimizer(self.generator.denoiser.parameters())
        schedule = {"scheduler": self.optimizer_config.schedule(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def _loss_at(self, time: int, target: Tensor, condition: Condition, batch: dict[str, Any]) -> Tensor:
        t = torch.full((len(target),), time, device=self.device)
        return self.losses(target, noise_like(target, batch, time), t, condition).mean()
