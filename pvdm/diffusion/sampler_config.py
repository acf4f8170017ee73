"""Settings of the samplers in samplers.py: names, numbers of steps, grids. Does not import PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

from pvdm.errors import ArgumentError

SamplerName = Literal["ddpm", "ddim", "dpmpp_2m", "unipc", "consistency"]
SAMPLER_NAMES: tuple[SamplerName, ...] = get_args(SamplerName)
Grid = Literal["uniform", "quadratic", "cubic", "karras", "logsnr"]
GRIDS: tuple[Grid, ...] = get_args(Grid)
FEW_STEPS, FEW_STEPS_GRID = 20, "cubic"  # see docs/solvers.md
DDIM_STEPS = 100
CONTEXT_NOISE, MAX_CONTEXT_NOISE = 0.1, 100.0


class Defaults(NamedTuple):
    """The defaults of a sampler.

    steps: None is one for each timestep; grid: its timesteps; takes_eta: whether it can add noise, as DDIM does.
    """

    steps: int | None
    grid: Grid
    takes_eta: bool = False


DEFAULTS: dict[SamplerName, Defaults] = {
    "ddpm": Defaults(None, "uniform"),
    "ddim": Defaults(DDIM_STEPS, "uniform", takes_eta=True),
    "dpmpp_2m": Defaults(FEW_STEPS, FEW_STEPS_GRID),
    "unipc": Defaults(FEW_STEPS, FEW_STEPS_GRID),
    "consistency": Defaults(None, FEW_STEPS_GRID),
}


SEARCHED = ("unipc", "consistency")
"""Samplers that take the timesteps which were searched for a model."""


@dataclass(frozen=True)
class SamplerConfig:
    """How latents are sampled; steps and grid have defaults for each sampler, see `completed`.

    Args:
        name: "unipc" or "dpmpp_2m" (DPM-Solver++(2M)), good from about 10 steps; "ddim" or "ddpm" (ancestral), used in
            the paper; "consistency" for a model that was tuned for few steps. By default the last for the numbers of
            steps of such a model, and unipc otherwise.
        steps: Network evaluations, at most the number of timesteps; by default 20, for ddim 100, for ddpm all
            timesteps, for consistency the most that the model was tuned for.
        eta: Noise of DDIM in [0, 1]; 0 is deterministic. Other samplers have none.
        guidance: Weight w of classifier-free guidance by the context, (1 + w) * conditional - w * unconditional; 0
            turns it off.
        clamp: Clamp the predicted clean latent to the range of the autoencoder's latents: that of the released one is
            [-1, 1], and the spectral one has none.
        label_guidance: Weight of guidance by the label, with the context unchanged; `guidance_terms` combines both.
        prompt_guidance: Weight of guidance by the prompt, towards it from the negative prompt or from none.
        camera_guidance: Weight of guidance by the camera, with the rest unchanged.
        sound_guidance: Weight of guidance by the sound, with the rest unchanged.
        scores_guidance: Weight of guidance by the scores, with the rest unchanged.
        hint_guidance: Weight of guidance by given frames, with the rest unchanged.
        hint_noise: Noise, sigma / alpha, that is added to the latent of given frames; 0 is none. A model that was
            trained with `hint_noise` is told.
        hint_passes: How often the sampled latent is moved towards the given frames, see `LatentModel.consistent`.
        grid: Spacing of the timesteps, see `time_grid`, or the timesteps themselves, falling; by default those that
            were searched for the model and this number of steps, if any, else "cubic", for ddim and ddpm "uniform".
        context_noise: Noise, sigma / alpha, that is added to the context, for a model trained with such noise; by
            default 0.1, and 0 is none.
        autoguidance: Weight w of guidance by a weak version of the model, (1 + w) * own - w * weak (arXiv 2406.02507).
            It needs no condition. 0 turns it off; by default as the model says (`DiffusionConfig.autoguidance`).
        weak_model: The weak model: exported folder, checkpoint, or a name, such as an early checkpoint or a smaller
            model of the same latents; or "block:2", the joint transformer itself without this block, counted from 0
            (arXiv 2411.18664); by default the model's own guide, if it has one.
        guidance_interval: Lowest and highest noise, sigma / alpha, at which the model is guided in any way (arXiv
            2404.07724); by default at all.
    """

    name: SamplerName | None = None
    steps: int | None = None
    eta: float = 0.0
    guidance: float = 0.0
    clamp: bool = True
    label_guidance: float = 0.0
    prompt_guidance: float = 0.0
    hint_guidance: float = 0.0
    hint_noise: float = 0.0
    grid: Grid | tuple[int, ...] | None = None
    context_noise: float | None = None
    autoguidance: float | None = None
    weak_model: str | None = None
    guidance_interval: tuple[float, float] | None = None
    camera_guidance: float = 0.0
    sound_guidance: float = 0.0
    hint_passes: int = 2
    scores_guidance: float = 0.0

    def __post_init__(self) -> None:
        if self.name is not None and self.name not in SAMPLER_NAMES:
            raise ArgumentError(
                f"the sampler is {self.name!r}", f"it must be one of {', '.join(SAMPLER_NAMES)}", option="name"
            )
        if self.steps is not None and self.steps < 1:
            raise ArgumentError(f"steps is {self.steps}", "choose at least 1", option="steps")
        if self.hint_passes < 0:
            raise ArgumentError(f"hint_passes is {self.hint_passes}", "choose 0 or more", option="hint_passes")
        if isinstance(self.grid, (list, tuple)):
            object.__setattr__(self, "grid", check_times(self.grid))
            if self.steps not in (None, len(self.grid)):
                problem = f"there are {len(self.grid)} timesteps for {self.steps} steps"
                raise ArgumentError(problem, "give as many, or leave steps out", option="grid")
            object.__setattr__(self, "steps", len(self.grid))
        elif self.grid is not None:
            check_grid(self.grid)
        for name in ("context_noise", "hint_noise"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= MAX_CONTEXT_NOISE:
                remedy = f"give a value from 0 to {MAX_CONTEXT_NOISE:g}"
                raise ArgumentError(f"{name} is {value}", remedy, option=name)
        if self.weak_model is not None and not self.autoguidance:
            problem = f"there is a weak model, {self.weak_model}, and no autoguidance by it"
            raise ArgumentError(problem, "give both, or neither", option="autoguidance")
        if self.guidance_interval is not None:
            object.__setattr__(self, "guidance_interval", tuple(self.guidance_interval))
            low, high = self.guidance_interval
            if not 0 <= low < high:
                problem, remedy = f"guidance_interval is {low:g} to {high:g}", "give two values, the lower first"
                raise ArgumentError(problem, remedy, option="guidance_interval")
        check_eta(self.eta)
        if self.eta != 0 and not DEFAULTS[self.name or "unipc"].takes_eta:
            problem = f"eta {self.eta} belongs to ddim, not to {self.name or 'unipc'}"
            raise ArgumentError(problem, "leave it out, or choose ddim", option="eta")

    def completed(
        self, timesteps: int, few_steps: tuple[int, ...] = (), searched: tuple[tuple[int, ...], ...] = ()
    ) -> SamplerConfig:
        """This configuration with name, steps and grid filled in.

        Args:
            timesteps: Of the model.
            few_steps: Numbers of steps that the model was tuned for, rising.
            searched: Timesteps of unipc that were searched for the model, for several numbers of steps; a tuned model
                was tuned for them.

        ArgumentError for the sampler consistency with any other number of steps, or with another grid.
        """
        takes_few = bool(few_steps) and (self.steps is None or self.steps in few_steps)
        name: SamplerName = self.name or ("consistency" if takes_few else "unipc")
        own, grids = DEFAULTS[name], {len(times): times for times in searched} if name in SEARCHED else {}
        if name != "consistency":
            steps = self.steps or min(own.steps or timesteps, timesteps)
            return replace(self, name=name, steps=steps, grid=self.grid or grids.get(steps, own.grid))
        if not takes_few:
            problem = f"consistency in {self.steps or 'few'} steps"
            tuned = f"choose {', '.join(map(str, few_steps))}" if few_steps else "this model was not tuned for any"
            raise ArgumentError(problem, f"{tuned}, or another sampler", option="steps" if few_steps else "name")
        steps = self.steps or few_steps[-1]
        grid = grids.get(steps, own.grid)
        if self.grid not in (None, grid):
            problem = f"the grid is {self.grid} for the sampler consistency"
            raise ArgumentError(problem, "leave it out: the model was tuned for one", option="grid")
        return replace(self, name=name, steps=steps, grid=grid)


def check_grid(name: str) -> None:
    """ArgumentError unless `name` is one of the grids."""
    if name not in GRIDS:
        raise ArgumentError(f"the grid is {name!r}", f"it must be one of {', '.join(GRIDS)}", option="grid")


def check_times(times: Sequence[int]) -> tuple[int, ...]:
    """Timesteps of a grid; ArgumentError unless there are some, and they fall strictly and are at least 0."""
    are_whole = all(isinstance(time, int) and time >= 0 for time in times)
    if not times or not are_whole or any(later >= earlier for earlier, later in pairwise(times)):
        remedy = "give whole numbers from 0 on, each smaller than the one before"
        raise ArgumentError(f"the timesteps are {list(times)}", remedy, option="grid")
    return tuple(times)


def check_eta(eta: float) -> None:
    """ArgumentError unless eta is in [0, 1]."""
    if not 0 <= eta <= 1:
        raise ArgumentError(f"eta is {eta}", "it must be in [0, 1]", option="eta")
