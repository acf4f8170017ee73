"""The noise schedule of the diffusion process and the grid of times that samplers walk."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from einops import rearrange
from torch import Tensor

Parameterization = Literal["eps", "x0", "v"]


@dataclass(frozen=True)
class DiffusionConfig:
    """The diffusion process: its noise schedule and what the network predicts.

    Betas are the squares of a linspace between the square roots of the two bounds, as in the released models.

    Args:
        timesteps: number T of diffusion times; times are the integers 0..T-1, and -1 means clean.
        linear_start: beta at time 0, in (0, 1).
        linear_end: beta at time T-1, in [linear_start, 1).
        prediction: what the network predicts: noise ("eps"), the clean latent ("x0") or the velocity ("v").
    """

    timesteps: int = 1000
    linear_start: float = 0.0015
    linear_end: float = 0.0195
    prediction: Parameterization = "eps"

    def __post_init__(self) -> None:
        if self.timesteps < 1:
            raise ValueError(f"timesteps is {self.timesteps}; it must be at least 1")
        if not 0 < self.linear_start <= self.linear_end < 1:
            bounds = f"linear_start {self.linear_start} and linear_end {self.linear_end}"
            raise ValueError(f"{bounds} must satisfy 0 < linear_start <= linear_end < 1")
        check_parameterization(self.prediction)


class NoiseSchedule:
    """alpha_bar of every time, (timesteps,), float64; no module, so casting a network leaves it alone."""

    def __init__(self, config: DiffusionConfig) -> None:
        self.config = config
        self.alpha_bar = alpha_bar_from_betas(scaled_linear_betas(config))
        self._tables: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def at(self, t: Tensor, like: Tensor) -> Tensor:
        """alpha_bar at integer times t (b,), -1..T-1, being 1 at -1: (b, 1, 1), float64, on like's device."""
        table = self._table(like.device)
        # index_select, unlike indexing, refuses negative positions: a time below -1 is an error, not a wrap.
        return rearrange(table.index_select(0, t.to(like.device) + 1), "b -> b 1 1")

    def scales(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(alpha_bar) and sqrt(1 - alpha_bar) at t: two (b, 1, 1), in `computation_dtype(like)`."""
        alpha_bar, dtype = self.at(t, like), computation_dtype(like)
        return alpha_bar.sqrt().to(dtype), (1 - alpha_bar).sqrt().to(dtype)

    def snr(self, t: Tensor) -> Tensor:
        """Signal to noise ratio alpha_bar / (1 - alpha_bar) at times t (b,), 0..T-1: (b,), float64."""
        alpha_bar = self.at(t, t).flatten()
        return alpha_bar / (1 - alpha_bar)

    def _table(self, device: torch.device) -> Tensor:
        dtype = torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64
        if (device, dtype) not in self._tables:
            table = torch.cat([self.alpha_bar.new_ones(1), self.alpha_bar])
            self._tables[device, dtype] = table.to(device=device, dtype=dtype)
        return self._tables[device, dtype]


def scaled_linear_betas(config: DiffusionConfig) -> Tensor:
    """Betas as squares of a linspace between square roots, the released schedule: (timesteps,), float64."""
    start, end = math.sqrt(config.linear_start), math.sqrt(config.linear_end)
    return torch.linspace(start, end, config.timesteps, dtype=torch.float64).square()


def alpha_bar_from_betas(betas: Tensor) -> Tensor:
    """Products of 1 - beta up to each time (timesteps,), float64; DDPM (arXiv 2006.11239) eq. 4."""
    return torch.cumprod(1 - betas, dim=0)


def time_grid(timesteps: int, steps: int) -> Tensor:
    """The steps + 1 times that a sampler visits, from T-1 down to -1: (steps + 1,), int64.

    The integer parts of linspace(-1, T-1, steps + 1), reversed, as released, but exactly: a floating linspace
    may fall just short of an integer and lose it.
    """
    if not 1 <= steps <= timesteps:
        raise ValueError(f"{steps} sampling steps; with {timesteps} diffusion times choose 1 to {timesteps}")
    ascending = torch.arange(steps + 1) * timesteps // steps - 1
    return ascending.flip(0)


def computation_dtype(like: Tensor) -> torch.dtype:
    """The dtype to compute in for tensors like this one: its own, but float32 where that is half or bf16."""
    return torch.promote_types(like.dtype, torch.float32)


def check_parameterization(name: str) -> None:
    """Raises ValueError unless `name` is one of the three parameterizations."""
    if name not in get_args(Parameterization):
        raise ValueError(f"prediction is {name!r}; it must be one of {', '.join(get_args(Parameterization))}")
