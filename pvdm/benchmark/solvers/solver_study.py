"""The error of each solver on each time grid, in few steps against 1000."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


@torch.no_grad()
def study(
    denoise: Denoise,
    x: Tensor,
    schedule: NoiseSchedule,
    *,
    steps: Sequence[int] = STEPS,
    grids: Sequence[Grid] = GRIDS,
    reference_steps: int | None = None,
    progress: Callable[[int], Any] = lambda evaluations: None,
) -> dict[str, Any]:
    """Root mean square distances of the latents that each solver reaches from noise x (b, c, l); JSON-able.

    `error` is the distance from the reference in `reference_steps` (all timesteps if None), `error_to_ddim` from DDIM
    in as many. progress: called with the number of evaluations made.
    """
    most = reference_steps or schedule.config.timesteps
    common = {"schedule": schedule, "progress": lambda *_: progress(1)}
    ends = {name: SOLVERS[name](denoise, x, steps=most, **common) for name in (REFERENCE, "ddim")}

    def row(solver: str, grid: Grid, count: int) -> dict[str, Any]:
        found = SOLVERS[solver](denoise, x, steps=count, grid=grid, **common)
        return {
            "solver": solver,
            "grid": grid,
            "steps": count,
            "error": distance(found, ends[REFERENCE]),
            "error_to_ddim": distance(found, ends["ddim"]),
        }

    size = ends[REFERENCE].square().mean().sqrt().item()
    return {
        "reference": {"solver": REFERENCE, "steps": most, "root_mean_square": size},
        "from_reference": {"ddim": distance(ends["ddim"], ends[REFERENCE])},
        "rows": [row(*case) for case in cases(steps, grids)],
    }


def cases(steps: Sequence[int], grids: Sequence[Grid]) -> Iterator[tuple[str, Grid, int]]:
    """Solver, grid and steps of each row."""
    return ((solver, grid, count) for solver in SOLVERS for grid in grids for count in steps)


def evaluations(reference_steps: int, steps: Sequence[int] = STEPS, grids: Sequence[Grid] = GRIDS) -> int:
    """Evaluations of the network in a study."""
    return 2 * reference_steps + sum(count for *_, count in cases(steps, grids))


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square of the difference."""
    return (a.double() - b.double()).square().mean().sqrt().item()
