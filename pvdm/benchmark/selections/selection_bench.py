"""Trains one recipe on each of several selections for the same number of updates, and pairs the same seeds of both."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.benchmark.bench_folder import claim_folder
from pvdm.benchmark.learning.learning_figures import labels_in_turn
from pvdm.data.catalogue.clip_table import read_clips
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.preferences.study_folder import PARTS, StudyVideo, write_study
from pvdm.evaluation.preferences.study_store import STORE
from pvdm.files.atomic_write import replacing
from pvdm.generation import VideoGenerator
from pvdm.training.cli.budgeted_training import BudgetedRun
from pvdm.training.cli.command import parsed
from pvdm.training.cli.recipe import Recipe, as_option, read_recipe

MARK, RUNS, SAMPLES = "compare.json", "runs", "samples.npy"
QUESTIONS = {"real": "Which of the two looks more like a real video?"}
BATCH = 8

logger = logging.getLogger(__name__)


def run_comparison(options: argparse.Namespace, *, device: torch.device) -> None:
    """Everything, resuming what lies in the output folder; InputError before any training for what can be checked."""
    recipe = read_recipe(options.recipe)
    if len(recipe.stages) != len(options.budget):
        problem = f"{recipe.name} has {len(recipe.stages)} stages, and --budget has {len(options.budget)}"
        raise InputError(problem, "give one for each stage")
    selections = _named(options.selections)
    runs = {name: _run(options, recipe, path, name, device) for name, path in selections.items()}
    for run in runs.values():
        for stage in recipe.stages:
            parsed(run.arguments(stage))
    _claim(options, recipe, selections)
    if (options.output / STORE).is_file():
        logger.info("%s is complete; vote by pvdm curate vote %s", options.output, options.output)
        return
    samples = {name: _samples(options, run, device) for name, run in _trained(runs)}
    fps = VideoGenerator.load(next(iter(runs.values())).checkpoints[-1]).fps
    shown = ([StudyVideo.of(clip, fps) for clip in clips] for clips in zip(*samples.values(), strict=True))
    pairs = write_study(options.output, list(samples), shown, questions=QUESTIONS, seed=options.seed)
    logger.info("%d pairs; vote by pvdm curate vote %s", len(pairs), options.output)


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """The selections by the names of their files, or by their paths if names repeat; InputError for less than two."""
    if len(set(paths)) < 2:
        raise InputError("there is only one selection", "give two or more to compare")
    names = [path.stem for path in paths]
    keys = names if len(set(names)) == len(names) else [path.as_posix() for path in paths]
    for path in paths:
        if not len(read_clips(path)):
            raise InputError(f"{path} has no clips", "loosen its expression (pvdm select)")
    return dict(zip(keys, paths, strict=True))


def _run(options: argparse.Namespace, recipe: Recipe, path: Path, name: str, device: torch.device) -> BudgetedRun:
    set_values = [argument for pair in options.set or [] for argument in as_option(pair)]
    return BudgetedRun(
        recipe=recipe,
        seed=options.seed,
        budgets=options.budget,
        folder=options.output / RUNS / name.replace("/", "-"),
        data=["--data.layout", "catalogue", "--data.path", str(path), *set_values],
        device=device.type,
    )


def _claim(options: argparse.Namespace, recipe: Recipe, selections: Mapping[str, Path]) -> None:
    """Makes the output folder this comparison's, which depends on what the selections hold."""
    key = {name: getattr(options, name) for name in ("budget", "seed", "pairs", "steps", "set")}
    key["selections"] = {name: sha256(path.read_bytes()).hexdigest() for name, path in selections.items()}
    key["recipe"] = [asdict(stage) for stage in recipe.stages]
    claim_folder(options.output, MARK, key, overwrite=options.overwrite, parts=(*PARTS, RUNS), what="comparison")


def _trained(runs: Mapping[str, BudgetedRun]) -> Iterator[tuple[str, BudgetedRun]]:
    """The runs, trained: the budget of the first tells the updates of all, so that they differ in nothing but data."""
    earlier: dict[str, dict[str, Any]] = {}
    for name, run in runs.items():
        logger.info("training on %s", name)
        run.earlier.update(earlier)
        earlier = {record["name"]: record for record in run.train()}
        yield name, run


@torch.no_grad()
def _samples(options: argparse.Namespace, run: BudgetedRun, device: torch.device) -> Tensor:
    """Clips (n, 3, t, h, w) uint8 of a trained model, one for each pair, drawn once."""
    file = run.folder / SAMPLES
    if not file.is_file():
        generator = VideoGenerator.load(run.checkpoints[-1]).to(device)
        if generator.denoiser is None:
            raise InputError(f"{run.recipe.name} trains no diffusion model", "give a recipe that does, as --recipe")
        videos = [(options.seed, index) for index in range(options.pairs)]
        labels, sampler = labels_in_turn(generator, options.pairs), SamplerConfig(steps=options.steps)
        clips = torch.cat(list(generator.batches(videos, batch_size=BATCH, labels=labels, sampler=sampler)))
        with replacing(file, overwrite=True) as temporary, temporary.open("wb") as opened:
            np.save(opened, clips.numpy())
    return torch.from_numpy(np.load(file))
