"""The joint transformer: a denoiser whose positions of all planes are one sequence, for latents of few positions."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder import PLANES, Triplane
from pvdm.diffusion.condition import Condition
from pvdm.diffusion.networks.blocks import fold_time, unfold_time, zero
from pvdm.diffusion.networks.denoiser import Denoiser, DenoiserConfig
from pvdm.diffusion.networks.text_tokens import TextAttention, TextTokens
from pvdm.errors import ArgumentError
from pvdm.runtime.attention_launches import attend


@dataclass(frozen=True)
class TransformerConfig(DenoiserConfig):
    """Sizes of the joint transformer; the defaults suit the spectral autoencoder's latents of 64x64 video.

    Args:
        latent_channels: Channels of the motion planes of the latent.
        latent_shape: Frames, and rows and columns in patches, of the latent cube; a fourth number, if the content plane
            has several times `latent_channels`, says how many times.
        width: Channels of a position; must be divisible by 2 * `heads`.
        depth: Blocks.
        heads: Attention heads.
        expansion: Hidden width of a block's MLP, relative to `width`.
        frame_patch: Frames that a position of the motion planes holds; the number of frames must be divisible by it.
    """

    latent_channels: int = 1
    latent_shape: tuple[int, ...] = (16, 8, 8, 36)
    width: int = 256
    depth: int = 6
    heads: int = 4
    expansion: int = 2
    frame_patch: int = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, "latent_shape", tuple(self.latent_shape))
        for name in ("latent_channels", "latent_shape", "width", "depth", "heads", "expansion", "frame_patch"):
            value = getattr(self, name)
            if min(value if isinstance(value, tuple) else (value,)) < 1:
                raise ArgumentError(f"{name} is {value}", "it must be at least 1", option=name)
        if len(self.latent_shape) not in (3, 4):
            remedy = "give frames, rows and columns"
            raise ArgumentError(f"latent_shape is {self.latent_shape}", remedy, option="latent_shape")
        if self.width % (2 * self.heads):
            problem, remedy = f"width is {self.width}", f"give a multiple of twice the {self.heads} heads"
            raise ArgumentError(problem, remedy, option="width")
        if self.latent_shape[0] % self.frame_patch:
            remedy = f"give a divisor of the {self.latent_shape[0]} frames"
            raise ArgumentError(f"frame_patch is {self.frame_patch}", remedy, option="frame_patch")
        self.check_parts(self.width)


class JointTransformer(Denoiser):
    """(z, t, condition) -> what it was trained to predict, see parameterization.py.

    The blocks are those of DiT (Peebles & Xie 2023, arXiv 2212.09748) with normalized queries and keys, a gated MLP,
    and a depthwise convolution of the content plane.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config, config.width, config.width)
        width, motion = config.width, config.latent_channels * config.frame_patch
        channels = {"hw": config.latent_channels * self.shape.contents, "tw": motion, "th": motion}
        self.embed_planes = nn.ModuleDict({name: nn.Linear(2 * count, width) for name, count in channels.items()})
        known = {"hw": 1, "tw": config.frame_patch, "th": config.frame_patch}
        hints = {name: zero(nn.Linear(count + known[name], width, bias=False)) for name, count in channels.items()}
        self.embed_hint = nn.ModuleDict(hints) if config.hints else None
        self.position = nn.Parameter(0.5 * torch.randn(sum(self._lengths()), width))
        self.blocks = nn.ModuleList(JointBlock(config) for _ in range(config.depth))
        self.norm_out = nn.LayerNorm(width, elementwise_affine=False)
        self.to_planes = nn.ModuleDict({name: zero(nn.Linear(width, count)) for name, count in channels.items()})

    def forward(self, z: Tensor, t: Tensor, condition: Condition | Tensor | None = None) -> Tensor:
        """z: (b, c, l) flat latents; t: (b,) or (b, 2) times; condition: a tensor like z is the context.

        ArgumentError, a ValueError, for z of another type or shape; ValueError for a label that is not a class.
        """
        self.check(z)
        condition = Condition.of(condition)
        embedding, text = self.embed(z, t, condition)
        embedding = functional.silu(embedding)
        planes = Triplane.split(torch.cat((z, condition.channels(z)), dim=1), self.shape)
        x = self._positions(planes, self.embed_planes) + self.position
        if (hint := self.hint(condition, z.dtype)) is not None:
            x = x + self._positions(hint, self.embed_hint)
        if (rows := self.frame_rows(condition, z)) is not None:
            x = x + self._expanded(rows)
        grid = self.shape.planes[0]
        for block in self.blocks:
            x = block(x, embedding, grid, text)
        return self._planes(self.norm_out(x)).flatten()

    def without_block(self, number: int) -> JointTransformer:
        """This network without one of its blocks, counted from 0; it shares all weights, also when they change.

        ArgumentError if there is no such block.
        """
        if not 0 <= number < len(self.blocks):
            problem = f"there is no block {number} among {len(self.blocks)}"
            raise ArgumentError(problem, f"give a number from 0 to {len(self.blocks) - 1}", option="skipped_block")
        left = nn.ModuleList(block for place, block in enumerate(self.blocks) if place != number)
        weak = copy.copy(self)
        vars(weak)["_modules"] = {**self._modules, "blocks": left}
        return weak

    def regions(self) -> list[nn.Module]:
        """The repeated parts, which are compiled and sharded one by one."""
        return list(self.blocks)

    def observed(self) -> list[nn.Module]:
        """The parts whose outputs an adversary judges: all blocks, sequences (b, n, width)."""
        return list(self.blocks)

    def recomputable(self) -> dict[str, list[nn.Module]]:
        """What activation checkpointing can recompute: the attention and the MLP of every block."""
        return {"attention": [b.attention for b in self.blocks], "mlp": [b.mlp for b in self.blocks]}

    def _lengths(self) -> list[int]:
        """Positions of each plane."""
        frames = self.shape.t // self.config.frame_patch
        return [self.shape.h * self.shape.w, frames * self.shape.w, frames * self.shape.h]

    def _positions(self, planes: Triplane, embed: nn.ModuleDict) -> Tensor:
        """Planes, embedded each by its layer -> one sequence (b, n, width)."""
        folded = fold_time(planes, self.config.frame_patch)
        sequences = (rearrange(plane, "b c rows columns -> b (rows columns) c") for plane in folded)
        return torch.cat([embed[name](x) for name, x in zip(PLANES, sequences, strict=True)], dim=1)

    def _expanded(self, rows: Triplane) -> Tensor:
        """What is added to the planes' rows, see `frame_rows`, for each position: (b, n, width)."""
        columns = (self.shape.w, self.shape.w, self.shape.h)
        hw, *motion = (plane.expand(-1, -1, -1, count) for plane, count in zip(rows, columns, strict=True))
        sizes = (hw.expand(-1, -1, self.shape.h, -1), *motion)
        return torch.cat([rearrange(plane, "b c rows columns -> b (rows columns) c") for plane in sizes], dim=1)

    def _planes(self, x: Tensor) -> Triplane:
        """A sequence (b, n, width) -> planes of the latent's channels."""
        parts = zip(PLANES, x.split(self._lengths(), dim=1), strict=True)
        columns = (self.shape.w, self.shape.w, self.shape.h)
        planes = [rearrange(self.to_planes[name](part), "b n c -> b c n") for name, part in parts]
        folded = Triplane(*(plane.unflatten(2, (-1, size)) for plane, size in zip(planes, columns, strict=True)))
        return unfold_time(folded, self.config.frame_patch)


