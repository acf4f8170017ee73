"""What training and sampling hold in memory, counted for any size on any machine; see `saved_tensors`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from pvdm.autoencoder import AutoencoderConfig, ProjectedAutoencoder, Triplane
from pvdm.autoencoder.perceptual import untrained_lpips
from pvdm.benchmark.speed.kept import Kept, Setting, Trade, kept, trades
from pvdm.benchmark.speed.saved_tensors import FAKE_DEVICE, LiveBytes, imagined
from pvdm.benchmark.timing import GIB, PAPER_MEMORY
from pvdm.diffusion import Condition, TriplaneUNet, UNetConfig, diffusion_loss
from pvdm.evaluation.metrics.reconstruction import frames_at
from pvdm.training.gan.adversary import Adversary, AdversaryConfig

AUTOENCODER_SETTINGS: tuple[Setting, ...] = (
    *(False, ("projections",), ("mlp",), ("time",), ("space",)),
    *(("mlp", "projections"), ("mlp", "projections", "time"), True),
)
"""Settings of activation checkpointing that are compared in stage 1."""

DENOISER_SETTINGS: tuple[Setting, ...] = (False, ("residual",), True)
"""The same of stage 2."""

CARD = PAPER_MEMORY * GIB
"""Bytes of the card on which the paper counts its batches."""

STATE = 4 * (1 + 1 + 2 + 1)
"""Bytes per trained parameter in float32: itself, its gradient, AdamW's two moments, its average."""


def memory(
    autoencoder: AutoencoderConfig,
    denoiser: UNetConfig,
    *,
    bf16: bool = True,
    first: Sequence[Setting] = AUTOENCODER_SETTINGS,
    second: Sequence[Setting] = DENOISER_SETTINGS,
) -> dict[str, Any]:
    """JSON-able: for both stages and each setting what is kept, what is held anyway, and the batch that `CARD` takes.

    Neither what kernels take for themselves nor fragmentation is in it, nor gradients on their way back.
    """
    parameters = parameter_counts(autoencoder, denoiser)
    opposed = STATE * (parameters["autoencoder"] + parameters["discriminators"]) + 4 * parameters["vgg"]
    learned = STATE * parameters["denoiser"] + 4 * parameters["autoencoder"]  # which is frozen, in float32
    losses = losses_kept(autoencoder, bf16=bf16)
    stages = {
        "autoencoder": (autoencoder_trades(autoencoder, first, bf16=bf16), opposed, losses),
        "diffusion": (denoiser_trades(denoiser, second, bf16=bf16), learned, {}),
    }
    return {
        "precision": "bf16" if bf16 else "32",
        "parameters": parameters,
        **{name: stage(*found) for name, found in stages.items()},
        "sampling": sampling_peak(autoencoder, denoiser),
    }


def autoencoder_trades(
    config: AutoencoderConfig, settings: Sequence[Setting], *, bf16: bool = True
) -> dict[str, Trade]:
    """For the reconstruction of a clip."""
    shape = (3, config.frames, config.height, config.width)

    def run(network: ProjectedAutoencoder, batch: int) -> Tensor:
        return network(_clip(batch, *shape))

    return trades(lambda: ProjectedAutoencoder(config), run, settings, bf16=bf16)


def denoiser_trades(config: UNetConfig, settings: Sequence[Setting], *, bf16: bool = True) -> dict[str, Trade]:
    """For an evaluation with a context, and its loss."""

    def run(network: TriplaneUNet, batch: int) -> Tensor:
        z, context, noise = (_clip(batch, config.latent_channels, network.shape.positions) for _ in range(3))
        return diffusion_loss(network(z, torch.zeros(batch, dtype=torch.int64), Condition(context)), noise).mean()

    return trades(lambda: TriplaneUNet(config), run, settings, bf16=bf16)


def losses_kept(config: AutoencoderConfig, *, bf16: bool = True) -> dict[str, Kept]:
    """For LPIPS of one frame of each clip, and for what both discriminators make of it and of the real clip."""
    shape = (3, config.frames, config.height, config.width)

    def perceptual(network: nn.Module, batch: int) -> Tensor:
        pair = _clip(batch, *shape, learns=True), _clip(batch, *shape)
        return network(*(frames_at(clip, _first(batch)) for clip in pair)).mean()

    def adversarial(network: Adversary, batch: int) -> Any:
        return network.judge(_clip(batch, *shape), _clip(batch, *shape, learns=True), _first(batch))

    return {
        "lpips": kept(_lpips, perceptual, bf16=bf16),
        "discriminators": kept(lambda: _adversary(config), adversarial, bf16=bf16),
    }


def sampling_peak(autoencoder: AutoencoderConfig, denoiser: UNetConfig) -> dict[str, int]:
    """Most bytes alive, weights in bfloat16 included, in a guided evaluation and in decoding, of one clip."""
    with imagined(bf16=False, dtype=torch.bfloat16), torch.no_grad():
        decoder, network = ProjectedAutoencoder(autoencoder), TriplaneUNet(denoiser)
        weights = sum(value.nbytes for part in (decoder, network) for value in part.parameters())
        z = torch.randn(2, denoiser.latent_channels, network.shape.positions)
        with LiveBytes() as denoising:
            network(z, torch.zeros(2, dtype=torch.int64), Condition(z.clone()))
        with LiveBytes() as decoding:
            decoder.decode(Triplane.split(z[:1], autoencoder.latent_shape))
    return {"weights": weights, "denoise": weights + denoising.peak, "decode": weights + decoding.peak}


def parameter_counts(autoencoder: AutoencoderConfig, denoiser: UNetConfig) -> dict[str, int]:
    """Of every network that takes part."""
    with imagined():
        networks = {
            "autoencoder": ProjectedAutoencoder(autoencoder),
            "denoiser": TriplaneUNet(denoiser),
            "discriminators": _adversary(autoencoder),
            "vgg": _lpips(),
        }
        return {name: sum(value.numel() for value in network.parameters()) for name, network in networks.items()}


def stage(found: dict[str, Trade], held: int, losses: dict[str, Kept]) -> dict[str, Any]:
    """The part of one stage in the report; held: bytes whatever the batch."""
    settings = {name: {**asdict(part), **_room(part, held, losses)} for name, part in found.items()}
    return {"held": held, "losses": {name: asdict(part) for name, part in losses.items()}, "settings": settings}


def _room(found: Trade, held: int, losses: dict[str, Kept]) -> dict[str, int]:
    """Bytes of a clip at the most, and the batch that fits: losses and parts are walked back one after the other."""
    per_clip = found.kept.per_clip + max([found.largest_part, *(part.per_clip for part in losses.values())])
    room = CARD - held - found.kept.fixed - max([0, *(part.fixed for part in losses.values())])
    return {"peak_per_clip": per_clip, "batch_on_24_gib": max(0, room // per_clip)}


def _clip(batch: int, *shape: int, learns: bool = False) -> Tensor:
    return torch.randn(batch, *shape, requires_grad=learns)


def _first(batch: int) -> Tensor:
    """The first frame of each clip as the chosen one."""
    return torch.zeros(batch, 1, dtype=torch.int64)


def _lpips() -> nn.Module:
    network = untrained_lpips()
    network.scaling_layer.to(FAKE_DEVICE)  # lpips makes its constants on the CPU
    return network


def _adversary(config: AutoencoderConfig) -> Adversary:
    adversary = Adversary(AdversaryConfig(), config.frames)
    adversary.discriminators.requires_grad_(True)
    return adversary
