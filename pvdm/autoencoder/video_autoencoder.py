"""What every autoencoder does: video to a triplane and back, and what it checks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pvdm.autoencoder.config import AnyAutoencoderConfig
from pvdm.autoencoder.triplane import PLANES, Triplane
from pvdm.errors import ArgumentError

MAX_PIXEL = 1.01
"""Largest magnitude of pixels in [-1, 1], with a margin for rounding."""

PIXELS = "this autoencoder takes floats in [-1, 1], which pvdm.video.to_float makes of uint8"


class VideoAutoencoder(nn.Module):
    """Encodes video (b, 3, t, h, w), float in [-1, 1], to a `Triplane`, and decodes it.

    Another size, number of frames or dtype than `config` says raises ArgumentError, a ValueError.
    """

    latent_bound: ClassVar[float | None] = None
    """Largest magnitude of latents, to which sampling clamps; None if they have no bound."""

    encoder_parts: ClassVar[tuple[str, ...]]
    """Names of the parts that the latent of a video depends on."""

    derived: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the names of buffers that follow from data and settings; another model's weights may lack them."""

    def __init__(self, config: AnyAutoencoderConfig) -> None:
        super().__init__()
        self.config = config

    def encode(self, video: Tensor) -> Triplane:
        """video: (b, 3, t, h, w), float in [-1, 1] -> its planes."""
        raise NotImplementedError

    def decode(self, triplane: Triplane) -> Tensor:
        """Planes -> video (b, 3, t, h, w), float."""
        raise NotImplementedError

    @property
    def can_halve(self) -> bool:
        """Whether `decode_halved` is possible."""
        return False

    def decode_halved(self, triplane: Triplane) -> Tensor:
        """Planes, shrunk by two in height and width -> the video that they make, (b, 3, t, h/2, w/2), float."""
        raise NotImplementedError

    @cached_property
    def content_mask(self) -> Tensor:
        """Which values of a flat latent hold what stays over the clip, (c, l) bool; the others hold its motion.

        They are the first `still_channels` of the content plane.
        """
        shape, c = self.config.latent_shape, self.config.latent_channels
        channels = (shape.contents * c, c, c)
        planes = (torch.zeros(1, n, *size, dtype=bool) for n, size in zip(channels, shape.planes, strict=True))
        triplane = Triplane(*planes)
        triplane.hw[:, : self.config.still_channels] = True
        return triplane.flatten()[0]

    @property
    def last_layer(self) -> nn.Parameter:
        """The weights that make the pixels; the adaptive weight of the GAN loss is measured there."""
        raise NotImplementedError

    def observe(self, found: Tensor, wanted: Tensor) -> None:
        """Is shown reconstructions in training mode and their clips, (b, 3, t, h, w), before each update."""

    def adapt(self, fields: Mapping[str, Any]) -> None:
        """Is called once it holds the weights of an autoencoder of other settings, given by its stored fields."""

    def freeze_encoder(self) -> None:
        """Trains the decoder alone from now on, so that latents, and denoisers trained on them, stay valid."""
        for name in self.encoder_parts:
            self.get_submodule(name).requires_grad_(False)

    def encoder_state(self) -> dict[str, Tensor]:
        """The weights and buffers that the latent of a video depends on."""
        return {name: value for name, value in self.state_dict().items() if name.split(".")[0] in self.encoder_parts}

    def regions(self) -> list[nn.Module]:
        """The repeated parts, which are compiled one by one."""
        raise NotImplementedError

    def recomputable(self) -> dict[str, list[nn.Module]]:
        """What activation checkpointing can recompute, by kind."""
        raise NotImplementedError

    def forward(self, video: Tensor) -> Tensor:
        """Reconstruction of video: (b, 3, t, h, w), float in [-1, 1]."""
        return self.decode(self.encode(video))

    def check_video(self, video: Tensor) -> None:
        """ArgumentError for another dtype or shape and, on a CPU, where it needs no synchronization, another range."""
        config = self.config
        wanted = (3, config.frames, config.height, config.width)
        if tuple(video.shape[1:]) != wanted:
            raise ArgumentError(
                f"video has shape {tuple(video.shape)}",
                f"this autoencoder takes (b, {', '.join(map(str, wanted))}), so scale and cut it first",
            )
        if not video.is_floating_point():
            raise ArgumentError(f"video is {video.dtype}", PIXELS)
        if video.device.type == "cpu" and type(video) is Tensor and video.numel():  # subclasses may have no values
            low, high = (value.item() for value in video.detach().aminmax())
            if not (low >= -MAX_PIXEL and high <= MAX_PIXEL):
                raise ArgumentError(f"video goes from {low:.4g} to {high:.4g}", PIXELS)

    def check_planes(self, triplane: Triplane) -> None:
        """ArgumentError for planes of another dtype or other sizes."""
        c, shape = self.config.latent_channels, self.config.latent_shape
        channels = (shape.contents * c, c, c)
        for name, plane, count, size in zip(PLANES, triplane, channels, shape.planes, strict=True):
            if plane.shape[1:] != (count, *size) or not plane.is_floating_point():
                wanted = ", ".join(map(str, (count, *size)))
                raise ArgumentError(
                    f"plane {name} is {plane.dtype} {tuple(plane.shape)}",
                    f"this autoencoder decodes floats (b, {wanted})",
                )
