"""Both networks as the released code computes them: a second opinion on their results and operations.

The weights are those of the network given, and so are its results up to rounding. What differs is the way: every map of
attention is stored, heads and planes are copied, the last projection layer computes all tokens though one is read, and
each elementwise step is a pass over the whole tensor.
"""

from __future__ import annotations

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder import PLANES, ProjectedAutoencoder, Triplane, TriplaneShape
from pvdm.autoencoder.attention import MLP, GatedMLP, SelfAttention
from pvdm.autoencoder.projection import Projection
from pvdm.autoencoder.rotary import space_angles, time_angles
from pvdm.autoencoder.transformer import SpaceTimeTransformer
from pvdm.diffusion import Condition, TriplaneUNet
from pvdm.diffusion.networks.blocks import Attention, GroupNorm32, ResidualBlock, timestep_embedding
from pvdm.diffusion.networks.unet import Stage


def reference_encode(autoencoder: ProjectedAutoencoder, video: Tensor) -> Triplane:
    """video: (b, 3, t, h, w), float in [-1, 1] -> planes in (-1, 1)."""
    patch = autoencoder.config.patch_size
    patches = rearrange(video, "b c t (h p) (w q) -> b t h w (p q c)", p=patch, q=patch)
    tokens = _transformer(autoencoder.encoder, autoencoder.embed_patches(patches))
    lines = {
        "hw": rearrange(tokens, "b t h w d -> b h w t d"),
        "tw": rearrange(tokens, "b t h w d -> b t w h d"),
        "th": tokens,
    }
    return Triplane(*(_projection(autoencoder.projections[plane], lines[plane]) for plane in PLANES))


def reference_decode(autoencoder: ProjectedAutoencoder, triplane: Triplane) -> Tensor:
    """Planes -> video (b, 3, t, h, w), float in (-1, 1)."""
    t, h, w = autoencoder.config.latent_shape.cube
    planes = {plane: autoencoder.from_latent[plane](value) for plane, value in zip(PLANES, triplane, strict=True)}
    content = repeat(planes["hw"], "b d h w -> b t h w d", t=t)
    columns = repeat(planes["tw"], "b d t w -> b t h w d", h=h)
    rows = repeat(planes["th"], "b d t h -> b t h w d", w=w)
    tokens = _transformer(autoencoder.decoder, content + columns + rows)
    to_pixels = autoencoder.to_pixels
    frames = functional.conv_transpose2d(
        rearrange(tokens, "b t h w d -> (b t) d h w"),
        to_pixels.weight,
        to_pixels.bias,
        stride=autoencoder.config.patch_size,
    )
    return 2 * torch.sigmoid(rearrange(frames, "(b t) c h w -> b c t h w", t=t)) - 1


def reference_denoise(unet: TriplaneUNet, z: Tensor, t: Tensor, condition: Condition | Tensor | None = None) -> Tensor:
    """z: (b, c, l) flat latents; t: (b,) integer times -> the network's output (b, c, l)."""
    condition = Condition.of(condition)
    embedding = unet.embed_time(timestep_embedding(t, unet.config.channels).to(z.dtype))
    if (given := condition.labels(len(z), unet.config.classes)) is not None:
        label, mask = given
        embedding = embedding + unet.embed_label(label) * mask[:, None]
    planes = Triplane.split(torch.cat((z, condition.channels(z)), dim=1), unet.shape).map(unet.conv_in)
    skips = [planes]
    for stage in unet.down:
        planes = _stage(stage, planes, embedding, planes.shape)
        skips.append(planes)
    planes = _stage(unet.middle, planes, embedding, planes.shape)
    for stage in unet.up:
        skip = skips.pop()
        joined = Triplane(*(torch.cat(pair, dim=1) for pair in zip(planes, skip, strict=True)))
        planes = _stage(stage, joined, embedding, skips[-1].shape if skips else joined.shape)
    return planes.map(lambda plane: unet.conv_out(functional.silu(_norm(unet.norm_out, plane)))).flatten()


def _transformer(transformer: SpaceTimeTransformer, tokens: Tensor) -> Tensor:
    """Tokens (b, t, h, w, channels) through the layers, whose tokens are turned for time, space and MLP in turn."""
    b, t, h, w, _ = tokens.shape
    over_time = time_angles(t, transformer.head_dim, tokens.device)
    over_space = space_angles(h, w, transformer.head_dim, tokens.device)
    for layer in transformer.layers:
        tokens = _attention(layer.time, rearrange(tokens, "b t h w d -> (b h w) t d"), over_time)
        tokens = rearrange(tokens, "(b h w) t d -> (b t) (h w) d", b=b, h=h)
        tokens = _attention(layer.space, tokens, over_space)
        tokens = _gated_mlp(layer.mlp, rearrange(tokens, "(b t) (h w) d -> b t h w d", b=b, h=h))
    return tokens


