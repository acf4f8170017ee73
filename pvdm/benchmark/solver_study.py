"""`pvdm benchmark solvers`: the error of each solver on each time grid, in few steps against 1000 (docs/solvers.md)."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from pvdm.diffusion import (
    GRIDS,
    Denoise,
    Grid,
    NoiseSchedule,
    SamplerConfig,
    VideoNoise,
    make_denoise,
    sample_ddim,
    sample_dpmpp_2m,
    sample_unipc,
)
from pvdm.evaluation.clips.model_clips import LoadedModel
from pvdm.evaluation.results import hardware, versions, write_document
from pvdm.files.atomic_write import check_output_file
from pvdm.generation import VideoGenerator
from pvdm.runtime.energy.meter import EnergyMeter

SOLVERS: dict[str, Callable[..., Tensor]] = {
    "ddim": sample_ddim,
    "dpmpp_2m": sample_dpmpp_2m,
    "unipc": sample_unipc,
    "unipc, order 3": partial(sample_unipc, order=3),
}
REFERENCE = "unipc"
STEPS = (5, 10, 20, 50, 100)

WHOLE: dict[str, Any] = {"grids": GRIDS, "steps": STEPS}
PART: dict[str, Any] = {"grids": ("uniform", "cubic"), "steps": (10, 20, 100)}
"""What is studied, and the part that is enough to see whether clamping changes the ranking."""
FORMAT = "pvdm-solvers"
PAPER = ("ddim", "uniform", 100)
"""Solver, grid and steps of the paper's faster setting."""

logger = logging.getLogger(__name__)


def run_solvers(options: argparse.Namespace, *, device: torch.device) -> None:
    """Studies the solvers and writes the output; InputError for a model of stage 1."""
    check_output_file(options.output, overwrite=options.overwrite)
    model = LoadedModel.load(options.model, device=device)
    model.generator.check_can_continue(None)
    meter = EnergyMeter([device])
    content = document(model, videos=options.num_videos, seed=options.seed)
    content["energy"] = meter.read().record()
    write_document(options.output, content, overwrite=options.overwrite)
    logger.info("%s", tables(content))
    logger.info("written to %s", options.output)


def document(model: LoadedModel, *, videos: int, seed: int) -> dict[str, Any]:
    """Everything that the file holds."""
    generator = model.generator
    return {
        "format": FORMAT,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["pvdm", *sys.argv[1:]]),
        "versions": versions(),
        "hardware": hardware(generator.device),
        "model": {**model.describe(), "diffusion": asdict(generator.diffusion)},
        "settings": {"seed": seed, "videos": videos},
        "subjects": {
            "model": of_model(generator, videos=videos, seed=seed, **WHOLE),
            "model, not clamped": of_model(generator, videos=videos, seed=seed, clamp=False, **PART),
        },
    }


def of_model(generator: VideoGenerator, *, videos: int, seed: int, clamp: bool = True, **given: Any) -> dict[str, Any]:
    """The study on first clips of a model, from the noise of `pvdm sample`."""
    noise = VideoNoise([(seed, index, 0) for index in range(videos)])
    shape = (generator.denoiser.config.latent_channels, generator.denoiser.shape.positions)
    prediction = generator.diffusion.prediction
    denoise = make_denoise(generator.denoiser, generator.schedule, parameterization=prediction, clamp=clamp)
    x = noise.normal(shape, device=generator.device)
    return study(denoise, x, generator.schedule, **given)


@torch.no_grad()
def study(
    denoise: Denoise,
    x: Tensor,
    schedule: NoiseSchedule,
    *,
    steps: Sequence[int] = STEPS,
    grids: Sequence[Grid] = GRIDS,
    reference_steps: int | None = None,
) -> dict[str, Any]:
    """Root mean square distances of the latents that each solver reaches from noise x (b, c, l); JSON-able.

    `error` is the distance from the reference in `reference_steps` (all timesteps if None), `error_to_ddim` from DDIM
    in as many.
    """
    most = reference_steps or schedule.config.timesteps
    references = tqdm((REFERENCE, "ddim"), desc=f"{most} steps")
    ends = {name: SOLVERS[name](denoise, x, steps=most, schedule=schedule) for name in references}

    def row(solver: str, grid: Grid, count: int) -> dict[str, Any]:
        found = SOLVERS[solver](denoise, x, steps=count, grid=grid, schedule=schedule)
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
        "rows": [row(*case) for case in tqdm(list(cases(steps, grids)), desc="few steps")],
    }


def cases(steps: Sequence[int], grids: Sequence[Grid]) -> Iterator[tuple[str, Grid, int]]:
    """Solver, grid and steps of each row."""
    return ((solver, grid, count) for solver in SOLVERS for grid in grids for count in steps)


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square of the difference."""
    return (a.double() - b.double()).square().mean().sqrt().item()


def tables(results: Mapping[str, Any]) -> str:
    """For each subject a sentence, and a table of the errors by solver, grid and steps; the smallest are bold."""
    return "\n".join(_table(name, subject) for name, subject in results["subjects"].items())


def errors(subject: Mapping[str, Any]) -> dict[tuple[str, str, int], float]:
    """Errors by solver, grid and steps."""
    return {(row["solver"], row["grid"], row["steps"]): row["error"] for row in subject["rows"]}


def default_case() -> tuple[str, str, int]:
    """Solver, grid and steps of the default."""
    default = SamplerConfig().completed(1000)
    return default.name, default.grid, default.steps


def _table(name: str, subject: Mapping[str, Any]) -> str:
    found = errors(subject)
    steps = list(dict.fromkeys(count for *_, count in found))
    best = {min((error, case) for case, error in found.items() if case[2] == count)[1] for count in steps}
    lines = [f"**{name}**: {_sentence(subject)}", "", f"| solver | grid | {' | '.join(map(str, steps))} |"]
    lines.append("|---|---|" + "---|" * len(steps))
    for solver, grid in dict.fromkeys((solver, grid) for solver, grid, _ in found):
        cases = [(solver, grid, count) for count in steps]
        cells = [f"**{found[case]:.4f}**" if case in best else f"{found[case]:.4f}" for case in cases]
        lines.append(f"| {solver} | {grid} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _sentence(subject: Mapping[str, Any]) -> str:
    found, (solver, grid, steps) = errors(subject), default_case()
    others = ", ".join(f"{name} {value:.4f}" for name, value in subject["from_reference"].items())
    return (
        f"error {found[solver, grid, steps]:.4f} with {steps} steps of {solver} on the {grid} grid, {found[PAPER]:.4f} "
        f"with {PAPER[2]} of {PAPER[0]} on the {PAPER[1]} one. The reference has a root mean square of "
        f"{subject['reference']['root_mean_square']:.3f}; its distances from other ends: {others}."
    )
