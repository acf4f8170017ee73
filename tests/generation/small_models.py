"""Models of a few thousand weights, every one of which matters: none is at zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from reference import fill
from torch import nn

from pvdm.autoencoder import AutoencoderConfig
from pvdm.conditions.text import WORD_WIDTH, TextConfig
from pvdm.diffusion import DiffusionConfig, UNetConfig
from pvdm.generation import VideoGenerator

AUTOENCODER = AutoencoderConfig(
    frames=8,
    height=32,
    width=32,
    patch_size=8,
    channels=32,
    latent_channels=4,
    depth=1,
    heads=2,
    head_dim=8,
    projection_depth=1,
    projection_heads=2,
    projection_head_dim=8,
    projection_mlp_dim=32,
)
UNET = UNetConfig(
    channels=32, channel_multipliers=(1, 2), blocks_per_level=1, attention_factors=(2,), heads=4, latent_channels=4
)


def randomized(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, its weights functions of their names, so that no layer is the identity."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(torch.from_numpy(fill(name, list(parameter.shape), "small")))
    return network.eval()


def small_autoencoder(**sizes: int) -> AutoencoderConfig:
    """Sizes of a small autoencoder, some of them as given."""
    return replace(AUTOENCODER, **sizes)


def small_unet(autoencoder: AutoencoderConfig, **sizes) -> UNetConfig:
    """Sizes of a small U-Net for the latents of this autoencoder, some of them as given."""
    shape, channels = tuple(autoencoder.latent_shape), autoencoder.latent_channels
    return replace(UNET, latent_shape=shape, latent_channels=channels, **sizes)


def small_generator(*, denoiser: bool = True, **sizes: int) -> VideoGenerator:
    """A whole small model with weights that are the same everywhere; `sizes` are the autoencoder's."""
    autoencoder = small_autoencoder(**sizes)
    unet = small_unet(autoencoder) if denoiser else None
    generator = VideoGenerator(autoencoder, unet, DiffusionConfig(timesteps=200), fps=10.0, training_step=7)
    return randomized(generator)


def labelled_generator(classes: Sequence[str] | None = ("Archery", "Biking", "Swing")) -> VideoGenerator:
    """The same with labels of three classes."""
    unet = small_unet(AUTOENCODER, classes=3)
    data = {"classes": 3, "clip": {"frames": 8}}
    options = {"fps": 10.0, "classes": classes, "data": data}
    return randomized(VideoGenerator(AUTOENCODER, unet, DiffusionConfig(timesteps=200), **options))


def hinted_generator() -> VideoGenerator:
    """The same with given frames: clips of 8 frames of 32x32."""
    unet = replace(small_unet(AUTOENCODER), hints=True, blurred_hints=True)
    return randomized(VideoGenerator(AUTOENCODER, unet, DiffusionConfig(timesteps=200), fps=10.0))


def noise_video(frames: int, seed: int = 0) -> torch.Tensor:
    """(3, frames, 32, 32) uint8."""
    return torch.randint(256, (3, frames, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def told_and_hinted() -> VideoGenerator:
    """The same with text, given frames and blurred ones."""
    return told_generator(plane_times=False, hints=True, blurred_hints=True)


def told_generator(**more: bool) -> VideoGenerator:
    """The same with text and times of content and motion; it knows five words. `more` are sizes of the denoiser."""
    words = {"text_width": WORD_WIDTH, "text_tokens": 6, "text_layers": 1, "plane_times": True, **more}
    text = TextConfig(tokens=6, words=("a", "ball", "blue", "of", "red"))
    options = {"fps": 10.0, "training_step": 7, "text": text}
    unet = small_unet(AUTOENCODER, **words)
    return randomized(VideoGenerator(AUTOENCODER, unet, DiffusionConfig(timesteps=200), **options))
