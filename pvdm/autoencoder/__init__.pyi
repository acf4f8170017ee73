from .autoencoder import ProjectedAutoencoder
from .config import AutoencoderConfig
from .triplane import PLANES, Triplane, TriplaneShape

__all__ = ["PLANES", "AutoencoderConfig", "ProjectedAutoencoder", "Triplane", "TriplaneShape"]
