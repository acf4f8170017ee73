"""The configuration of an autoencoder: sizes of its video and of its networks."""

from __future__ import annotations

from dataclasses import dataclass

from pvdm.autoencoder.triplane import TriplaneShape
from pvdm.errors import ArgumentError


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes of a projected autoencoder; the defaults are the released ones (256x256, 16 frames).

    Args:
        frames: Frames per clip.
        height: Height in pixels, divisible by `patch_size`.
        width: Width in pixels, divisible by `patch_size`.
        patch_size: Side of the square patch that becomes one token, in pixels.
        channels: Width of encoder and decoder.
        latent_channels: Channels of each plane.
        depth: Space-time layers of the encoder and of the decoder.
        heads: Attention heads of a space-time layer.
        head_dim: Channels per head; divisible by 4 (rotary positions over two axes).
        projection_depth: Layers of each of the three projections.
        projection_heads: Attention heads of a projection layer.
        projection_head_dim: Channels per head of a projection layer.
        projection_mlp_dim: Hidden width of a projection layer's MLP.
    """

    frames: int = 16
    height: int = 256
    width: int = 256
    patch_size: int = 8
    channels: int = 384
    latent_channels: int = 4
    depth: int = 8
    heads: int = 8
    head_dim: int = 64
    projection_depth: int = 4
    projection_heads: int = 4
    projection_head_dim: int = 48
    projection_mlp_dim: int = 512

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 1:
                raise ArgumentError(f"{name} is {size}", "it must be at least 1", option=name)
        for name in ("height", "width"):
            if getattr(self, name) % self.patch_size:
                raise ArgumentError(
                    f"{name} {getattr(self, name)} is not divisible by the patch size {self.patch_size}",
                    f"choose a multiple of {self.patch_size}",
                    option=name,
                )
        if self.head_dim % 4:
            remedy = "give a multiple of 4, which rotary positions need"
            raise ArgumentError(f"head_dim is {self.head_dim}", remedy, option="head_dim")

    @property
    def latent_shape(self) -> TriplaneShape:
        """Sizes of the latent cube: frames, and height and width in patches."""
        return TriplaneShape(self.frames, self.height // self.patch_size, self.width // self.patch_size)
