"""The smallest model that takes every part of a condition: a spectral autoencoder and a joint transformer."""

from __future__ import annotations

from generation.small_models import randomized

from pvdm.autoencoder import SpectralConfig
from pvdm.conditions.text import WORD_WIDTH, TextConfig
from pvdm.diffusion import DiffusionConfig, TransformerConfig
from pvdm.generation import VideoGenerator


def all_told(**diffusion: object) -> VideoGenerator:
    """Clips of 4 frames of 16x16."""
    autoencoder = SpectralConfig(
        frames=4,
        height=16,
        width=16,
        patch=4,
        content_channels=(2,),
        motion_channels=1,
        features=8,
        encoder_depth=1,
        decoder_depth=1,
    )
    takes = {"classes": 2, "context_levels": True, "hints": True, "text_width": WORD_WIDTH, "text_tokens": 4}
    takes |= {"text_layers": 1, "camera_width": 3, "sound_width": 2, "scores": ("motion",), "plane_times": True}
    sizes = {"width": 16, "depth": 1, "heads": 2, "frame_patch": 4}
    shape = tuple(autoencoder.latent_shape)
    denoiser = TransformerConfig(latent_channels=autoencoder.latent_channels, latent_shape=shape, **sizes, **takes)
    process = DiffusionConfig(timesteps=200, prediction="v", border_fade=2, **diffusion)
    text = TextConfig(tokens=4, words=("ball", "blue", "red"))
    options = {"fps": 10.0, "training_step": 7, "classes": ("roll", "rest"), "text": text}
    return randomized(VideoGenerator(autoencoder, denoiser, process, score_ranges={"motion": (0.0, 9.0)}, **options))
