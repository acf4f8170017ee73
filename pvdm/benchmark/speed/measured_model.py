"""The model that is measured: a given one, or networks of some size with the weights that training starts from."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
import yaml

from pvdm import configs
from pvdm.autoencoder import AutoencoderConfig
from pvdm.benchmark.speed.speed_options import SpeedOptions
from pvdm.diffusion import UNetConfig
from pvdm.generation import VideoGenerator

CONFIGS = {"released": (), "pvdm-s": ("pvdm-s",), "tiny": ("autoencoder-tiny", "diffusion-tiny")}
"""The files of configs/sizes/ by size; what they leave out is as released."""


class MeasuredModel:
    """The networks' configurations, and the networks themselves while a task needs them.

    Args:
        name: Of a size, or of a model.
        make: Returns the model on the CPU.
        options: The device, and how the model is accelerated.
    """

    def __init__(self, name: str, make: Callable[[], VideoGenerator], options: SpeedOptions) -> None:
        self.name, self._make, self._options = name, make, options
        self._generator: VideoGenerator | None = None
        generator = self.generator
        self.autoencoder = generator.autoencoder.config
        self.denoiser = generator.denoiser.config if generator.denoiser else None
        self.diffusion = generator.diffusion
        self.parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in generator.named_children()}

    @property
    def generator(self) -> VideoGenerator:
        """The model on its device, in evaluation mode."""
        if self._generator is None:
            options = self._options
            self._generator = self.in_float32().accelerate(
                compiled=options.compile, cuda_graphs=options.cuda_graphs, bfloat16=options.bfloat16_weights
            )
        return self._generator

    def in_float32(self) -> VideoGenerator:
        """The model for training: float32 weights on the device."""
        return self._make().to(self._options.device).eval()

    def release(self) -> None:
        """Frees the memory until the model is needed again; the training steps build their own."""
        self._generator = None
        gc.collect()
        if self._options.device.type == "cuda":
            torch.cuda.empty_cache()

    def describe(self) -> dict[str, Any]:
        """JSON-able: configurations and numbers of parameters."""
        return {
            "name": self.name,
            "parameters": self.parameters,
            "autoencoder": asdict(self.autoencoder),
            "denoiser": None if self.denoiser is None else asdict(self.denoiser),
        }


def sizes(name: str, **changed: int | None) -> tuple[AutoencoderConfig, UNetConfig]:
    """The configurations of a named size; frames, height, width, channels and unet_channels may be changed."""
    given = {field: value for field, value in changed.items() if value is not None}
    width = {"channels": given.pop("unet_channels")} if "unet_channels" in given else {}
    of_size = {"autoencoder": {}, "denoiser": {}}
    for file in CONFIGS[name]:
        config = yaml.safe_load((configs.FOLDER / "sizes" / f"{file}.yaml").read_text(encoding="utf-8"))
        pixels = {side: config["data"][side] for side in ("height", "width") if side in config.get("data", {})}
        of_size["autoencoder"] |= pixels | config["model"]["init_args"].get("autoencoder", {})
        of_size["denoiser"] |= config["model"]["init_args"].get("denoiser", {})
    autoencoder = AutoencoderConfig(**of_size["autoencoder"] | given)
    shape = {"latent_shape": tuple(autoencoder.latent_shape), "latent_channels": autoencoder.latent_channels}
    return autoencoder, UNetConfig(**of_size["denoiser"] | shape | width)


def random_model(autoencoder: AutoencoderConfig, denoiser: UNetConfig) -> VideoGenerator:
    """The same weights every time."""
    torch.manual_seed(0)
    return VideoGenerator(autoencoder, denoiser)
