"""What is measured: a model that is given, or networks of some size with the weights that training begins with."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch

from pvdm.autoencoder import AutoencoderConfig
from pvdm.benchmark.speed.settings import Settings
from pvdm.diffusion import UNetConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator

AUTOENCODERS = {
    "released": AutoencoderConfig(),
    "pvdm-s": AutoencoderConfig(),
    "tiny": AutoencoderConfig(
        height=64,
        width=64,
        channels=32,
        depth=1,
        heads=2,
        head_dim=16,
        projection_depth=1,
        projection_heads=2,
        projection_head_dim=16,
        projection_mlp_dim=32,
    ),
}
"""By size: released (62.06 M parameters), and that of configs/sizes/autoencoder-tiny.yaml."""

UNETS = {
    "released": UNetConfig(),
    "pvdm-s": UNetConfig(channels=128),
    "tiny": UNetConfig(channels=32, channel_multipliers=(1, 2), blocks_per_level=1, attention_factors=(2, 1), heads=4),
}
"""By size: 528.27 M parameters, 132.16 M, and that of configs/sizes/diffusion-tiny.yaml."""


class Subject:
    """The networks' sizes, and the model itself while it is needed.

    Args:
        name: Of a size, or of a model.
        make: Gives the model on the CPU.
        settings: Where it is to be, and whether compiled.
    """

    def __init__(self, name: str, make: Callable[[], VideoGenerator], settings: Settings) -> None:
        self.name, self._make, self._settings = name, make, settings
        self._generator: VideoGenerator | None = None
        self._plain: VideoGenerator | None = None
        generator = self.generator
        self.autoencoder = generator.autoencoder.config
        self.denoiser = generator.denoiser.config if generator.denoiser else None
        self.diffusion = generator.diffusion
        self.parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in generator.named_children()}

    @classmethod
    def of_size(cls, name: str, settings: Settings, **changed: int | None) -> Subject:
        """Random weights; frames, height, width, channels and unet_channels where they are not those of the size.

        InputError for sizes that do not fit together.
        """
        autoencoder, denoiser = sizes(name, **changed)
        return cls(name, lambda: _random(autoencoder, denoiser), settings)

    @classmethod
    def of_model(cls, path: str, settings: Settings) -> Subject:
        """An exported folder, a checkpoint, or a name on the Hub; InputError if it is none."""
        return cls(path, lambda: VideoGenerator.load(path), settings)

    @property
    def generator(self) -> VideoGenerator:
        """The model on its device, in evaluation mode."""
        if self._generator is None:
            settings, generator = self._settings, self._make().to(self._settings.device).eval()
            self._generator = generator.accelerate(
                compiled=settings.compile, cuda_graphs=settings.cuda_graphs, bfloat16=settings.bfloat16_weights
            )
        return self._generator

    @property
    def plain(self) -> VideoGenerator:
        """The same in float32, for the plain computation: itself, or a second one beside weights in bfloat16."""
        if not self._settings.bfloat16_weights:
            return self.generator
        if self._plain is None:
            self._plain = self._make().to(self._settings.device).eval()
        return self._plain

    def release(self) -> None:
        """Gives its memory back until it is asked for again; training has its own."""
        self._generator = self._plain = None
        gc.collect()
        if self._settings.device.type == "cuda":
            torch.cuda.empty_cache()

    def describe(self) -> dict[str, Any]:
        """JSON-able: sizes and numbers of parameters."""
        denoiser = None if self.denoiser is None else asdict(self.denoiser)
        return {
            "name": self.name,
            "parameters": self.parameters,
            "autoencoder": asdict(self.autoencoder),
            "denoiser": denoiser,
        }


def sizes(name: str, **changed: int | None) -> tuple[AutoencoderConfig, UNetConfig]:
    """Those of a named size, or as they are given; see `Subject.of_size`."""
    given = {field: value for field, value in changed.items() if value is not None}
    width = {"channels": given.pop("unet_channels")} if "unet_channels" in given else {}
    try:
        autoencoder = replace(AUTOENCODERS[name], **given)
        shape = {"latent_shape": tuple(autoencoder.latent_shape), "latent_channels": autoencoder.latent_channels}
        return autoencoder, replace(UNETS[name], **shape, **width)
    except ValueError as error:
        raise InputError(str(error)) from error


def _random(autoencoder: AutoencoderConfig, denoiser: UNetConfig) -> VideoGenerator:
    torch.manual_seed(0)  # the same every time
    return VideoGenerator(autoencoder, denoiser)
