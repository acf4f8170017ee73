"""The noise schedule of the diffusion process: the amounts of signal and noise at each time."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from pvdm.diffusion.sampler_config import check_times
from pvdm.errors import ArgumentError

Parameterization = Literal["eps", "x0", "v"]


@dataclass(frozen=True)
class DiffusionConfig:
    """The diffusion process: its noise schedule and what the network predicts.

    Betas are the squares of a linspace between the square roots of the two bounds, as in the released models.

    Args:
        timesteps: Number T of timesteps; they are the integers 0..T-1, and -1 means clean.
        linear_start: Beta at timestep 0, in (0, 1).
        linear_end: Beta at timestep T-1, in [linear_start, 1).
        prediction: What the network predicts: noise ("eps"), the clean latent ("x0") or the velocity ("v").
        border_fade: Frames within which a jump between two clips of a generated video fades out; 0, as released, leaves
            it.
        autoguidance: Weight of guidance by the model's own early weights, its `guide`, that sampling has by default
            (Karras et al. 2024, arXiv 2406.02507); training then keeps them, see `AveragedWeights`. 0, as released, is
            a model without a guide.
        skipped_block: Number, from 0, of a block of the joint transformer: the guide then is the denoiser itself
            without this block (Hyung et al. 2024, arXiv 2411.18664), and no early weights are kept.
        searched_times: Timesteps of UniPC that were searched for this model (`pvdm export --search-steps`), each tuple
            for as many steps.
    """

    timesteps: int = 1000
    linear_start: float = 0.0015
    linear_end: float = 0.0195
    prediction: Parameterization = "eps"
    border_fade: int = 0
    autoguidance: float = 0.0
    skipped_block: int | None = None
    searched_times: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.timesteps < 1:
            raise ArgumentError(f"timesteps is {self.timesteps}", "it must be at least 1", option="timesteps")
        if not 0 < self.linear_start <= self.linear_end < 1:
            bounds = f"linear_start {self.linear_start} and linear_end {self.linear_end}"
            raise ArgumentError(bounds, "give values with 0 < linear_start <= linear_end < 1", option="linear_start")
        check_parameterization(self.prediction)
        object.__setattr__(self, "searched_times", tuple(check_times(times) for times in self.searched_times))
        if late := [times for times in self.searched_times if times[0] >= self.timesteps]:
            remedy = f"they must be below {self.timesteps}"
            raise ArgumentError(f"searched_times has {list(late[0])}", remedy, option="searched_times")
        if self.border_fade < 0:
            raise ArgumentError(f"border_fade is {self.border_fade}", "it must be at least 0", option="border_fade")
        if not 0 <= self.autoguidance < math.inf:
            raise ArgumentError(f"autoguidance is {self.autoguidance}", "it must be at least 0", option="autoguidance")
        if self.skipped_block is not None and not (isinstance(self.skipped_block, int) and self.skipped_block >= 0):
            remedy = "give the number of a block, from 0"
            raise ArgumentError(f"skipped_block is {self.skipped_block}", remedy, option="skipped_block")

    @property
    def process(self) -> tuple[int, float, float, Parameterization]:
        """What a denoiser is trained for; the other fields say how it is used."""
        return self.timesteps, self.linear_start, self.linear_end, self.prediction


@dataclass(frozen=True)
class Level:
    """Signal and noise at one time, as Python numbers; `time` is 0..T-1, or -1 for clean."""

    time: int
    alpha_bar: float

    @property
    def alpha(self) -> float:
        """Scale of the signal."""
        return math.sqrt(self.alpha_bar)

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise."""
        return math.sqrt(1 - self.alpha_bar)

    @property
    def half_log_snr(self) -> float:
        """lambda = log(alpha / sigma), DPM-Solver (arXiv 2206.00927) sec. 2; infinite where there is no noise."""
        return 0.5 * math.log(self.alpha_bar / (1 - self.alpha_bar)) if self.alpha_bar < 1 else math.inf


class NoiseSchedule:
    """alpha_bar of every time, (timesteps,), float64; not a module, so that casting a network does not cast it."""

    def __init__(self, config: DiffusionConfig) -> None:
        self.config = config
        self.alpha_bar = alpha_bar_from_betas(scaled_linear_betas(config))
        self._tables: dict[tuple[str, torch.device, torch.dtype], Tensor] = {}

    @cached_property
    def half_log_snr(self) -> np.ndarray:
        """log(alpha / sigma) of every time, (timesteps,), float64, falling."""
        return 0.5 * (self.alpha_bar.log() - (-self.alpha_bar).log1p()).numpy()

    def level(self, time: int) -> Level:
        """Signal and noise at one time, -1..T-1, for computations on the host."""
        return Level(time, self.alpha_bar[time].item() if time >= 0 else 1.0)

    def at(self, t: Tensor, like: Tensor) -> Tensor:
        """alpha_bar at integer times t (b,), -1..T-1, being 1 at -1: (b, 1, 1), float64, on like's device.

        Times (b, c, l), one for each value of a latent, give (b, c, l), here and in `scales`.
        """
        dtype = torch.float32 if like.device.type == "mps" else torch.float64  # MPS has no float64
        return self._look_up("alpha_bar", t, like.device, dtype)

    def scales(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(alpha_bar) and sqrt(1 - alpha_bar) at t: two (b, 1, 1), in `computation_dtype(like)`."""
        dtype = computation_dtype(like)
        return self._look_up("alpha", t, like.device, dtype), self._look_up("sigma", t, like.device, dtype)

    def snr(self, t: Tensor) -> Tensor:
        """Signal to noise ratio alpha_bar / (1 - alpha_bar) at times t (b,), 0..T-1: (b,), float64."""
        alpha_bar = self.at(t, t).flatten()
        return alpha_bar / (1 - alpha_bar)

    def _look_up(self, name: str, t: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Values at times t (b,) or (b, c, l) from a table that is cached on the device: (b, 1, 1), or like t."""
        key = name, device, dtype
        if key not in self._tables:
            alpha_bar = torch.cat([self.alpha_bar.new_ones(1), self.alpha_bar])
            values = {"alpha_bar": alpha_bar, "alpha": alpha_bar.sqrt(), "sigma": (1 - alpha_bar).sqrt()}[name]
            self._tables[key] = values.to(device=device, dtype=dtype)
        # index_select, unlike indexing, rejects negative positions: a time below -1 is an error.
        values = self._tables[key].index_select(0, t.to(device).flatten() + 1)
        return values.view(t.shape if t.ndim == 3 else (-1, 1, 1))


def scaled_linear_betas(config: DiffusionConfig) -> Tensor:
    """Betas as squares of a linspace between square roots, the released schedule: (timesteps,), float64."""
    start, end = math.sqrt(config.linear_start), math.sqrt(config.linear_end)
    return torch.linspace(start, end, config.timesteps, dtype=torch.float64, device="cpu").square()


def alpha_bar_from_betas(betas: Tensor) -> Tensor:
    """Products of 1 - beta up to each time (timesteps,), float64; DDPM (arXiv 2006.11239) eq. 4."""
    return torch.cumprod(1 - betas, dim=0)


def computation_dtype(like: Tensor) -> torch.dtype:
    """The dtype to compute in for tensors like this one: its own, but float32 where that is half or bf16."""
    return torch.promote_types(like.dtype, torch.float32)


def check_parameterization(name: str) -> None:
    """ArgumentError unless `name` is one of the three parameterizations."""
    if name not in get_args(Parameterization):
        choices = ", ".join(get_args(Parameterization))
        raise ArgumentError(f"prediction is {name!r}", f"it must be one of {choices}", option="prediction")
