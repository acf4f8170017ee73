"""The diffusion process in equations: noising, what a network predicts, its loss, and the posterior.

Latents are flat, (b, c, l), float, about in [-1, 1]; times are int64 (b,), 0..T-1, and -1 is clean.
Coefficients are float64, products at least float32, and results have the dtype of the latent given.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor

from pvdm.diffusion.schedule import NoiseSchedule, Parameterization, check_parameterization, computation_dtype

MIN_VARIANCE = 1e-20  # the released floor below which the posterior variance is clipped before its logarithm

LossNorm = Literal["l2", "l1"]


class Prediction(NamedTuple):
    """The clean latent x_0 and the noise eps that a network sees in a noisy latent: (b, c, l), float."""

    clean: Tensor
    noise: Tensor


def q_sample(x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """q(x_t | x_0) with its noise given, DDPM (arXiv 2006.11239) eq. 4: (b, c, l), like x0."""
    alpha, sigma = schedule.scales(t, x0)
    return (alpha * x0 + sigma * noise).to(x0.dtype)


def velocity(x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """v = alpha * noise - sigma * x_0, Salimans & Ho 2022 (arXiv 2202.00512) sec. 4: (b, c, l), like x0."""
    alpha, sigma = schedule.scales(t, x0)
    return (alpha * noise - sigma * x0).to(x0.dtype)


def clean_from_noise(noise: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """x_0 that explains x_t with this noise, DDPM eq. 4 solved for x_0: (b, c, l), like x."""
    alpha, sigma = schedule.scales(t, x)
    return ((x - sigma * noise) / alpha).to(x.dtype)


def noise_from_clean(clean: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """Noise that explains x_t with this x_0, DDPM eq. 4 solved for the noise; t >= 0: (b, c, l), like x."""
    alpha, sigma = schedule.scales(t, x)
    return ((x - alpha * clean) / sigma).to(x.dtype)


def prediction_from_velocity(v: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule) -> Prediction:
    """x_0 = alpha x_t - sigma v and eps = sigma x_t + alpha v, Salimans & Ho 2022 app. D."""
    alpha, sigma = schedule.scales(t, x)
    return Prediction((alpha * x - sigma * v).to(x.dtype), (sigma * x + alpha * v).to(x.dtype))


def to_prediction(
    output: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule, parameterization: Parameterization
) -> Prediction:
    """The network's output (b, c, l) on x at t >= 0, as a prediction of the clean latent and of the noise."""
    check_parameterization(parameterization)
    if parameterization == "eps":
        return Prediction(clean_from_noise(output, x, t, schedule), output.to(x.dtype))
    if parameterization == "x0":
        return Prediction(output.to(x.dtype), noise_from_clean(output, x, t, schedule))
    return prediction_from_velocity(output, x, t, schedule)


def training_target(
    x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule, parameterization: Parameterization
) -> Tensor:
    """What the network's output (b, c, l) is compared with: the noise, x_0, or the velocity."""
    check_parameterization(parameterization)
    if parameterization == "v":
        return velocity(x0, noise, t, schedule)
    return noise if parameterization == "eps" else x0


def diffusion_loss(output: Tensor, target: Tensor, *, norm: LossNorm = "l2") -> Tensor:
    """Mean square ("l2", DDPM eq. 14) or absolute ("l1") error of each sample: (b,), at least float32."""
    if norm not in ("l2", "l1"):
        raise ValueError(f"norm is {norm!r}; it must be l2 or l1")
    if output.shape != target.shape:
        raise ValueError(f"the output is {tuple(output.shape)}, its target {tuple(target.shape)}; they must agree")
    error = output.to(computation_dtype(output)) - target
    return (error.square() if norm == "l2" else error.abs()).flatten(1).mean(1)


def min_snr_weight(t: Tensor, schedule: NoiseSchedule, parameterization: Parameterization, *, gamma: float) -> Tensor:
    """Min-SNR-gamma weight of the square error at times t (b,), Hang et al. 2023 (arXiv 2303.09556) sec. 3.4.

    min(SNR, gamma) on the error of x_0, and what comes to the same on that of eps (divided by SNR) and of v
    (divided by SNR + 1): (b,), float64; gamma > 0, the paper's is 5.
    """
    check_parameterization(parameterization)
    snr = schedule.snr(t)
    weight = snr.clamp(max=gamma)
    if parameterization == "x0":
        return weight
    return weight / (snr if parameterization == "eps" else snr + 1)


def posterior(clean: Tensor, x: Tensor, t: Tensor, s: Tensor, schedule: NoiseSchedule) -> tuple[Tensor, Tensor]:
    """Mean (b, c, l) and log variance (b, 1, 1) of q(x_s | x_t, x_0) for any s < t; s = t-1: DDPM eq. 6-7.

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
    """Sum of weight * tensor, one kernel for each, computed in at least float32: like the first tensor."""
    (weight, first), *rest = terms
    dtype = computation_dtype(first)
    total = first.to(dtype) * weight
    for weight, value in rest:
        total = total.add(value.to(dtype), alpha=weight)
    return total.to(first.dtype)
