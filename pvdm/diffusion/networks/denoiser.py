"""What both denoisers share: the check of their input, and the embedding of times and of what a sample is to be."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pvdm.autoencoder import Triplane, TriplaneShape
from pvdm.diffusion.condition import ROWS, Condition
from pvdm.diffusion.networks.blocks import LevelEmbedding, timestep_embedding, zero
from pvdm.diffusion.networks.frame_rows import FrameRows, planes_of_rows
from pvdm.diffusion.networks.text_tokens import TextEmbedding, TextTokens, embedded_text
from pvdm.errors import ArgumentError


class Denoiser(nn.Module):
    """Base of the networks (z, t, condition) -> what they were trained to predict, see parameterization.py.

    Args:
        config: Sizes, with the fields that both networks have.
        channels: Channels of the sinusoids of times, and of positions after the first layer.
        embedding_channels: Channels of their embedding.
    """

    added: ClassVar[tuple[str, ...]] = (
        "embed_level.",
        "embed_hint_level.",
        "hint_in.",
        "embed_hint.",
        "embed_motion_time.",
        "embed_text.",
        "attend_text.",
        "embed_camera.",
        "embed_sound.",
    )
    """Parts of the names of weights that start without effect, which those of an older network may lack."""

    def __init__(self, config: Any, channels: int, embedding_channels: int) -> None:
        super().__init__()
        self.config, self.shape, size = config, TriplaneShape(*config.latent_shape), embedding_channels
        self.embed_time = nn.Sequential(nn.Linear(channels, size), nn.SiLU(), nn.Linear(size, size))
        self.embed_label = zero(nn.Embedding(config.classes, size)) if config.classes else None
        self.embed_level = LevelEmbedding(channels, size) if config.context_levels else None
        self.embed_hint_level = LevelEmbedding(channels, size) if config.hints else None
        self.embed_motion_time = LevelEmbedding(channels, size) if config.plane_times else None
        sizes = (config.text_width, config.text_tokens, channels, size)
        layers = {"layers": config.text_layers, "heads": config.heads}
        self.embed_text = TextEmbedding(*sizes, **layers) if config.text_width else None
        rows = {name: getattr(config, f"{name}_width") for name in ROWS}
        self.embed_camera, self.embed_sound = (
            FrameRows(width, config.frame_patch, channels) if width else None for width in rows.values()
        )
        self._time_channels = channels

    def embed(self, z: Tensor, t: Tensor, condition: Condition) -> tuple[Tensor, TextTokens | None]:
        """The embedding (b, e) of time, noise levels, text and label, as of ADM (Dhariwal & Nichol 2021), and the text.

        t: (b,) for all planes; or (b, 2) of content and of motion, for a network with `plane_times`.
        """
        content, motion = (t, t) if t.ndim == 1 else t.unbind(1)
        embedding = self.embed_time(timestep_embedding(content, self._time_channels).to(z.dtype))
        if self.embed_motion_time is not None:
            everyone = torch.ones_like(motion, dtype=torch.bool)
            embedding = embedding + self.embed_motion_time((motion, everyone), embedding)
        elif t.ndim != 1:
            raise ValueError("the network has one time for all planes; give t as (b,)")
        if self.embed_level is not None:
            embedding = embedding + self.embed_level(condition.levels(len(z), z.device), embedding)
        if self.embed_hint_level is not None:
            embedding = embedding + self.embed_hint_level(condition.hint_levels(len(z), z.device), embedding)
        text, pooled = embedded_text(self.embed_text, condition, z.dtype)
        embedding = embedding + pooled
        if (given := condition.labels(len(z), self.config.classes)) is None:
            return embedding, text
        label, mask = given
        return embedding + (self.embed_label(label) * mask[:, None]).to(embedding.dtype), text

    def hint(self, condition: Condition, dtype: torch.dtype) -> Triplane | None:
        """The planes of the hint; ValueError if there is one and the network takes none."""
        planes = condition.hint_planes(self.shape, dtype)
        if planes is not None and not self.config.hints:
            raise ValueError("a hint is given to a network without hints; leave out the hint")
        return planes

    def frame_rows(self, condition: Condition, z: Tensor) -> Triplane | None:
        """What the vectors of frames add after the first layer: (b, c, 1, 1), (b, c, t / frame_patch, 1) twice.

        None without any; ValueError for a part that the network does not take, or of other sizes.
        """
        found: Tensor | None = None
        for name, layer in zip(ROWS, (self.embed_camera, self.embed_sound), strict=True):
            if (given := condition.rows(name, z.dtype)) is None:
                continue
            if layer is None:
                raise ValueError(f"a {name} is given to a network without {name}; leave out the {name}")
            width = getattr(self.config, f"{name}_width")
            if given.shape != (len(z), self.shape.t, width):
                expected = f"{self.shape.t} frames of {width} numbers for each of {len(z)} samples"
                raise ValueError(f"the {name} is {tuple(given.shape)}; this network takes {expected}")
            found = layer(given) if found is None else found + layer(given)
        return None if found is None else planes_of_rows(found)

    def check(self, z: Tensor) -> None:
        """ArgumentError unless z is a flat latent of the network's channels."""
        channels = self.config.latent_channels
        if z.ndim != 3 or z.shape[1] != channels or not z.is_floating_point():
            expected = f"floats (b, {channels}, {self.shape.positions})"
            raise ArgumentError(f"z is {z.dtype} {tuple(z.shape)}", f"this denoiser takes flat latents, {expected}")
