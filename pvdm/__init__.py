"""Video generation by diffusion in a projected latent space (Yu et al., CVPR 2023, arXiv 2302.07685)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvdm.autoencoder import Triplane
    from pvdm.generation import VideoGenerator

__all__ = ["Triplane", "VideoGenerator"]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that the command line answers at once."""
    if name == "VideoGenerator":
        from pvdm.generation import VideoGenerator

        return VideoGenerator
    if name == "Triplane":
        from pvdm.autoencoder import Triplane

        return Triplane
    raise AttributeError(f"module 'pvdm' has no attribute {name!r}")
