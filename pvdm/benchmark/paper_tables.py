"""What `pvdm benchmark ucf101` and `skytimelapse` do: a plan, a run in one or several processes, a table and a page."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from pvdm.benchmark.benchmark_tasks import detectors_of, run_tasks
from pvdm.benchmark.context import BenchmarkContext, Unavailable
from pvdm.benchmark.figure_specs import FRECHET, check_enough
from pvdm.benchmark.plan import (
    NUM_VIDEOS,
    QUICK_REAL,
    QUICK_SETTINGS,
    QUICK_SHOWN,
    QUICK_VIDEOS,
    SETTINGS,
    SHOWN,
    Plan,
    Setting,
)
from pvdm.benchmark.report import write_report
from pvdm.benchmark.result_store import ResultStore, read_json
from pvdm.benchmark.shown_videos import videos_of_report
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import LoadedModel, config_digest
from pvdm.evaluation.clips.training_overlap import other_data
from pvdm.evaluation.protocol import shown_name
from pvdm.evaluation.result_table import BETTER, shown_floor
from pvdm.evaluation.results import hardware, versions
from pvdm.runtime.processes import Processes, processes, together

AS_GIVEN = ("dataset", "root", "seed", "batch_size", "precision", "quick", "allow_few", "split")
"""Options that the plan takes as they are."""

logger = logging.getLogger(__name__)


def run_benchmark(options: argparse.Namespace, *, device: torch.device, weights: Mapping[str, Path]) -> None:
    """Runs or resumes the benchmark and writes its report; all processes must call it."""
    plan = plan_of(options)
    if options.against:
        videos_of_report(options.against)  # refused before anything is computed
    with processes() as group:
        context = together(group, lambda: prepared(options, plan, device, weights, group))
        results = run_tasks(context, about=about(context), against=options.against)
        if group.is_main:
            logger.info("%s", table(results))
            if results["other_data"]:
                logger.warning(results["other_data"])
            logger.info("open %s", write_report(options.output))


def prepared(
    options: argparse.Namespace, plan: Plan, device: torch.device, weights: Mapping[str, Path], group: Processes
) -> BenchmarkContext:
    """The benchmark, after everything that can be refused, with a folder of its own."""
    model = LoadedModel.load(options.model, device=device, precision=options.precision)
    context = BenchmarkContext(plan, model, ResultStore(options.output, {}), group, dict(weights))
    check(context)
    if options.against:
        check_differs(context, options.against)
    context.store = ResultStore(options.output, key_of(context))
    if group.is_main:
        context.store.claim(overwrite=options.overwrite)
    return context


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the options describe."""
    texts = options.settings or (QUICK_SETTINGS if options.quick else SETTINGS)
    return Plan(
        settings=tuple(Setting.parse(text, eta=options.eta) for text in texts),
        num_videos=options.num_videos or (QUICK_VIDEOS if options.quick else NUM_VIDEOS),
        shown=QUICK_SHOWN if options.quick else SHOWN,
        **{name: getattr(options, name) for name in AS_GIVEN},
    )


def check(context: BenchmarkContext) -> None:
    """InputError for what makes the benchmark impossible, before anything is written."""
    context.videos("train")
    context.records(*context.weights)
    if context.generator.denoiser is None:
        return
    for setting in context.plan.settings:
        context.samples(setting)
    try:
        real = context.real(context.protocol(FRECHET[0].wanted))
        check_enough(context, FRECHET[0].wanted, real=real, fake=context.plan.num_videos)
    except Unavailable as error:
        raise InputError(str(error)) from error


def check_differs(context: BenchmarkContext, other: Path) -> None:
    """InputError for a report with the videos that this benchmark samples."""
    found, model, plan = read_json(other / "results.json"), context.model.describe(), context.plan.describe()
    pairs = (("model", model, ("sha256", "config_sha256")), ("settings", plan, ("settings", "seed", "precision")))
    theirs = {part: found[part] if isinstance(found.get(part), dict) else {} for part, *_ in pairs}
    if all(theirs[part].get(name) == mine[name] for part, mine, names in pairs for name in names):
        raise InputError(f"{other} is of this model and these settings", "give as --against a report of another model")


def key_of(context: BenchmarkContext) -> dict[str, Any]:
    """What the figures depend on, by the names that a refusal uses; the weights are part of each task's key."""
    plan = context.plan.describe()
    data = {name: plan.pop(name) for name in ("dataset", "split")}
    plan.pop("root")
    files = context.videos("both").digest
    return {
        "model": [context.model.sha256, config_digest(context.generator)],
        "data": {**data, "files": files},
        "settings": plan,
        "versions": versions(),
    }


def about(context: BenchmarkContext) -> dict[str, Any]:
    """Everything in the results besides figures."""
    generator = context.generator
    elsewhere = other_data(generator, context.videos("both"))
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in generator.named_children()}
    return {
        "dataset": context.plan.dataset,
        "quick": context.plan.quick,
        "remark": remark(context.plan, elsewhere),
        "other_data": elsewhere,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "hardware": {**hardware(generator.device), "processes": context.processes.size},
        "command": shlex.join(["pvdm", *sys.argv[1:]]),
        "model": {**context.model.describe(), "parameters": sum(parameters.values()), "fps": generator.fps}
        | {"networks": parameters},
        "settings": {**context.plan.describe(), "labels": "all classes in turn" if generator.class_count else "none"},
        "data": context.videos("train").digest,
        "weights": context.records(*detectors_of(context), "lpips"),
    }


def remark(plan: Plan, elsewhere: str | None = None) -> str | None:
    """What a reader must know first; `elsewhere`: that the model was trained on other data."""
    lines = [f"{elsewhere[0].upper()}{elsewhere[1:]}."] if elsewhere else []
    if plan.quick:
        lines.append(
            f"A quick look: {plan.num_videos} sampled videos for each setting and at most {QUICK_REAL} real clips, a "
            "subset of the data. The figures show that everything works; they must not be compared with any other."
        )
    elif plan.allow_few:
        lines.append(
            "Figures marked as few were measured on a subset, with fewer clips than their protocol asks for, and must "
            "not be compared with published ones."
        )
    return " ".join(lines) or None


def table(results: Mapping[str, Any]) -> str:
    """A line for each figure, and below the reasons why some have no value."""
    rows = [("figure", "setting", "part", "value", "floor", "real clips have", "protocol", "")]
    rows += [_row(figure) for figure in results["figures"]]
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[7]]).rstrip() for row in rows]
    lacking: dict[str, dict[str, None]] = {}
    for figure in results["figures"]:
        if figure["missing"]:
            lacking.setdefault(figure["missing"], {})[figure["name"]] = None
    notes = dict.fromkeys(f"{figure['name']}: {figure['note']}" for figure in results["figures"] if figure.get("note"))
    return "\n".join([*lines, *(f"no {', '.join(names)}: {reason}" for reason, names in lacking.items()), *notes])


def _row(figure: Mapping[str, Any]) -> Sequence[str]:
    setting = f"{figure['sampler']} {figure['setting']}" if figure["setting"] else ""
    name = f"{figure['name']} {BETTER[figure['better']]}"
    protocol = shown_name(figure["protocol"], figure["based_on"], figure.get("changed", {}))
    value = "-" if figure["value"] is None else f"{figure['value']:.5g}"
    real = "" if figure.get("real") is None else f"{figure['real']:.5g}"
    few = "few clips" if figure["few"] else ""
    return name, setting, figure["part"] or "", value, shown_floor(figure), real, protocol, few
