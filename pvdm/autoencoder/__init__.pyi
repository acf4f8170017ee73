from .autoencoder import ProjectedAutoencoder
from .config import (
    AnyAutoencoderConfig,
    AutoencoderConfig,
    SpectralConfig,
    autoencoder_class,
    autoencoder_config,
    stored_fields,
)
from .spectral.spectral_autoencoder import SpectralAutoencoder
from .triplane import PLANES, Triplane, TriplaneShape
from .video_autoencoder import VideoAutoencoder

__all__ = [
    "PLANES",
    "AnyAutoencoderConfig",
    "AutoencoderConfig",
    "ProjectedAutoencoder",
    "SpectralAutoencoder",
    "SpectralConfig",
    "Triplane",
    "TriplaneShape",
    "VideoAutoencoder",
    "autoencoder_class",
    "autoencoder_config",
    "stored_fields",
]
