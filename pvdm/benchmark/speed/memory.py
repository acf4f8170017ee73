"""What training and sampling hold in memory, counted for any size on any machine; see `saved_tensors`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from pvdm.autoencoder import AutoencoderConfig, ProjectedAutoencoder, Triplane
from pvdm.autoencoder.perceptual import untrained_lpips
from pvdm.benchmark.speed.kept import Kept, Setting, Trade, kept, setting_name, trade
from pvdm.benchmark.speed.saved_tensors import FAKE_DEVICE, LiveBytes, imagined
from pvdm.diffusion import Condition, TriplaneUNet, UNetConfig, diffusion_loss
from pvdm.evaluation.fidelity import frames_at
from pvdm.training.adversary import Adversary, AdversaryConfig

AUTOENCODER_SETTINGS: tuple[Setting, ...] = (
    *(False, ("projections",), ("mlp",), ("time",), ("space",)),
    *(("mlp", "projections"), ("mlp", "projections", "time"), True),
)
"""Settings of activation checkpointing that are compared in stage 1."""

DENOISER_SETTINGS: tuple[Setting, ...] = (False, ("residual",), True)
"""The same of stage 2."""

CARD = 24 << 30
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
    losses = losses_kept(autoencoder, bf16=bf16)
    return {
        "precision": "bf16" if bf16 else "32",
        "parameters": parameters,
        "autoencoder": {
            "held": opposed,
            "losses": {name: asdict(part) for name, part in losses.items()},
            "settings": {
                setting_name(setting): _batch(autoencoder_trade(autoencoder, setting, bf16=bf16), opposed, losses)
                for setting in first
            },
        },
        "diffusion": {
            "held": (state := STATE * parameters["denoiser"]),
            "settings": {
                setting_name(setting): _batch(denoiser_trade(denoiser, setting, bf16=bf16), state, {})
                for setting in second
            },
        },
        "sampling": sampling_peak(autoencoder, denoiser),
    }


def autoencoder_trade(config: AutoencoderConfig, setting: Setting, *, bf16: bool = True) -> Trade:
    """For the reconstruction of a clip."""
    shape = (3, config.frames, config.height, config.width)
    return trade(lambda: ProjectedAutoencoder(config), lambda network, b: network(_clip(b, *shape)), setting, bf16=bf16)


def denoiser_trade(config: UNetConfig, setting: Setting, *, bf16: bool = True) -> Trade:
    """For an evaluation with a context, and its loss."""

    def run(network: TriplaneUNet, batch: int) -> Tensor:
        z, context, noise = (_clip(batch, config.latent_channels, network.shape.positions) for _ in range(3))
        return diffusion_loss(network(z, torch.zeros(batch, dtype=torch.int64), Condition(context)), noise).mean()

    return trade(lambda: TriplaneUNet(config), run, setting, bf16=bf16)


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


def _batch(found: Trade, held: int, losses: dict[str, Kept]) -> dict[str, Any]:
    """The trade, and with the losses, which are not kept at once, the bytes of a clip and the batch that fits."""
    most = {name: max((getattr(part, name) for part in losses.values()), default=0) for name in ("per_clip", "fixed")}
    per_clip = found.kept.per_clip + max(found.largest_part, most["per_clip"])
    room = CARD - held - found.kept.fixed - most["fixed"]
    return {**asdict(found), "per_clip_with_losses": per_clip, "batch_on_24_gib": max(0, room // per_clip)}


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
