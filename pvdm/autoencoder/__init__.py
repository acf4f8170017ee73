"""Video to three planes and back."""

from pvdm.autoencoder.autoencoder import ProjectedAutoencoder
from pvdm.autoencoder.config import AutoencoderConfig
from pvdm.autoencoder.triplane import PLANES, Triplane, TriplaneShape

__all__ = ["PLANES", "AutoencoderConfig", "ProjectedAutoencoder", "Triplane", "TriplaneShape"]
