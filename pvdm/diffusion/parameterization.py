"""What the network predicts: the noise (eps), the clean latent (x0) or the velocity (v).

To add a parameterization, write its class, add it to `PARAMETERIZATIONS`, and its name to `schedule.Parameterization`.
Latents are flat, (b, c, l), float; times are integers (b,), 0..T-1.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from pvdm.diffusion.schedule import NoiseSchedule, Parameterization, check_parameterization


class Prediction(NamedTuple):
    """The clean latent x_0 and the noise eps that a network sees in a noisy latent: (b, c, l), float."""

    clean: Tensor
    noise: Tensor


class NetworkOutput(Protocol):
    """The meaning of a network's output."""

    def target(self, x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
        """What the output is compared with in training, for the clean latent x0 and the noise added to it."""

    def prediction(self, output: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule) -> Prediction:
        """The clean latent and the noise that the output on the noisy latent x stands for; both like x."""

    def weight(self, snr: Tensor, gamma: float) -> Tensor:
        """Min-SNR-gamma weight of the square error, Hang et al. 2023 (arXiv 2303.09556) sec. 3.4; snr: (b,)."""


@dataclass(frozen=True)
class Eps:
    """The noise, DDPM (arXiv 2006.11239) sec. 3.2."""

    def target(self, x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
        """The noise itself."""
        return noise

    def prediction(self, output: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule) -> Prediction:
        """x_0 = (x_t - sigma eps) / alpha, DDPM eq. 4 solved for x_0."""
        alpha, sigma = schedule.scales(t, x)
        return Prediction(((x - sigma * output) / alpha).to(x.dtype), output.to(x.dtype))

    def weight(self, snr: Tensor, gamma: float) -> Tensor:
        """min(SNR, gamma) / SNR, for the error of eps is that of x_0 times SNR."""
        return snr.clamp(max=gamma) / snr


@dataclass(frozen=True)
class X0:
    """The clean latent."""

    def target(self, x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
        """The clean latent itself."""
        return x0

    def prediction(self, output: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule) -> Prediction:
        """eps = (x_t - alpha x_0) / sigma, DDPM eq. 4 solved for the noise."""
        alpha, sigma = schedule.scales(t, x)
        return Prediction(output.to(x.dtype), ((x - alpha * output) / sigma).to(x.dtype))

    def weight(self, snr: Tensor, gamma: float) -> Tensor:
        """min(SNR, gamma)."""
        return snr.clamp(max=gamma)


@dataclass(frozen=True)
class V:
    """The velocity, Salimans & Ho 2022 (arXiv 2202.00512)."""

    def target(self, x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
        """v = alpha eps - sigma x_0, sec. 4."""
        alpha, sigma = schedule.scales(t, x0)
        return (alpha * noise - sigma * x0).to(x0.dtype)

    def prediction(self, output: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule) -> Prediction:
        """x_0 = alpha x_t - sigma v and eps = sigma x_t + alpha v, app. D."""
        alpha, sigma = schedule.scales(t, x)
        return Prediction((alpha * x - sigma * output).to(x.dtype), (sigma * x + alpha * output).to(x.dtype))

    def weight(self, snr: Tensor, gamma: float) -> Tensor:
        """min(SNR, gamma) / (SNR + 1), for the error of v is that of x_0 times SNR + 1."""
        return snr.clamp(max=gamma) / (snr + 1)


PARAMETERIZATIONS: dict[Parameterization, NetworkOutput] = {"eps": Eps(), "x0": X0(), "v": V()}
"""By their names in configs and models."""


def training_target(
    x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule, parameterization: Parameterization
) -> Tensor:
    """What the network's output (b, c, l) is compared with in training."""
    return _named(parameterization).target(x0, noise, t, schedule)


def to_prediction(
    output: Tensor, x: Tensor, t: Tensor, schedule: NoiseSchedule, parameterization: Parameterization
) -> Prediction:
    """The clean latent and the noise that the network's output (b, c, l) on x stands for."""
    return _named(parameterization).prediction(output, x, t, schedule)


def min_snr_weight(t: Tensor, schedule: NoiseSchedule, parameterization: Parameterization, *, gamma: float) -> Tensor:
    """Min-SNR-gamma weight of the square error at times t (b,): (b,), float64; gamma > 0, the paper's is 5."""
    return _named(parameterization).weight(schedule.snr(t), gamma)


def velocity(x0: Tensor, noise: Tensor, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """v = alpha eps - sigma x_0, Salimans & Ho 2022 (arXiv 2202.00512) sec. 4: (b, c, l), like x0."""
    return V().target(x0, noise, t, schedule)


def _named(name: Parameterization) -> NetworkOutput:
    check_parameterization(name)
    return PARAMETERIZATIONS[name]
