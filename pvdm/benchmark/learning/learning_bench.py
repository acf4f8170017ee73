"""What `pvdm benchmark learning` does with its options: trains the recipes, measures, compares and writes."""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pvdm.benchmark.bench_folder import claim_folder, store_json
from pvdm.benchmark.learning.cosine_transform import cosine_transform_psnr
from pvdm.benchmark.learning.learning_figures import TEST_CLIPS, Judge, RealClips, linear_code_psnr, reconstruction
from pvdm.benchmark.learning.learning_report import SHOWN, comparison, strip, table
from pvdm.data.collection import ClipCollection
from pvdm.data.data_options import parse_options
from pvdm.data.mixing.mixed_collection import collection_of
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.features.detectors import load_detector
from pvdm.evaluation.results import hardware, versions
from pvdm.generation import VideoGenerator
from pvdm.training.cli.budgeted_training import BudgetedRun
from pvdm.training.cli.command import parsed
from pvdm.training.cli.recipe import Recipe, as_option, read_recipe

FORMAT = "pvdm-learning"
MARK, WORK, RUNS = "bench.json", "real.npz", "runs"
RESULTS, TABLE, PICTURE = "results.json", "table.md", "samples.png"
DETECTOR = "efficientnet-lite0"

logger = logging.getLogger(__name__)


def run_learning(options: argparse.Namespace, *, device: torch.device) -> None:
    """Everything, resuming what lies in the output folder; InputError before any training for what can be checked."""
    recipes = [read_recipe(path) for path in options.recipe]
    runs = _runs(options, recipes, device)
    configs = [[parsed(run.arguments(stage)) for stage in run.recipe.stages] for run in runs[:: len(options.seeds)]]
    detector = load_detector(DETECTOR, options.detector, device=device)
    _claim(options, recipes)
    file = options.output / WORK
    if not file.is_file():
        logger.info("reading %d real clips", options.real_clips)
        RealClips.of(_single_clips(configs[0][0].data), detector, options.real_clips).save(file)
    task = partial(_trained_and_measured, file=file, settings=_settings(options), device=str(device))
    jobs = min(options.jobs, len(runs)) if device.type == "cpu" else 1
    if jobs == 1:
        found = list(map(task, runs))
    else:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            found = list(pool.map(task, runs))
    _write(options, found, RealClips.load(file), detector.describe(), device)


def _single_clips(data: Any) -> ClipCollection:
    """The data of a parsed stage: single clips, not augmented."""
    plain = {"clips": 1, "random_crop": False, "horizontal_flip": False, "validation_clips": TEST_CLIPS}
    values = {name: value for name, value in data.as_dict().items() if name != "color_jitter"}
    return collection_of(parse_options({**values, **plain}))


def _runs(options: argparse.Namespace, recipes: Sequence[Recipe], device: torch.device) -> list[BudgetedRun]:
    """One for each recipe and seed; InputError for names or budgets that do not fit."""
    names = [recipe.name for recipe in recipes]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"two recipes are called {twice}", "rename a file")
    for recipe in recipes:
        if len(recipe.stages) != len(options.budget):
            raise InputError(
                f"{recipe.name} has {len(recipe.stages)} stages, and --budget has {len(options.budget)}",
                "give one for each stage",
            )
    earlier = _earlier(options.replay)
    root = [] if options.root is None else ["--data.path", str(options.root)]
    layout = [] if options.layout is None else ["--data.layout", options.layout]
    data = [*root, *layout, *(argument for pair in options.set or [] for argument in as_option(pair))]
    return [
        BudgetedRun(
            recipe=recipe,
            seed=seed,
            budgets=options.budget,
            folder=options.output / RUNS / f"{recipe.name}-{seed}",
            data=data,
            device=device.type,
            earlier=earlier.get((recipe.name, seed), {}),
        )
        for recipe in recipes
        for seed in options.seeds
    ]


def _earlier(file: Path | None) -> dict[tuple[str, int], dict[str, dict[str, Any]]]:
    """The records of an earlier bench's stages by their names, by recipe and seed."""
    if file is None:
        return {}
    try:
        runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
        return {(run["recipe"], run["seed"]): {stage["name"]: _fixed(stage) for stage in run["stages"]} for run in runs}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not the result of a bench", f"give a {RESULTS} as --replay") from error


