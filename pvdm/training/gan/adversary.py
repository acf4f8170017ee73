"""The adversary of stage 1: two discriminators, their losses for the autoencoder, and their own update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import grad

from pvdm.autoencoder import gan_losses as adversarial
from pvdm.autoencoder.discriminator import PatchDiscriminator, clip_strides, frame_strides
from pvdm.errors import check_range
from pvdm.evaluation.metrics.fidelity import frames_at
from pvdm.training.optimization import OptimizerConfig, check_clip_norm, clip_gradient
from pvdm.training.reductions import UpdateMeans, average_over_ranks

KINDS = ("2d", "3d")
"""The discriminators of single frames and of whole clips."""

AT_LAST_LAYER = ("reconstruction", "hinge")
"""The losses whose gradients at the last layer are compared."""


@dataclass(frozen=True)
class AdversaryConfig:
    """The GAN phase: when it begins, its weights, and its regularization.

    The weights assume `l1_weight` 1. They are a quarter of those in the released code, where L1 and LPIPS weigh 4.

    Args:
        start: Updates of the autoencoder before the phase; 0 starts it at once, also when a run is resumed.
        warmup_steps: Updates of the phase over which its weights rise from 0, while the discriminators learn.
        weight: Weight of the hinge loss of both discriminators together.
        feature_matching: Weight of the feature-matching loss.
        adaptive: Scale the hinge loss so that its gradient at the last layer is `weight` times that of the
            reconstruction loss.
        channels: Channels of a discriminator's first layer.
        layers: Downsampling layers of a discriminator.
        frames: Frames of each clip, chosen at random, that the frame discriminator sees.
        optimizer: Optimizer of both discriminators; its schedule counts the updates of the phase.
        clip_norm: Largest norm of the discriminators' gradient; None turns clipping off.
        lecam: Weight of the LeCam regularization, which keeps the logits near the moving averages of the other side.
        lecam_decay: Decay of these averages per update.
        r1: Weight of the R1 gradient penalty, a slower alternative.
    """

    start: int = 0
    warmup_steps: int = 500
    weight: float = 0.25
    feature_matching: float = 0.25
    adaptive: bool = True
    channels: int = 64
    layers: int = 3
    frames: int = 1
    optimizer: OptimizerConfig = OptimizerConfig(warmup_steps=0, betas=(0.5, 0.9))
    clip_norm: float | None = 1.0
    lecam: float = 0.01
    lecam_decay: float = 0.99
    r1: float = 0.0

    def __post_init__(self) -> None:
        check_range(
            0, start=self.start, warmup_steps=self.warmup_steps, weight=self.weight, lecam=self.lecam, r1=self.r1
        )
        check_range(0, feature_matching=self.feature_matching)
        check_range(0, 1, lecam_decay=self.lecam_decay)
        check_clip_norm(self.clip_norm)
        check_range(1, channels=self.channels, layers=self.layers, frames=self.frames)


class Judged(NamedTuple):
    """Results of the discriminators for a batch, scalars: two losses of the autoencoder, their own, and log values."""

    hinge: Tensor
    matching: Tensor
    own: Tensor
    logits: dict[str, Tensor]


class Adversary(nn.Module):
    """Discriminators of frames and of clips, trained on the autoencoder's batches at the same updates.

    Their parameters require gradients only in `forward`, so that DistributedDataParallel ignores them. Their gradients,
    the averages of the logits and the adaptive weight are averaged over processes here. The adaptive weight is computed
    at the previous update and is 0 at the first, so an update of several batches or processes equals that of the joint
    batch.
    """

    def __init__(self, config: AdversaryConfig, frames: int) -> None:
        super().__init__()
        self.config = config
        strides = {"2d": frame_strides(config.layers), "3d": clip_strides(config.layers, frames)}
        networks = {kind: PatchDiscriminator(strides[kind], channels=config.channels) for kind in KINDS}
        self.discriminators = nn.ModuleDict(networks).requires_grad_(False)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.register_buffer("adaptive_weight", torch.zeros(()))
        for kind in KINDS:
            for side in ("real", "fake"):
                self.register_buffer(f"logits_{side}_{kind}", torch.zeros(()))
        self.means = UpdateMeans()

    def forward(
        self, loss: Tensor, found: Tensor, wanted: Tensor, chosen: Tensor, *, last_layer: Tensor, share: float
    ) -> Tensor:
        """A scalar whose gradient is that of `loss` plus the weighted adversarial losses; its value has no meaning.

        Gradients of the discriminators are added to their parameters.

        Args:
            loss: Reconstruction loss of `found`, a scalar.
            found: Reconstructed clips (b, 3, t, h, w), float32 in [-1, 1], with their graph.
            wanted: The real clips.
            chosen: Frames that the frame discriminator sees, (b, n).
            last_layer: Weight of the output layer, at which gradients are compared.
            share: Share of this batch in its update, 1 / batches.
        """
        (reconstruction,) = grad(loss, found)  # first, to free LPIPS's graph before the next one is built
        self.discriminators.requires_grad_(True)
        fake = found.detach().requires_grad_()
        judged = self.judge(wanted, fake, chosen)
        (hinge,) = grad(judged.hinge, fake, retain_graph=True)
        (matching,) = grad(judged.matching, fake, retain_graph=True)
        (share * judged.own).backward(inputs=list(self.discriminators.parameters()))
        self.discriminators.requires_grad_(False)
        at_last_layer = [grad(found, last_layer, part, retain_graph=True)[0] for part in (reconstruction, hinge)]
        losses = {"generator_loss": judged.hinge, "feature_matching": judged.matching, "discriminator_loss": judged.own}
        self.means.add({**judged.logits, **losses, **dict(zip(AT_LAST_LAYER, at_last_layer, strict=True))})
        hinge_weight, matching_weight = self.weights()
        return (found * (reconstruction + hinge_weight * hinge + matching_weight * matching)).sum()

    def weights(self) -> tuple[Tensor, Tensor]:
        """Current weights of the hinge loss and of feature matching, scalars."""
        config, ramp = self.config, torch.ones_like(self.adaptive_weight)
        if config.warmup_steps > 0:
            ramp = (self.updates / config.warmup_steps).clamp(max=1)
        adaptive = self.adaptive_weight if config.adaptive else torch.ones_like(self.adaptive_weight)
        return ramp * adaptive * config.weight, ramp * config.feature_matching

    def gradient_norm(self) -> Tensor:
        """Averages the discriminators' gradient over processes and clips it; returns its norm before clipping."""
        average_over_ranks([value.grad for value in self.discriminators.parameters()])
        return clip_gradient(self.discriminators.parameters(), self.config.clip_norm)

    @torch.no_grad()
    def after_update(self) -> dict[str, Tensor]:
        """Updates the averages of the logits and the adaptive weight; returns scalars to log, by name."""
        means = self.means.take()
        reconstruction, hinge = (means.pop(name) for name in AT_LAST_LAYER)
        log = {**means, "adaptive_weight": self.adaptive_weight.clone(), "hinge_weight": self.weights()[0]}
        fresh = (1 / (self.updates + 1)).clamp(min=1 - self.config.lecam_decay)  # at first a plain mean
        for name, average in self.averages():
            average.lerp_(means[name], fresh)  # on the device, so that nothing waits for it
        self.adaptive_weight.copy_(adversarial.adaptive_weight(reconstruction, hinge))
        self.updates += 1
        return log

    def averages(self) -> list[tuple[str, Tensor]]:
        """Names and values of the moving averages of the logits."""
        return [(name, value) for name, value in self.named_buffers(recurse=False) if name.startswith("logits_")]

    def drop(self) -> None:
        """Discards the batches since the last update."""
        self.means.clear()
        self.discriminators.zero_grad()

    def judge(self, wanted: Tensor, fake: Tensor, chosen: Tensor) -> Judged:
        """Losses of both discriminators for real and reconstructed clips (b, 3, t, h, w); see `forward`."""
        frames = self._judge_by("2d", frames_at(wanted, chosen), frames_at(fake, chosen))
        clips = self._judge_by("3d", wanted, fake)
        losses = (sum(pair) for pair in zip(frames[:3], clips[:3], strict=True))
        return Judged(*losses, {**frames.logits, **clips.logits})

    def _judge_by(self, kind: str, real: Tensor, fake: Tensor) -> Judged:
        config, network = self.config, self.discriminators[kind]
        real = real.detach().requires_grad_(config.r1 > 0)
        (real_logits, real_features), (fake_logits, fake_features) = network(real), network(fake)
        own = adversarial.hinge_discriminator_loss(real_logits, fake_logits)
        if config.lecam > 0:
            averages = self.get_buffer(f"logits_real_{kind}"), self.get_buffer(f"logits_fake_{kind}")
            own = own + config.lecam * adversarial.lecam_loss(real_logits, fake_logits, *averages)
        if config.r1 > 0:
            own = own + config.r1 * adversarial.gradient_penalty(real_logits, real)
        return Judged(
            adversarial.hinge_generator_loss(fake_logits),
            adversarial.feature_matching_loss(fake_features, real_features),
            own,
            {f"logits_real_{kind}": real_logits.mean(), f"logits_fake_{kind}": fake_logits.mean()},
        )
