"""Stage 1: the autoencoder learns to reconstruct clips; paper section 3.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_
from torchmetrics.functional.image import structural_similarity_index_measure

from pvdm.autoencoder import AutoencoderConfig
from pvdm.autoencoder.perceptual import PerceptualDistance
from pvdm.generation import VideoGenerator
from pvdm.training.batch import clips, frame_choice
from pvdm.training.optimization import OptimizerConfig


class AutoencoderTraining(LightningModule):
    """L1 and LPIPS; optimized by hand, counting generator updates, so that a discriminator may join.

    Args:
        autoencoder: Sizes; frames, height and width come from the data.
        optimizer: AdamW and its warm-up.
        l1_weight: Weight of the mean absolute difference of all pixels in [-1, 1].
        lpips_weight: Weight of LPIPS; 0 leaves it out, and then its VGG weights are not needed.
        lpips_frames: Frames of each clip, chosen at random, on which LPIPS is computed.
        vgg_weights: Path of torchvision's VGG-16 file; it is downloaded if none is given.
        clip_norm: Largest norm of the gradient.
        accumulate: Batches per update.
        activation_checkpointing: Compute layers again in the backward pass instead of keeping them.
    """

    trained = "generator.autoencoder"

    def __init__(
        self,
        autoencoder: AutoencoderConfig,
        *,
        optimizer: OptimizerConfig = OptimizerConfig(betas=(0.5, 0.9)),
        l1_weight: float = 1.0,
        lpips_weight: float = 1.0,
        lpips_frames: int = 1,
        vgg_weights: Path | None = None,
        clip_norm: float = 1.0,
        accumulate: int = 1,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = VideoGenerator(autoencoder)
        self.generator.autoencoder.set_activation_checkpointing(activation_checkpointing)
        self.optimizer_config = optimizer
        self.l1_weight, self.lpips_weight, self.lpips_frames = l1_weight, lpips_weight, lpips_frames
        self.perceptual = PerceptualDistance(vgg_weights) if lpips_weight > 0 else None
        self.clip_norm, self.accumulate = clip_norm, accumulate
        self.register_buffer("generator_updates", torch.zeros((), dtype=torch.int64))

    @property
    def updates(self) -> int:
        """Updates of the autoencoder so far."""
        return int(self.generator_updates)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        video = clips(batch)
        found = self.generator.autoencoder(video)
        loss = self.reconstruction_loss(found.float(), video, batch)
        self.manual_backward(loss / self.accumulate)
        if (batch_idx + 1) % self.accumulate == 0:
            self._update()

    def reconstruction_loss(self, found: Tensor, wanted: Tensor, batch: dict[str, Any]) -> Tensor:
        """Weighted L1 and LPIPS of clips (b, 3, t, h, w) in [-1, 1], logged one by one."""
        loss = self.l1_weight * self._logged("train/l1", functional.l1_loss(found, wanted))
        if self.perceptual is not None:
            chosen = frame_choice(batch, found.shape[2], self.lpips_frames)
            distance = self.perceptual(_frames(found, chosen), _frames(wanted, chosen))
            loss = loss + self.lpips_weight * self._logged("train/lpips", distance)
        return self._logged("train/loss", loss)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        video = clips(batch)
        found = self.generator.autoencoder(video).float()
        size = len(video)
        self.log("val/psnr", psnr(found, video).mean(), batch_size=size, sync_dist=True, prog_bar=True)
        ssim = structural_similarity_index_measure(_all_frames(found), _all_frames(video), data_range=(-1.0, 1.0))
        self.log("val/ssim", ssim, batch_size=size, sync_dist=True)
        self.log("val/l1", functional.l1_loss(found, video), batch_size=size, sync_dist=True)

    test_step = validation_step

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Any]:
        """Reconstructions (b, 3, t, h, w) uint8, named by their clips."""
        names = [
            f"{Path(path).stem}_{int(start):06d}" for path, start in zip(batch["path"], batch["start"], strict=True)
        ]
        return {"video": self.generator.reconstruct(batch["video"]), "names": names}

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = self.optimizer_config.optimizer(self.generator.autoencoder.parameters())
        return {"optimizer": optimizer, "lr_scheduler": self.optimizer_config.schedule(optimizer)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.generator.training_step = self.updates
        checkpoint["pvdm"] = self.generator.to_config()

    def _update(self) -> None:
        optimizer = self.optimizers()
        norm = clip_grad_norm_(self.generator.autoencoder.parameters(), self.clip_norm)
        self.log("train/gradient_norm", norm)
        optimizer.step()
        optimizer.zero_grad()
        self.lr_schedulers().step()
        self.generator_updates += 1
        self.log("train/learning_rate", optimizer.param_groups[0]["lr"])

    def _logged(self, name: str, value: Tensor) -> Tensor:
        self.log(name, value, prog_bar=name == "train/loss")
        return value


def psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """Peak signal to noise ratio of each clip (b, ...) in [-1, 1], in dB: (b,)."""
    error = (found.clamp(-1, 1) - wanted).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error.clamp(min=1e-10))


def _all_frames(video: Tensor) -> Tensor:
    return video.transpose(1, 2).flatten(0, 1).clamp(-1, 1)


def _frames(video: Tensor, chosen: Tensor) -> Tensor:
    """Frames (b * n, 3, h, w) of video (b, 3, t, h, w) at indices chosen (b, n)."""
    rows = torch.arange(len(video), device=video.device)[:, None]
    return video.transpose(1, 2)[rows, chosen].flatten(0, 1)
