"""Stage 1: the autoencoder learns to reconstruct clips; paper section 3.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from pvdm.autoencoder import AutoencoderConfig, Triplane
from pvdm.autoencoder.perceptual import PerceptualDistance
from pvdm.errors import check_range
from pvdm.generation import VideoGenerator
from pvdm.training.batch import clips, frame_choice
from pvdm.training.measures import psnr, ssim
from pvdm.training.module import GeneratorTraining
from pvdm.training.optimization import OptimizerConfig
from pvdm.training.start import Start


class AutoencoderTraining(GeneratorTraining):
    """L1 and LPIPS; optimized by hand, counting generator updates, so that a discriminator may join.

    Args:
        autoencoder: Sizes; frames, height and width come from the data.
        optimizer: AdamW and its warm-up.
        l1_weight: Weight of the mean absolute difference of all pixels in [-1, 1].
        lpips_weight: Weight of LPIPS; 0 leaves it out, and then its VGG weights are not needed.
        lpips_frames: Frames of each clip, chosen at random, on which LPIPS is computed.
        latent_scale: Root mean square that the latent is drawn to, by the squared difference; None, as released,
            leaves it free. Far below 0.5 noise drowns the latent in stage 2; far above, tanh saturates.
        vgg_weights: Path of torchvision's VGG-16 file; it is downloaded if none is given.
        clip_norm: Largest norm of the gradient.
        accumulate: Batches per update.
        activation_checkpointing: Compute layers again in the backward pass instead of keeping them.
        init_from: Model whose autoencoder's weights training starts from (see `Start`); not read by a run that goes on.
        reinitialize: Start parameters afresh that do not fit, as of another size or length; else they are an error.
    """

    trained = "generator.autoencoder"
    clips_per_sample = 1

    def __init__(
        self,
        autoencoder: AutoencoderConfig,
        *,
        optimizer: OptimizerConfig = OptimizerConfig(betas=(0.5, 0.9)),
        l1_weight: float = 1.0,
        lpips_weight: float = 1.0,
        lpips_frames: int = 1,
        latent_scale: float | None = None,
        vgg_weights: Path | None = None,
        clip_norm: float = 1.0,
        accumulate: int = 1,
        activation_checkpointing: bool = False,
        init_from: Path | None = None,
        reinitialize: bool = False,
    ) -> None:
        super().__init__()
        check_range(0, l1_weight=l1_weight, lpips_weight=lpips_weight, latent_scale=latent_scale)
        check_range(0, clip_norm=clip_norm)
        check_range(1, lpips_frames=lpips_frames, accumulate=accumulate)
        self.automatic_optimization = False
        self.generator = VideoGenerator(autoencoder)
        self.generator.autoencoder.set_activation_checkpointing(activation_checkpointing)
        self.optimizer_config = optimizer
        self.l1_weight, self.lpips_weight, self.lpips_frames = l1_weight, lpips_weight, lpips_frames
        self.latent_scale, self.vgg_weights = latent_scale, vgg_weights
        self.start = Start(init_from, reinitialize) if init_from else None
        self.perceptual: PerceptualDistance | None = None
        self.clip_norm, self.accumulate = clip_norm, accumulate
        self.register_buffer("generator_updates", torch.zeros((), dtype=torch.int64))

    @property
    def updates(self) -> int:
        """Updates of the autoencoder so far."""
        return int(self.generator_updates)

    def prepare_data(self) -> None:
        """Fetches and checks LPIPS's weights before anything else, once per machine."""
        if self.trainer.state.fn == TrainerFn.FITTING and self.lpips_weight > 0:
            self.perceptual = PerceptualDistance(self.vgg_weights)

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit" and self.start:
            self.start.fill(self.generator, "autoencoder")
        if stage == "fit" and self.lpips_weight > 0 and self.perceptual is None:
            self.perceptual = PerceptualDistance(self.vgg_weights)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        video = clips(batch)
        planes = self.generator.autoencoder.encode(video)
        found = self.generator.autoencoder.decode(planes).float()
        loss = self.reconstruction_loss(found, video, batch) + self.scale_loss(planes)
        self.manual_backward(loss / self.accumulate)
        if (self.trainer.fit_loop.total_batch_idx + 1) % self.accumulate == 0:  # an epoch's rest counts for the next
            self._update()

    def reconstruction_loss(self, found: Tensor, wanted: Tensor, batch: dict[str, Any]) -> Tensor:
        """Weighted L1 and LPIPS of clips (b, 3, t, h, w) in [-1, 1], logged one by one."""
        loss = self.l1_weight * self._logged("train/l1", functional.l1_loss(found, wanted))
        if self.perceptual is not None:
            chosen = frame_choice(batch, found.shape[2], self.lpips_frames)
            distance = self.perceptual(_frames(found, chosen), _frames(wanted, chosen))
            loss = loss + self.lpips_weight * self._logged("train/lpips", distance)
        return self._logged("train/loss", loss)

    def scale_loss(self, planes: Triplane) -> Tensor:
        """Squared difference of the latent's root mean square, which is logged, from `latent_scale`."""
        scale = self._logged("train/latent_scale", planes.flatten().float().square().mean().sqrt())
        return torch.zeros_like(scale) if self.latent_scale is None else (scale - self.latent_scale).square()

    def on_validation_model_zero_grad(self) -> None:
        """Nothing: what there is belongs to an update that is begun, and goes on after the validation."""

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        video = clips(batch)
        found = self.generator.autoencoder(video).float()
        size = len(video)
        self.log("val/psnr", psnr(found, video).mean(), batch_size=size, sync_dist=True, prog_bar=True)
        self.log("val/ssim", ssim(found, video), batch_size=size, sync_dist=True)
        self.log("val/l1", functional.l1_loss(found, video), batch_size=size, sync_dist=True)

    test_step = validation_step

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Any]:
        """Reconstructions (b, 3, t, h, w) uint8, named by their clips."""
        samples = zip(batch["key"].tolist(), batch["path"], batch["start"].tolist(), strict=True)
        names = [f"{index:06d}_{Path(path).stem}_{start:06d}" for (_, _, index), path, start in samples]
        return {"video": self.generator.reconstruct(batch["video"]), "names": names}

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = self.optimizer_config.optimizer(self.generator.autoencoder.parameters())
        return {"optimizer": optimizer, "lr_scheduler": self.optimizer_config.schedule(optimizer)}

    def _update(self) -> None:
        optimizer = self.optimizers()
        norm = clip_grad_norm_(self.generator.autoencoder.parameters(), self.clip_norm)
        self.log("train/gradient_norm", norm)
        self.log("train/learning_rate", optimizer.param_groups[0]["lr"])
        optimizer.step()
        optimizer.zero_grad()
        self.lr_schedulers().step()
        self.generator_updates += 1

    def _logged(self, name: str, value: Tensor) -> Tensor:
        self.log(name, value, prog_bar=name == "train/loss")
        return value


def _frames(video: Tensor, chosen: Tensor) -> Tensor:
    """Frames (b * n, 3, h, w) of video (b, 3, t, h, w) at indices chosen (b, n)."""
    rows = torch.arange(len(video), device=video.device)[:, None]
    return video.transpose(1, 2)[rows, chosen].flatten(0, 1)
