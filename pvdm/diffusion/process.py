"""The diffusion process in equations: noising, the training loss, and the posterior.

Latents are flat, (b, c, l), float, about in [-1, 1]; times are int64 (b,), 0..T-1, and -1 is clean.
Coefficients are float64, products at least float32, and results have the dtype of the latent given.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from pvdm.diffusion.schedule import NoiseSchedule, computation_dtype
from pvdm.errors import ArgumentError

MIN_VARIANCE = 1e-20  # the released floor of the posterior variance, before its logarithm

LossNorm = Literal["l2", "l1"]


def q_sample(x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """q(x_t | x_0) for the noise given, DDPM (arXiv 2006.11239) eq. 4: (b, c, l), like x0."""
    alpha, sigma = schedule.scales(t, x0)
    return (alpha * x0 + sigma * noise).to(x0.dtype)


def diffusion_loss(output: Tensor, target: Tensor, *, norm: LossNorm = "l2") -> Tensor:
    """Mean square ("l2", DDPM eq. 14) or absolute ("l1") error of each sample: (b,), at least float32."""
    if norm not in ("l2", "l1"):
        raise ArgumentError(f"norm is {norm!r}", "it must be l2 or l1", option="norm")
    if output.shape != target.shape:
        raise ValueError(f"the output is {tuple(output.shape)}, its target {tuple(target.shape)}; they must agree")
    error = output.to(computation_dtype(output)) - target
    return (error.square() if norm == "l2" else error.abs()).flatten(1).mean(1)


def posterior(clean: Tensor, x: Tensor, t: Tensor, s: Tensor, schedule: NoiseSchedule) -> tuple[Tensor, Tensor]:
    """Mean (b, c, l) and log variance (b, 1, 1) of q(x_s | x_t, x_0) for any s < t; for s = t-1, DDPM eq. 6-7.

    The variance is clipped at 1e-20 before its logarithm, as released; it is zero at s = -1.
    """
    at, earlier, dtype = schedule.at(t, x), schedule.at(s, x), computation_dtype(x)
    beta = 1 - at / earlier  # the noise added between s and t
    clean_weight = (earlier.sqrt() * beta / (1 - at)).to(dtype)
    x_weight = ((at / earlier).sqrt() * (1 - earlier) / (1 - at)).to(dtype)
    variance = (1 - earlier) / (1 - at) * beta
    mean = (clean_weight * clean + x_weight * x).to(x.dtype)
    return mean, variance.clamp(min=MIN_VARIANCE).log().to(dtype)


def weighted_sum(terms: Sequence[tuple[float, Tensor]]) -> Tensor:
    """Sum of weight * tensor, one kernel for each term, computed in at least float32: like the first tensor."""
    (weight, first), *rest = terms
    dtype = computation_dtype(first)
    total = first.to(dtype) * weight
    for weight, value in rest:
        total = total.add(value.to(dtype), alpha=weight)
    return total.to(first.dtype)
