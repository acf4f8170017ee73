"""The error of each solver on each grid of times, in few steps, against 1000 steps from the same noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pvdm.diffusion import (
    GRIDS,
    Denoise,
    Grid,
    NoiseSchedule,
    sample_ddim,
    sample_dpmpp_2m,
    sample_unipc,
)

SOLVERS: dict[str, Callable[..., Tensor]] = {
    "ddim": sample_ddim,
    "dpmpp_2m": sample_dpmpp_2m,
    "unipc": sample_unipc,
    "unipc, order 3": partial(sample_unipc, order=3),
}
REFERENCE = "unipc"
STEPS = (5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Row:
    """Root mean square distances of the latents that a solver reaches.

    Args:
        error: From those of the reference.
        error_to_ddim: From those of DDIM with as many steps as the reference.
        error_exact: From the end of the flow itself, where it is known.
    """

    solver: str
    grid: Grid
    steps: int
    error: float
    error_to_ddim: float
    error_exact: float | None


@torch.no_grad()
def study(
    denoise: Denoise,
    x: Tensor,
    schedule: NoiseSchedule,
    *,
    exact: Tensor | None = None,
    steps: Sequence[int] = STEPS,
    grids: Sequence[Grid] = GRIDS,
    reference_steps: int | None = None,
    progress: Callable[[int], Any] = lambda evaluations: None,
) -> dict[str, Any]:
    """All rows from noise x (b, c, l), and how far the solvers are apart in `reference_steps` (all times if None).

    exact: The latents that the flow itself reaches, if they are known. progress: called with evaluations made.
    """
    most = reference_steps or schedule.config.timesteps
    walked = {"schedule": schedule, "progress": lambda *_: progress(1)}
    ends = {name: SOLVERS[name](denoise, x, steps=most, **walked) for name in (REFERENCE, "ddim")}

    def row(solver: str, grid: Grid, count: int) -> Row:
        found = SOLVERS[solver](denoise, x, steps=count, grid=grid, **walked)
        known = None if exact is None else distance(found, exact)
        return Row(solver, grid, count, distance(found, ends[REFERENCE]), distance(found, ends["ddim"]), known)

    return {
        "reference": {
            "solver": REFERENCE,
            "steps": most,
            "root_mean_square": ends[REFERENCE].square().mean().sqrt().item(),
        },
        "from_reference": {name: distance(end, ends[REFERENCE]) for name, end in ends.items() if name != REFERENCE}
        | ({} if exact is None else {"exact": distance(exact, ends[REFERENCE])}),
        "rows": [asdict(row(*case)) for case in cases(steps, grids)],
    }


def cases(steps: Sequence[int], grids: Sequence[Grid]) -> Iterator[tuple[str, Grid, int]]:
    """Solver, grid and steps of each row."""
    for solver in SOLVERS:
        for grid in grids:
            for count in steps:
                yield solver, grid, count


def evaluations(reference_steps: int, steps: Sequence[int] = STEPS, grids: Sequence[Grid] = GRIDS) -> int:
    """How often a study asks the network."""
    return 2 * reference_steps + sum(count for *_, count in cases(steps, grids))


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square of the difference."""
    return (a.double() - b.double()).square().mean().sqrt().item()
