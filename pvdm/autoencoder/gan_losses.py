"""The equations of the adversarial losses; logits are (b, patches), float32, high for patches judged real."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

LARGEST_WEIGHT = 1e4
"""Bound of the adaptive weight, as in VQGAN's code."""


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Half of E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(x)))]; Lim & Ye 2017, arXiv 1705.02894, halved as in VQGAN."""
    return 0.5 * (functional.relu(1 - real).mean() + functional.relu(1 + fake).mean())


def hinge_generator_loss(fake: Tensor) -> Tensor:
    """-E[D(G(x))]; Lim & Ye 2017, arXiv 1705.02894."""
    return -fake.mean()


def feature_matching_loss(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Sum over the layers of the mean absolute difference; pix2pixHD, Wang et al. 2018, arXiv 1711.11585.

    The gradient flows only to `fake`.
    """
    pairs = zip(fake, real, strict=True)
    return torch.stack([functional.l1_loss(found.float(), wanted.detach().float()) for found, wanted in pairs]).sum()


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, *, delta: float = 1e-6) -> Tensor:
    """|grad L_rec| / (|grad L_GAN| + delta), a scalar; VQGAN, Esser et al. 2021, arXiv 2012.09841, eq. 7.

    Both are gradients of the last layer's weight.
    """
    return (reconstruction.norm() / (adversarial.norm() + delta)).clamp(max=LARGEST_WEIGHT)


def lecam_loss(real: Tensor, fake: Tensor, mean_real: Tensor, mean_fake: Tensor) -> Tensor:
    """E[max(0, D(x) - a_F)^2] + E[max(0, a_R - D(G(x)))^2]; LeCam, Tseng et al. 2021, arXiv 2104.03310.

    a_R and a_F are moving averages of the logits of real and of fake; rectified as in the authors' code, so that
    only logits beyond the other side's average are drawn back.
    """
    return functional.relu(real - mean_fake).square().mean() + functional.relu(mean_real - fake).square().mean()


def gradient_penalty(logits: Tensor, pixels: Tensor) -> Tensor:
    """E[|grad D(x)|^2] / 2 at real pixels (b, ...), which require gradients; R1, Mescheder et al. 2018, eq. 9.

    D(x) is the mean of the patches' logits. arXiv 1801.04406.
    """
    (gradient,) = torch.autograd.grad(logits.mean(1).sum(), pixels, create_graph=True)
    return 0.5 * gradient.flatten(1).float().square().sum(1).mean()
