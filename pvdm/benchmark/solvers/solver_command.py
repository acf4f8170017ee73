"""`pvdm benchmark solvers`: a study on data in closed form and on a model, as JSON, tables and a picture."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from functools import partial
from typing import Any

import torch
from tqdm import tqdm

from pvdm.benchmark.solvers.solver_report import into_document, picture, tables
from pvdm.benchmark.solvers.solver_study import STEPS, Mixture, evaluations, study
from pvdm.diffusion import GRIDS, DiffusionConfig, NoiseSchedule, VideoNoise, make_denoise
from pvdm.evaluation.clips.model_clips import LoadedModel
from pvdm.evaluation.results import hardware, versions, write_document
from pvdm.files.atomic_write import check_output_file, replacing
from pvdm.generation import VideoGenerator

MIXTURE_VALUES = 4096
WHOLE: dict[str, Any] = {"grids": GRIDS, "steps": STEPS}
PART: dict[str, Any] = {"grids": ("uniform", "cubic"), "steps": (10, 20, 100)}
"""What is studied, and the part that is enough to see whether clamping changes the ranking."""
FORMAT = "pvdm-solvers"
logger = logging.getLogger(__name__)


def run_solvers(options: argparse.Namespace, *, device: torch.device) -> None:
    """Studies the solvers and writes the output files; InputError for a model of stage 1."""
    check_output_file(options.output, overwrite=options.overwrite)
    if options.document is not None:
        into_document(options.document, {"subjects": {}})  # refused before anything is computed
    model = LoadedModel.load(options.model, device=device)
    model.generator.check_can_continue(None)
    content = document(model, videos=options.num_videos, seed=options.seed)
    write_document(options.output, content, overwrite=options.overwrite)
    if options.document is not None:
        text = into_document(options.document, content)
        options.document.write_text(text, encoding="utf-8")
    if options.picture is not None:
        with replacing(options.picture, overwrite=True) as path:
            picture(content, path)
    logger.info("%s", tables(content))
    logger.info("written to %s", options.output)


def document(model: LoadedModel, *, videos: int, seed: int) -> dict[str, Any]:
    """Everything that the file holds."""
    mixture, generator = Mixture(), model.generator
    return {
        "format": FORMAT,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["pvdm", *sys.argv[1:]]),
        "versions": versions(),
        "hardware": hardware(generator.device),
        "model": {**model.describe(), "diffusion": asdict(generator.diffusion)},
        "mixture": {**asdict(mixture), "diffusion": asdict(DiffusionConfig())},
        "settings": {"seed": seed, "videos": videos, "values of the mixture": MIXTURE_VALUES},
        "subjects": {
            "mixture": of_mixture(mixture, seed=seed, **WHOLE),
            "model": of_model(generator, videos=videos, seed=seed, **WHOLE),
            "model, not clamped": of_model(generator, videos=videos, seed=seed, clamp=False, **PART),
        },
    }


def of_mixture(mixture: Mixture, *, seed: int, values: int = MIXTURE_VALUES, **given: Any) -> dict[str, Any]:
    """The study on data in closed form, in float64 and with the released schedule; `given` goes to `study`."""
    schedule = NoiseSchedule(DiffusionConfig())
    x = VideoNoise([(seed, 0, 0)]).normal((1, values)).double()
    exact = mixture.transported(x, schedule)
    return study(partial(mixture.predict, schedule=schedule), x, schedule, exact=exact, **given)


def of_model(generator: VideoGenerator, *, videos: int, seed: int, clamp: bool = True, **given: Any) -> dict[str, Any]:
    """The study on first clips of a model, from the noise of `pvdm sample`."""
    noise = VideoNoise([(seed, index, 0) for index in range(videos)])
    shape = (generator.denoiser.config.latent_channels, generator.denoiser.shape.positions)
    prediction = generator.diffusion.prediction
    denoise = make_denoise(generator.denoiser, generator.schedule, parameterization=prediction, clamp=clamp)
    x = noise.normal(shape, device=generator.device)
    with tqdm(total=evaluations(generator.diffusion.timesteps, **given), unit="step") as bar:
        return study(denoise, x, generator.schedule, progress=bar.update, **given)
