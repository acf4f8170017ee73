"""The triplane U-Net: 2D convolutions shared by the planes, attention across them; paper section 3.2."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder import Triplane, TriplaneShape
from pvdm.diffusion.condition import Condition
from pvdm.diffusion.networks.blocks import (
    Attention,
    GroupNorm32,
    PlaneConvolutions,
    ResidualBlock,
    fold_time,
    unfold_time,
    zero,
)
from pvdm.diffusion.networks.denoiser import Denoiser, DenoiserConfig
from pvdm.diffusion.networks.text_tokens import TextAttention, TextTokens
from pvdm.errors import ArgumentError


@dataclass(frozen=True)
class UNetConfig(DenoiserConfig):
    """Sizes of the triplane U-Net; the defaults are the released ones (PVDM-L; PVDM-S has 128 channels).

    Args:
        latent_channels: Channels of each plane of the latent.
        latent_shape: Frames, and rows and columns in patches, of the latent cube; a fourth number, if the content plane
            has several times `latent_channels`, says how many times.
        channels: Width at full resolution; its product with each multiplier must be divisible by 32 and by `heads`.
        channel_multipliers: Width of each level relative to `channels`; each level halves the planes.
        blocks_per_level: Residual blocks per level.
        attention_factors: Downsampling factors at which blocks attend within their plane.
        heads: Attention heads.
        dropout: Dropout probability in residual blocks.
        across_factors: Downsampling factors at which attention joins the planes; None is all, as released. The lowest
            level has it in any case.
        frame_patch: Frames that a position of the motion planes holds inside the network, as released one. More make it
            faster; the number of frames must be divisible by it.
    """

    latent_channels: int = 4
    latent_shape: tuple[int, ...] = (16, 32, 32)
    channels: int = 256
    channel_multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks_per_level: int = 2
    attention_factors: tuple[int, ...] = (4, 2, 1)
    heads: int = 8
    dropout: float = 0.0
    across_factors: tuple[int, ...] | None = None
    frame_patch: int = 1

    def __post_init__(self) -> None:
        for name in ("latent_shape", "channel_multipliers", "attention_factors", "across_factors"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(value))
        _check_sizes(self)
        if self.latent_shape[3:] == (1,):
            object.__setattr__(self, "latent_shape", self.latent_shape[:3])  # one way to say it, that of older exports
        for multiplier in self.channel_multipliers:
            width = self.channels * multiplier
            if width < 32 or width % 32 or width % self.heads:
                problem = f"a level of the U-Net has {width} channels"
                remedy = f"each level must have a multiple of 32 and of the {self.heads} heads"
                raise ArgumentError(problem, remedy, option="channels")
        self.check_parts(self.channels)

    @property
    def plane_channels(self) -> tuple[int, int, int]:
        """Channels of the planes hw, tw and th as the network sees them, before the context is added."""
        shape, motion = TriplaneShape(*self.latent_shape), self.latent_channels * self.frame_patch
        return self.latent_channels * shape.contents, motion, motion


def _check_sizes(config: UNetConfig) -> None:
    """ArgumentError unless there is at least one level, and every size is at least 1."""
    if not config.channel_multipliers:
        raise ArgumentError("channel_multipliers is empty", "give one for each level", option="channel_multipliers")
    for name in ("latent_channels", "latent_shape", "channels", "blocks_per_level", "heads", "frame_patch"):
        value = getattr(config, name)
        if min(value if isinstance(value, tuple) else (value,)) < 1:
            raise ArgumentError(f"{name} is {value}", "it must be at least 1", option=name)
    if len(config.latent_shape) not in (3, 4):
        problem = f"latent_shape is {config.latent_shape}"
        raise ArgumentError(problem, "give frames, rows and columns", option="latent_shape")
    if config.latent_shape[0] % config.frame_patch:
        problem = f"frame_patch is {config.frame_patch}"
        raise ArgumentError(problem, f"give a divisor of the {config.latent_shape[0]} frames", option="frame_patch")
    for name in ("attention_factors", "across_factors"):
        if any(factor < 1 or factor & (factor - 1) for factor in getattr(config, name) or ()):
            raise ArgumentError(f"{name} are {getattr(config, name)}", "give powers of 2", option=name)


class Stage(nn.Module):
    """Blocks that share their weights among the planes, then attention over all positions of all planes, if any."""

    def __init__(self, blocks: list[nn.Module], across: Attention | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.across = across

    def forward(
        self, planes: Triplane, embedding: Tensor, shape: TriplaneShape, text: TextTokens | None = None
    ) -> Triplane:
        """embedding: (b, e); shape: of the triplane that a block which doubles the planes has to reach."""
        groups = _planes_by_size(planes.shape, shape)
        sizes = [shape.planes[group[0]] for group in groups]
        values = list(planes)
        batches = [torch.cat([values[plane] for plane in group]) for group in groups]
        for block in self.blocks:
            if isinstance(block, Attention):
                batches = [block(batch.flatten(2)).view_as(batch) for batch in batches]
            else:
                batches = block(batches, embedding, sizes)
        for group, batch in zip(groups, batches, strict=True):
            for plane, value in zip(group, batch.unflatten(0, (len(group), -1)), strict=True):
                values[plane] = value
        planes = Triplane(*values)
        if self.across is None:
            return planes
        return Triplane.split(self.across(planes.flatten(), text), planes.shape)


def _planes_by_size(before: TriplaneShape, after: TriplaneShape) -> list[list[int]]:
    """Indices of the planes, grouped by their sizes before and after the stage: each group can be one batch."""
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for plane, sizes in enumerate(zip(before.planes, after.planes, strict=True)):
        groups.setdefault(sizes, []).append(plane)
    return list(groups.values())


class TriplaneUNet(Denoiser):
    """The denoiser's network: (z, t, condition) -> what it was trained to predict, see parameterization.py."""

    def __init__(self, config: UNetConfig) -> None:
        width = config.channels
        super().__init__(config, width, 4 * width)
        channels, widths = config.plane_channels, (width, width, width)
        self.conv_in = self._convolution(tuple(2 * count for count in channels), widths)  # of latent and context
        known = (1, config.frame_patch, config.frame_patch)
        hints = tuple(count + extra for count, extra in zip(channels, known, strict=True))
        self.hint_in = zero(PlaneConvolutions(hints, (width, width, width), bias=False)) if config.hints else None
        self.down, widths = self._down_path()
        self.middle = self._middle(widths[-1])
        self.up = self._up_path(widths)
        self.norm_out = GroupNorm32(width)
        self.conv_out = zero(self._convolution((width, width, width), channels))

    def forward(self, z: Tensor, t: Tensor, condition: Condition | Tensor | None = None) -> Tensor:
        """z: (b, c, l) flat latents; t: (b,) or (b, 2) integer times; condition: a tensor like z is the context.

        ArgumentError, a ValueError, for z of another type or shape; ValueError for a label that is not a class.
        """
        self.check(z)
        condition = Condition.of(condition)
        context, (embedding, text) = condition.channels(z), self.embed(z, t, condition)
        planes = self._first(Triplane.split(torch.cat((z, context), dim=1), self.shape))
        if (hint := self.hint(condition, z.dtype)) is not None:
            planes = Triplane(*map(torch.add, planes, self.hint_in(fold_time(hint, self.config.frame_patch))))
        if (rows := self.frame_rows(condition, z)) is not None:
            planes = Triplane(*map(torch.add, planes, rows))
        skips = [planes]
        for stage in self.down:
            planes = stage(planes, embedding, planes.shape, text)
            skips.append(planes)
        planes = self.middle(planes, embedding, planes.shape, text)
        for stage in self.up:
            skip = skips.pop()
            joined = Triplane(*(torch.cat(pair, dim=1) for pair in zip(planes, skip, strict=True)))
            planes = stage(joined, embedding, skips[-1].shape if skips else joined.shape, text)
        return self._last(planes.map(lambda plane: functional.silu(self.norm_out(plane)))).flatten()

    def _first(self, planes: Triplane) -> Triplane:
        if isinstance(self.conv_in, PlaneConvolutions):
            return self.conv_in(fold_time(planes, self.config.frame_patch))
        return planes.map(self.conv_in)

    def _last(self, planes: Triplane) -> Triplane:
        if isinstance(self.conv_out, PlaneConvolutions):
            return unfold_time(self.conv_out(planes), self.config.frame_patch)
        return planes.map(self.conv_out)

    def _convolution(self, channels: tuple[int, int, int], out_channels: tuple[int, int, int]) -> nn.Module:
        """The first or last convolution: shared by the planes, as released, where all have the same channels."""
        config = self.config
        if TriplaneShape(*config.latent_shape).contents == config.frame_patch == 1:
            return nn.Conv2d(channels[0], out_channels[0], kernel_size=3, padding=1)
        return PlaneConvolutions(channels, out_channels)

    def regions(self) -> list[nn.Module]:
        """The repeated parts, which are compiled and sharded one by one: all stages, in the order in which they run."""
        return [*self.down, self.middle, *self.up]

    def observed(self) -> list[nn.Module]:
        """The parts whose outputs an adversary judges: the stages of the down path and the middle, triplanes."""
        return [*self.down, self.middle]

    def recomputable(self) -> dict[str, list[nn.Module]]:
        """What activation checkpointing can recompute: residual blocks, attention within planes and across them."""
        blocks = [block for stage in self.regions() for block in stage.blocks]
        return {
            "residual": [block for block in blocks if isinstance(block, ResidualBlock)],
            "attention": [block for block in blocks if isinstance(block, Attention)],
            "across": [stage.across for stage in self.regions() if stage.across is not None],
        }

    def _block(self, channels: int, out_channels: int, resample: str | None = None) -> ResidualBlock:
        config = self.config
        return ResidualBlock(channels, out_channels, 4 * config.channels, dropout=config.dropout, resample=resample)

    def _blocks(self, channels: int, out_channels: int, factor: int) -> list[nn.Module]:
        """A residual block, and attention within each plane where this factor has it."""
        blocks: list[nn.Module] = [self._block(channels, out_channels)]
        if factor in self.config.attention_factors:
            blocks.append(Attention(out_channels, self.config.heads))
        return blocks

    def _stage(self, blocks: list[nn.Module], channels: int, factor: int) -> Stage:
        """A stage whose planes are downsampled by `factor` when its blocks have run."""
        chosen = self.config.across_factors
        is_joined = chosen is None or factor in chosen or factor == 2 ** (len(self.config.channel_multipliers) - 1)
        return Stage(blocks, self._across(channels) if is_joined else None)

    def _across(self, channels: int) -> Attention:
        """Attention across the planes, and to the tokens of the text."""
        heads, has_text = self.config.heads, self.config.text_width is not None
        return Attention(channels, heads, TextAttention(self.config.channels, channels, heads) if has_text else None)

    def _down_path(self) -> tuple[nn.ModuleList, list[int]]:
        """Stages of the encoder, and the channels of every skip, the first convolution's included."""
        config, stages, widths = self.config, nn.ModuleList(), [self.config.channels]
        last = len(config.channel_multipliers) - 1
        for level, multiplier in enumerate(config.channel_multipliers):
            width = multiplier * config.channels
            for _ in range(config.blocks_per_level):
                stages.append(self._stage(self._blocks(widths[-1], width, 2**level), width, 2**level))
                widths.append(width)
            if level < last:
                stages.append(self._stage([self._block(width, width, "down")], width, 2 ** (level + 1)))
                widths.append(width)
        return stages, widths

    def _middle(self, width: int) -> Stage:
        attention, lowest = Attention(width, self.config.heads), 2 ** (len(self.config.channel_multipliers) - 1)
        return self._stage([self._block(width, width), attention, self._block(width, width)], width, lowest)

    def _up_path(self, widths: list[int]) -> nn.ModuleList:
        """Stages of the decoder; each takes one skip, and the last of a level doubles the planes."""
        config, stages, skips, channels = self.config, nn.ModuleList(), list(widths), widths[-1]
        for level, multiplier in reversed(list(enumerate(config.channel_multipliers))):
            width = multiplier * config.channels
            for index in range(config.blocks_per_level + 1):
                blocks = self._blocks(channels + skips.pop(), width, 2**level)
                is_raised = level > 0 and index == config.blocks_per_level
                if is_raised:
                    blocks.append(self._block(width, width, "up"))
                stages.append(self._stage(blocks, width, 2 ** (level - is_raised)))
                channels = width
        return stages
