"""The configurations of the autoencoders: sizes of their video and of their networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
        _check_sizes(self)
        if self.head_dim % 4:
            remedy = "give a multiple of 4, which rotary positions need"
            raise ArgumentError(f"head_dim is {self.head_dim}", remedy, option="head_dim")

    @property
    def still_channels(self) -> int:
        """Channels of the content plane that hold what stays over the clip: all."""
        return self.latent_channels

    @property
    def latent_shape(self) -> TriplaneShape:
        """Sizes of the latent cube: frames, and height and width in patches."""
        return TriplaneShape(self.frames, self.height // self.patch_size, self.width // self.patch_size)


@dataclass(frozen=True)
class SpectralConfig:
    """Sizes of a spectral autoencoder; by default, 8,192 values for 16 frames of 256x256.

    Its fields, but for the size of a clip, have other names than those of `AutoencoderConfig`: in a config file, they
    say which of the two is meant.

    Args:
        frames: Frames per clip.
        height: Height in pixels, divisible by `patch`.
        width: Width in pixels, divisible by `patch`.
        patch: Side of the square patches, in pixels.
        content_channels: Channels of the content plane for each of the first temporal frequencies, lowest first; their
            sum must be divisible by `motion_channels`.
        motion_channels: Channels of each motion plane.
        features: Width of encoder and decoder.
        encoder_depth: Blocks of the encoder.
        decoder_depth: Blocks of the decoder.
        expansion: Hidden width of a block's MLP, relative to `features`.
        kernel_size: Side of a block's depthwise convolution, in patches; odd.
        still_gain: Largest gain of what stays still, by which reconstructions get back the detail of clips (see
            `Amplitudes`); 1 leaves them as they are, of least error.
        motion_gain: The same for what moves.
        latent_power: Latents have a standard deviation in proportion to this power, 0 to 1, of their channel's weight
            in pixels, so that noise hides detail before layout; 0 gives all unit variance. The mean variance is 1.
    """

    frames: int = 16
    height: int = 256
    width: int = 256
    patch: int = 16
    content_channels: tuple[int, ...] = (17, 7, 4, 2)
    motion_channels: int = 1
    features: int = 384
    encoder_depth: int = 3
    decoder_depth: int = 4
    expansion: int = 3
    kernel_size: int = 5
    still_gain: float = 1.0
    motion_gain: float = 1.0
    latent_power: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "content_channels", tuple(self.content_channels))
        _check_sizes(self)
        if not 0 <= self.latent_power <= 1:
            problem = f"latent_power is {self.latent_power}"
            raise ArgumentError(problem, "give a value from 0 to 1", option="latent_power")
        total, frequencies = sum(self.content_channels), len(self.content_channels)
        if not 1 <= frequencies <= self.frames:
            problem = f"content_channels has {frequencies} frequencies, and a clip of {self.frames} frames as many"
            raise ArgumentError(problem, f"give 1 to {self.frames} numbers", option="content_channels")
        if total % self.motion_channels:
            problem = f"the {total} channels of content are not divisible by {self.motion_channels} motion_channels"
            raise ArgumentError(problem, "change one of the two", option="content_channels")
        if self.kernel_size % 2 == 0:
            raise ArgumentError(f"kernel_size is {self.kernel_size}", "give an odd number", option="kernel_size")

    @property
    def patch_size(self) -> int:
        """As of the released autoencoder."""
        return self.patch

    @property
    def latent_channels(self) -> int:
        """Channels of a flat latent: those of a motion plane."""
        return self.motion_channels

    @property
    def still_channels(self) -> int:
        """Channels of the content plane that hold what stays over the clip: those of the lowest frequency, the mean."""
        return self.content_channels[0]

    @property
    def latent_shape(self) -> TriplaneShape:
        """Sizes of the latent cube, and the number of content planes in a flat latent."""
        contents = sum(self.content_channels) // self.motion_channels
        return TriplaneShape(self.frames, self.height // self.patch, self.width // self.patch, contents)


def _check_sizes(config: AutoencoderConfig | SpectralConfig) -> None:
    """ArgumentError unless all sizes are at least 1 and the patches fill the frame."""
    for name, size in vars(config).items():
        if name == "latent_power":
            continue
        if min(size if isinstance(size, tuple) else (size,), default=0) < 1:
            raise ArgumentError(f"{name} is {size}", "it must be at least 1", option=name)
    for name in ("height", "width"):
        if getattr(config, name) % config.patch_size:
            raise ArgumentError(
                f"{name} {getattr(config, name)} is not divisible by the patch size {config.patch_size}",
                f"choose a multiple of {config.patch_size}",
                option=name,
            )


AnyAutoencoderConfig = AutoencoderConfig | SpectralConfig


def stored_fields(config: AnyAutoencoderConfig) -> dict[str, Any]:
    """The fields of a config, JSON-able, with its class unless it is that of the released autoencoder."""
    name = {} if isinstance(config, AutoencoderConfig) else {CLASS: type(config).__name__}
    plain = {field: list(value) if isinstance(value, tuple) else value for field, value in vars(config).items()}
    return {**name, **plain}


def autoencoder_class(fields: Mapping[str, Any]) -> type[AutoencoderConfig] | type[SpectralConfig]:
    """The class of stored fields; ArgumentError for one that this version lacks."""
    name = fields.get(CLASS, AutoencoderConfig.__name__)
    if name not in CLASSES:
        raise ArgumentError(f"{CLASS} is {name!r}", f"give one of {', '.join(CLASSES)}", option=CLASS)
    return CLASSES[name]


def autoencoder_config(fields: Mapping[str, Any]) -> AnyAutoencoderConfig:
    """The inverse of `stored_fields`; TypeError or ArgumentError for fields that do not fit."""
    return autoencoder_class(fields)(**{name: value for name, value in fields.items() if name != CLASS})


CLASS = "class"
"""Key of stored fields for the name of their class."""

CLASSES = {kind.__name__: kind for kind in (AutoencoderConfig, SpectralConfig)}