def _projection(projection: Projection, tokens: Tensor) -> Tensor:
    """tokens: (b, rows, columns, n, channels), all of whose n + 1 positions go through every layer."""
    b, rows = tokens.shape[:2]
    x = rearrange(tokens, "b r c n d -> (b r c) n d")
    x = torch.cat((x, repeat(projection.summary, "d -> s 1 d", s=x.shape[0])), dim=1) + projection.position
    for attention, mlp in zip(projection.attention, projection.mlp, strict=True):
        x = _mlp(mlp, _attention(attention, x))
    plane = rearrange(x[:, 0], "(b r c) d -> b d r c", b=b, r=rows)
    return torch.tanh(projection.to_latent(plane))


def _attention(attention: SelfAttention, x: Tensor, angles: Tensor | None = None) -> Tensor:
    """x + softmax(q k^T) v over the middle axis of x: (b, n, channels), its map being stored."""
    parts = attention.qkv(attention.norm(x)).chunk(3, dim=-1)
    q, k, v = (rearrange(part, "b n (k d) -> (b k) n d", k=attention.heads) for part in parts)
    q = q * q.shape[-1] ** -0.5
    if angles is not None:
        q, k = _turned(q, angles), _turned(k, angles)
    weights = torch.einsum("b i d, b j d -> b i j", q, k).softmax(dim=-1)
    attended = torch.einsum("b i j, b j d -> b i d", weights, v)
    return x + attention.out(rearrange(attended, "(b k) n d -> b n (k d)", k=attention.heads))


def _turned(x: Tensor, angles: Tensor) -> Tensor:
    """Neighboring channels (a, b) of x to (a cos - b sin, b cos + a sin)."""
    first, second = rearrange(x, "... (d two) -> ... d two", two=2).unbind(dim=-1)
    crossed = rearrange(torch.stack((-second, first), dim=-1), "... d two -> ... (d two)")
    return x * angles.cos() + crossed * angles.sin()


def _gated_mlp(mlp: GatedMLP, x: Tensor) -> Tensor:
    value, gate = mlp.up(mlp.norm(x)).chunk(2, dim=-1)
    return x + mlp.down(value * functional.gelu(gate))


def _mlp(mlp: MLP, x: Tensor) -> Tensor:
    return x + mlp.down(functional.gelu(mlp.up(mlp.norm(x))))


def _stage(stage: Stage, planes: Triplane, embedding: Tensor, shape: TriplaneShape) -> Triplane:
    """Blocks on one plane after the other, then attention over all; `shape` is what a doubling block reaches."""
    for block in stage.blocks:
        if isinstance(block, ResidualBlock):
            sized = zip(planes, shape.planes, strict=True)
            planes = Triplane(*(_residual(block, plane, embedding, size) for plane, size in sized))
        else:
            planes = planes.map(lambda plane, block=block: _attention_2d(block, plane.flatten(2)).reshape_as(plane))
    return Triplane.split(_attention_2d(stage.across, planes.flatten()), planes.shape)


def _residual(block: ResidualBlock, plane: Tensor, embedding: Tensor, size: tuple[int, int]) -> Tensor:
    h = _resampled(block, functional.silu(_norm(block.norm_in, plane)), size)
    scale, shift = block.modulation(functional.silu(embedding))[..., None, None].chunk(2, dim=1)
    h = _norm(block.norm_out, _convolved(block.conv_in, h)) * (1 + scale) + shift
    h = _convolved(block.conv_out, block.dropout(functional.silu(h)))
    plane = _resampled(block, plane, size)
    return (plane if isinstance(block.skip, nn.Identity) else _convolved(block.skip, plane)) + h


def _convolved(convolution: nn.Conv2d, plane: Tensor) -> Tensor:
    return functional.conv2d(plane, convolution.weight, convolution.bias, padding=convolution.padding)


def _resampled(block: ResidualBlock, plane: Tensor, size: tuple[int, int]) -> Tensor:
    if block.resample == "down":
        return functional.avg_pool2d(plane, kernel_size=2, ceil_mode=True)
    if block.resample == "up":
        return functional.interpolate(plane, scale_factor=2, mode="nearest")[..., : size[0], : size[1]]
    return plane


def _attention_2d(attention: Attention, x: Tensor) -> Tensor:
    """x + softmax(q k^T) v over the positions of x: (b, channels, n); q and k are scaled alike, as in ADM."""
    qkv = functional.conv1d(_norm(attention.norm, x), attention.qkv.weight[..., None], attention.qkv.bias)
    q, k, v = rearrange(qkv, "b (k c) n -> (b k) c n", k=attention.heads).chunk(3, dim=1)
    scale = q.shape[1] ** -0.25
    weights = torch.einsum("b c i, b c j -> b i j", q * scale, k * scale).softmax(dim=-1)
    attended = torch.einsum("b i j, b c j -> b c i", weights, v)
    attended = rearrange(attended, "(b k) c n -> b (k c) n", k=attention.heads)
    return x + functional.conv1d(attended, attention.out.weight[..., None], attention.out.bias)


def _norm(norm: GroupNorm32, x: Tensor) -> Tensor:
    return torch.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps)