class JointBlock(nn.Module):
    """Attention over all positions, a convolution of the content plane, and an MLP, the first and last modulated."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.modulation = zero(nn.Linear(width, 6 * width))
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.attention = JointAttention(width, config.heads, has_text=bool(config.text_width))
        self.convolution = zero(nn.Conv2d(width, width, kernel_size=3, padding=1, groups=width))
        self.mlp = GatedMLP(width, config.expansion * width)

    def forward(self, x: Tensor, embedding: Tensor, grid: tuple[int, int], text: TextTokens | None = None) -> Tensor:
        """x: (b, n, width), whose first positions are the content plane's `grid`; embedding: (b, width)."""
        scale, shift, gate, mlp_scale, mlp_shift, mlp_gate = self.modulation(embedding)[:, None].chunk(6, dim=-1)
        x = x + (1 + gate) * self.attention(self.norms[0](x) * (1 + scale) + shift, text)
        x = self._convolved(x, grid)
        return x + (1 + mlp_gate) * self.mlp(self.norms[1](x) * (1 + mlp_scale) + mlp_shift)

    def _convolved(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        rows, columns = grid
        content, motion = x[:, : rows * columns], x[:, rows * columns :]
        plane = rearrange(content, "b (rows columns) c -> b c rows columns", rows=rows)
        change = rearrange(self.convolution(plane), "b c rows columns -> b (rows columns) c")
        return torch.cat((content + change, motion), dim=1)


class JointAttention(nn.Module):
    """Self-attention over positions whose queries and keys have unit root mean square before their learned scales."""

    def __init__(self, width: int, heads: int, *, has_text: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm_q, self.norm_k = nn.RMSNorm(width // heads), nn.RMSNorm(width // heads)
        self.attend_text = TextAttention(width, width, heads) if has_text else None

    def forward(self, x: Tensor, text: TextTokens | None = None) -> Tensor:
        """x: (b, n, width) -> like x; with a text, its tokens are attended to as well."""
        q, k, v = rearrange(self.qkv(x), "b n (three k c) -> three b k n c", three=3, k=self.heads)
        q, k = self.norm_q(q.float()).to(v.dtype), self.norm_k(k.float()).to(v.dtype)
        attended = attend(q, k, v)
        if text is not None:
            attended = attended + self.attend_text(q, text)
        return self.out(rearrange(attended, "b k n c -> b n (k c)"))


class GatedMLP(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., width) -> like x."""
        value, gate = self.up(x).chunk(2, dim=-1)
        return self.down(functional.silu(gate) * value)
