"""What a sampler is asked for: its name, its steps and its grid; plain values, which need no PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.diffusion.denoise import Denoise
    from pvdm.diffusion.noise import NoiseSource
    from pvdm.diffusion.schedule import NoiseSchedule

SamplerName = Literal["ddpm", "ddim", "dpmpp_2m", "unipc"]
SAMPLER_NAMES: tuple[SamplerName, ...] = get_args(SamplerName)
Grid = Literal["uniform", "quadratic", "cubic", "karras", "logsnr"]
GRIDS: tuple[Grid, ...] = get_args(Grid)
FEW_STEPS, FEW_STEPS_GRID = 20, "cubic"  # of dpmpp_2m and unipc, see docs/solvers.md
DDIM_STEPS = 100


@dataclass(frozen=True)
class SamplerConfig:
    """How latents are sampled. What is left out is the solver's own, see `completed`.

    Args:
        name: "unipc" or "dpmpp_2m" (DPM-Solver++(2M)), good from about 10 steps; "ddim" or "ddpm" (ancestral), the
            paper's.
        steps: evaluations of the network, from 1 to the number of diffusion times; if not given 20, but 100 for ddim
            and all times for ddpm.
        eta: noise of DDIM in [0, 1]; 0 is deterministic. Other samplers have none.
        guidance: weight w of classifier-free guidance by the context, (1 + w) * conditional - w * unconditional;
            0 is none.
        clamp: clamp the predicted clean latent to [-1, 1], as released.
        label_guidance: that by the label, which leaves the context as it is; see `guidance_terms` for both.
        grid: the times that are visited, see `time_grid`; if not given "cubic", but "uniform" for ddim and ddpm.
    """

    name: SamplerName = "unipc"
    steps: int | None = None
    eta: float = 0.0
    guidance: float = 0.0
    clamp: bool = True
    label_guidance: float = 0.0
    grid: Grid | None = None

    def __post_init__(self) -> None:
        if self.name not in SAMPLER_NAMES:
            raise ValueError(f"the sampler is {self.name!r}; it must be one of {', '.join(SAMPLER_NAMES)}")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"{self.steps} sampling steps; choose at least 1")
        if self.grid is not None:
            check_grid(self.grid)
        check_eta(self.eta)
        if self.eta != 0 and self.name != "ddim":
            raise ValueError(f"eta {self.eta} belongs to ddim, not to {self.name}; leave it out, or choose ddim")

    def completed(self, timesteps: int) -> SamplerConfig:
        """This one with steps and grid, for a model of so many diffusion times."""
        few = self.name in ("unipc", "dpmpp_2m")
        own_steps = FEW_STEPS if few else DDIM_STEPS if self.name == "ddim" else timesteps
        own_grid = FEW_STEPS_GRID if few else "uniform"
        return replace(self, steps=self.steps or min(own_steps, timesteps), grid=self.grid or own_grid)

    def sample(
        self,
        denoise: Denoise,
        x: Tensor,
        *,
        schedule: NoiseSchedule,
        noise: NoiseSource,
        progress: Callable[[int, int], Any] | None = None,
    ) -> Tensor:
        """The clean latents (b, c, l) that this sampler reaches from standard normal x (b, c, l), like x.

        `guidance`, `label_guidance` and `clamp` are not its matter but that of `make_denoise`, which makes `denoise`.
        """
        from pvdm.diffusion import samplers  # with PyTorch, which a command line that is refused does without

        whole = self.completed(schedule.config.timesteps)
        own = {"ddpm": {"noise": noise}, "ddim": {"eta": self.eta, "noise": noise}}.get(self.name, {})
        walked = {"schedule": schedule, "steps": whole.steps, "grid": whole.grid, "progress": progress}
        return samplers.SAMPLERS[self.name](denoise, x, **walked, **own)


def check_grid(name: str) -> None:
    """Raises ValueError unless `name` is one of the grids."""
    if name not in GRIDS:
        raise ValueError(f"the grid is {name!r}; it must be one of {', '.join(GRIDS)}")


def check_eta(eta: float) -> None:
    """Raises ValueError unless eta is in [0, 1]."""
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; it must be in [0, 1]")
