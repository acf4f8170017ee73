"""Models of a few thousand weights and batches of a few pixels, for trainings of a few updates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pvdm.autoencoder import AutoencoderConfig
from pvdm.diffusion import UNetConfig
from pvdm.generation import VideoGenerator
from pvdm.training import AutoencoderTraining, DiffusionTraining, OptimizerConfig

AUTOENCODER = AutoencoderConfig(
    frames=4,
    height=16,
    width=16,
    patch_size=8,
    channels=16,
    latent_channels=2,
    depth=1,
    heads=2,
    head_dim=4,
    projection_depth=1,
    projection_heads=1,
    projection_head_dim=8,
    projection_mlp_dim=16,
)
UNET = UNetConfig(channels=32, channel_multipliers=(1,), blocks_per_level=1, attention_factors=(1,), heads=2)

SIZES = {
    "data.frames": 4,
    "data.height": 16,
    "data.width": 16,
    "data.workers": 0,
    "trainer.accelerator": "cpu",
    "trainer.enable_progress_bar": "false",
    "trainer.log_every_n_steps": 1,
}
"""Options of the command line that make either stage a matter of a second."""

UNET_SIZES = {
    "model.denoiser.channel_multipliers": "[1]",
    "model.denoiser.attention_factors": "[1]",
    "model.validation_times": 2,
}
"""The same for stage 2 alone."""


def arguments(verb: str, stage: str, run: Path, data: Path, **more: Any) -> list[str]:
    """`pvdm VERB` of a tiny stage ("autoencoder" or "diffusion"); options' dots are written as double underscores."""
    options = {**SIZES, **(UNET_SIZES if stage == "diffusion" else {})}
    options |= {"data.path": data, "trainer.default_root_dir": run}
    options |= {name.replace("__", "."): value for name, value in more.items()}
    configs = ["-c", f"configs/{stage}.yaml", "-c", f"configs/sizes/{stage}-tiny.yaml"]
    return [verb, *configs, *(f"--{name}={value}" for name, value in options.items())]


def read(run: Path, name: str = "last") -> dict[str, Any]:
    """A checkpoint of a run."""
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)


def autoencoder_training(kind: type = AutoencoderTraining, **options: Any) -> AutoencoderTraining:
    """Stage 1, the same weights every time."""
    torch.manual_seed(0)
    options = {"optimizer": OptimizerConfig(warmup_steps=1), "lpips_weight": 0.0, **options}
    return kind(AUTOENCODER, **options)


def diffusion_training(folder: Path, *, kind: type = DiffusionTraining, **options: Any) -> DiffusionTraining:
    """Stage 2, the same weights every time, none of them zero; its autoencoder is exported to `folder`."""
    torch.manual_seed(0)
    VideoGenerator(AUTOENCODER).save_pretrained(folder, overwrite=True)
    options = {"denoiser": UNET, "optimizer": OptimizerConfig(warmup_steps=1), "validation_times": 3, **options}
    module = kind(folder, **options)
    for parameter in module.generator.denoiser.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return module


def batch(indices: Iterable[int], *, clips: int = 1, seed: int = 0, epoch: int = 0) -> dict[str, Any]:
    """Samples as a dataset would give them, each a function of its index alone."""
    indices = list(indices)
    shape = (3, AUTOENCODER.frames * clips, AUTOENCODER.height, AUTOENCODER.width)
    videos = [torch.randint(256, shape, generator=torch.Generator().manual_seed(index)) for index in indices]
    return {
        "video": torch.stack(videos).byte(),
        "path": [f"{index}.mp4" for index in indices],
        "start": torch.zeros(len(indices), dtype=torch.int64),
        "fps": torch.full((len(indices),), 25.0, dtype=torch.float64),
        "key": torch.tensor([[seed, epoch, index] for index in indices]),
        "has_context": torch.ones(len(indices), dtype=torch.bool),
    }


def loader(batches: Sequence[Any]) -> DataLoader:
    """A loader of these batches, in this order in every epoch."""
    return DataLoader(batches, batch_size=None)


def trainer(folder: Path, **options: Any) -> Trainer:
    """A quiet trainer on the CPU that writes nothing of its own accord."""
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }
    return Trainer(accelerator="cpu", default_root_dir=folder, **{**quiet, **options})


class Toy(LightningModule):
    """Two linear maps, of which one is trained; batches are tensors (b, 3); `val/score` rises with every epoch."""

    trained = "net"

    def __init__(self, learning_rate: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net, self.frozen = nn.Linear(3, 1), nn.Linear(3, 1).requires_grad_(False)
        self.learning_rate = learning_rate
        self.seen: list[Tensor] = []

    @property
    def updates(self) -> int:
        return self.trainer.global_step

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return (self.net(batch) + self.frozen(batch)).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.seen.append(self.net.weight.detach().clone())
        self.log("val/score", float(self.current_epoch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.net.parameters(), lr=self.learning_rate)