def _fixed(stage: Mapping[str, Any]) -> dict[str, Any]:
    """What is repeated of a stage; its record says no precision if it is of an earlier version."""
    return {"updates": stage["updates"], "precision": stage.get("precision")}


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """How samples are measured."""
    extended = options.samples // 3 if options.extended is None else options.extended
    return {
        "samples": options.samples,
        "extended": max(2, extended),
        "steps": options.steps,
        "detector": None if options.detector is None else str(options.detector),
    }


def _claim(options: argparse.Namespace, recipes: Sequence[Recipe]) -> None:
    """Makes the output folder this bench's; InputError if it is another's, unless it may be overwritten."""
    names = ("root", "layout", "set", "budget", "seeds", "real_clips", "detector")
    key = {name: getattr(options, name) for name in names}
    key["recipes"] = {recipe.name: [asdict(stage) for stage in recipe.stages] for recipe in recipes}
    claim_folder(options.output, MARK, key, overwrite=options.overwrite, parts=(RUNS, WORK, RESULTS, TABLE, PICTURE))


def _trained_and_measured(run: BudgetedRun, *, file: Path, settings: Mapping[str, Any], device: str) -> dict[str, Any]:
    """The record of a run, and the file of its first samples."""
    stages = run.train()
    done = run.folder / "figures.json"
    known = json.loads(done.read_text(encoding="utf-8")) if done.is_file() else {}
    if known.get("settings") != settings:
        if device == "cpu":
            torch.set_num_threads(1)
        logger.info("%s: measuring", run.name)
        known = {"settings": dict(settings), **_measured(run, RealClips.load(file), settings, device)}
        store_json(done, known)
    return {"recipe": run.recipe.name, "seed": run.seed, "stages": stages, **known}


def _measured(run: BudgetedRun, real: RealClips, settings: Mapping[str, Any], device: str) -> dict[str, Any]:
    """The figures of the autoencoder and, if there is one, of the whole model, whose samples are stored."""
    generator = VideoGenerator.load(run.checkpoints[-1]).to(device)
    config = generator.autoencoder.config
    values = config.latent_channels * config.latent_shape.positions
    found = {
        "parameters": {
            name: sum(weights.numel() for weights in part.parameters())
            for name, part in (("autoencoder", generator.autoencoder), ("denoiser", generator.denoiser))
            if part is not None
        },
        "latent_values": values,
        "energy": list(generator.energy),
        "cosine_transform": cosine_transform_psnr(real.coefficients, real.test, values),
        "linear_code": linear_code_psnr(generator, real),
        "reconstruction": reconstruction(generator, real.test),
    }
    if generator.denoiser is not None:
        detector = load_detector(DETECTOR, settings["detector"], device=device)
        sampler = SamplerConfig(steps=settings["steps"])
        judge = Judge(real, detector, settings["samples"], settings["extended"], sampler)
        figures, shown = judge.figures(generator)
        found |= figures
        np.save(run.folder / "samples.npy", shown.numpy())
    return found


def _write(
    options: argparse.Namespace,
    runs: Sequence[Mapping[str, Any]],
    real: RealClips,
    detector: Mapping[str, Any],
    device: torch.device,
) -> None:
    """The JSON, the table and the picture."""
    space = real.space
    beside = {"floors": space.floors(), "frozen_real": space.frozen(), "noise": space.noise()}
    compared = comparison(runs)
    content = {
        "format": FORMAT,
        "versions": versions(),
        "hardware": hardware(device),
        "detector": detector,
        "settings": json.loads((options.output / MARK).read_text(encoding="utf-8")),
        "real": {"training_clips": len(real.groups), "test_clips": len(real.test), **beside},
        "comparison": compared,
        "runs": [_without_draws(run) for run in runs],
    }
    store_json(options.output / RESULTS, content)
    text = table(runs, compared, beside)
    (options.output / TABLE).write_text(text, encoding="utf-8")
    shown = [(f"{run['recipe']}, seed {run['seed']}", options.output / RUNS, run) for run in runs]
    rows = [("test clips", real.test[:: max(1, len(real.test) // SHOWN)])] + [
        (title, torch.from_numpy(np.load(folder / f"{run['recipe']}-{run['seed']}" / "samples.npy")))
        for title, folder, run in shown
        if "samples" in run
    ]
    strip(rows).save(options.output / PICTURE)
    logger.info("%s\n%s", options.output / RESULTS, text)


def _without_draws(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run's record without the bootstrap's draws, of which the comparison tells all."""
    parts: Iterable[str] = ("samples", "extension")
    short = {name: {key: value for key, value in run[name].items() if key != "draws"} for name in parts if name in run}
    return {**run, **short}
