"""The adversary of few steps: it tells latents that a network makes from real ones, both with noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.nn import functional

from pvdm.autoencoder.gan_losses import adaptive_weight
from pvdm.diffusion import Condition
from pvdm.diffusion.networks.denoiser import Denoiser
from pvdm.errors import check_range
from pvdm.training.optimization import OptimizerConfig, check_clip_norm, clip_gradient
from pvdm.training.reductions import UpdateMeans, average_over_ranks

NORMS = ("own_norm", "adversarial_norm")
"""The norms of the two gradients of the network's output, which are compared."""


@dataclass(frozen=True)
class LatentAdversaryConfig:
    """The GAN phase of few steps: when it begins, its weight, and its heads.

    Args:
        start: Updates before the phase; 0 starts it at once.
        warmup_steps: Updates of the phase over which its weight rises from 0, while the heads learn.
        weight: Norm of the adversarial gradient of the network's output over that of the consistency loss.
        width: Channels of each head.
        optimizer: Optimizer of the heads; its schedule counts the updates of the phase.
        clip_norm: Largest norm of the heads' gradient; None turns clipping off.
    """

    start: int = 0
    warmup_steps: int = 100
    weight: float = 0.5
    width: int = 64
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=1e-3, warmup_steps=0, betas=(0.5, 0.99))
    clip_norm: float | None = 1.0

    def __post_init__(self) -> None:
        check_range(0, start=self.start, warmup_steps=self.warmup_steps, weight=self.weight)
        check_range(1, width=self.width)
        check_clip_norm(self.clip_norm)


class LatentAdversary(nn.Module):
    """Heads on the features of a frozen denoiser (LADD, Sauer et al. 2024, arXiv 2403.12015).

    The denoiser sees noised latents, so that it compares layouts at high noise and details at low. The heads are
    trained on the same batches, with the hinge loss. Their parameters require gradients only in `forward`, so that
    DistributedDataParallel ignores them; gradients, and the weight of the adversarial loss, are averaged over processes
    here. The weight is that of the previous update, and 0 at the first.
    """

    def __init__(self, config: LatentAdversaryConfig, network: Denoiser) -> None:
        super().__init__()
        self.config = config
        sizes = [features.shape[-1] for features in features_of(network, *_probe(network))]
        self.heads = nn.ModuleList(_head(size, config.width) for size in sizes).requires_grad_(False)
        self.optimizer = config.optimizer.optimizer(self.heads.parameters())
        self.schedule = config.optimizer.schedule(self.optimizer)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.register_buffer("adaptive_weight", torch.zeros(()))
        self.means = UpdateMeans()

    def forward(
        self,
        output: Tensor,
        made: Tensor,
        loss: Tensor,
        pair: tuple[Tensor, Tensor],
        counts: Tensor,
        features: Callable[[Tensor], list[Tensor]],
        *,
        share: float,
    ) -> Tensor:
        """A scalar whose gradient is that of `loss` plus the weighted adversarial loss; its value has no meaning.

        Gradients of the heads are added to their parameters.

        Args:
            output: The network's output (b, c, l), with its graph.
            made: A copy of it that begins the graph of the next two.
            loss: Consistency loss of `made`, a scalar.
            pair: Latents (b, c, l) that were made, and real ones, both with the same noise.
            counts: Whether each sample counts, (b,) bool.
            features: The frozen network's features of latents, (b, n, c) each.
            share: Share of this batch in its update, 1 / batches.
        """
        (own,) = grad(loss, made, retain_graph=True)
        with torch.no_grad():
            real = features(pair[1])
        fake, weights = features(pair[0]), counts.float() / counts.sum().clamp(min=1)
        self.heads.requires_grad_(True)
        fake_logits, real_logits = self.logits(fake), self.logits(real)
        judged = 0.5 * (functional.relu(1 - real_logits) + functional.relu(1 + fake_logits)).mean(1) @ weights
        (share * judged).backward(inputs=list(self.heads.parameters()), retain_graph=True)
        self.heads.requires_grad_(False)
        opposed = -fake_logits.mean(1) @ weights
        (adversarial,) = grad(opposed, made)
        measured = {"generator_loss": opposed, "discriminator_loss": judged}
        self.means.add({**measured, **dict(zip(NORMS, (own.norm(), adversarial.norm()), strict=True))})
        return (output * (own + self.weight() * adversarial).detach()).sum()

    def logits(self, features: list[Tensor]) -> Tensor:
        """Of all positions of all features: (b, n), high for those judged real."""
        found = [head(each.float()).squeeze(-1) for head, each in zip(self.heads, features, strict=True)]
        return torch.cat(found, dim=1)

    def weight(self) -> Tensor:
        """Current weight of the adversarial loss, a scalar."""
        ramp = torch.ones_like(self.adaptive_weight)
        if self.config.warmup_steps > 0:
            ramp = (self.updates / self.config.warmup_steps).clamp(max=1)
        return ramp * self.adaptive_weight * self.config.weight

    def step(self) -> dict[str, Tensor]:
        """Updates the heads after the batches of an update, unless their gradient is not finite.

        Returns scalars to log, by name.
        """
        average_over_ranks([value.grad for value in self.heads.parameters()])
        if clip_gradient(self.heads.parameters(), self.config.clip_norm).isfinite():
            self.optimizer.step()
        self.schedule.step()
        means = self.means.take()
        self.adaptive_weight.copy_(adaptive_weight(*(means.pop(name) for name in NORMS)))
        self.updates += 1
        self.drop()
        return means

    def drop(self) -> None:
        """Discards the batches since the last update."""
        self.means.clear()
        self.optimizer.zero_grad()

    def training_state(self) -> dict[str, Any]:
        """What the weights do not hold."""
        return {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Restores a `training_state`, once the weights are on their device."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])


def features_of(network: Denoiser, z: Tensor, t: Tensor, condition: Condition) -> list[Tensor]:
    """What the network's `observed` parts make of latents z (b, c, l) at t (b,): (b, n, channels) each."""
    found: list[Tensor] = []
    hooks = [part.register_forward_hook(lambda *call: found.append(_sequence(call[-1]))) for part in network.observed()]
    try:
        network(z, t, condition)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _sequence(output: Any) -> Tensor:
    """Positions (b, n, c) of a sequence, or of the planes of a stage."""
    return output if isinstance(output, Tensor) else output.flatten().transpose(1, 2)


def _probe(network: Denoiser) -> tuple[Tensor, Tensor, Condition]:
    """An input, to learn the sizes of its features from."""
    parameter = next(network.parameters())
    z = parameter.new_zeros(1, network.config.latent_channels, network.shape.positions)
    return z, torch.zeros(1, dtype=torch.int64, device=z.device), Condition()


def _head(channels: int, width: int) -> nn.Sequential:
    """(b, n, channels) -> (b, n, 1)."""
    return nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, 1))
