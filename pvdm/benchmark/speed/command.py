"""What `pvdm benchmark speed` does with its options: measures, prints a table and writes JSON."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any

import torch

from pvdm.benchmark.speed.clips import videos_of
from pvdm.benchmark.speed.compare import comparison, read_document
from pvdm.benchmark.speed.estimate import estimated_seconds
from pvdm.benchmark.speed.machine import Ceiling, ceiling, machine
from pvdm.benchmark.speed.measuring import Measured
from pvdm.benchmark.speed.memory import memory as counted_memory
from pvdm.benchmark.speed.report import FORMAT, entry, table
from pvdm.benchmark.speed.settings import SIZE_OPTIONS, SIZES, TASK_NAMES, Repeats, Settings
from pvdm.benchmark.speed.subject import Subject
from pvdm.benchmark.speed.tasks import TASKS, measured_tasks
from pvdm.benchmark.timing import each_largest_batch
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.results import versions, write_document
from pvdm.files.atomic_write import check_output_file
from pvdm.runtime.precision import warn_of_slow_bfloat16

TOLD = 5
"""Seconds below which it is not said in advance how long a task takes."""

logger = logging.getLogger(__name__)


def run_speed(options: argparse.Namespace, *, device: torch.device) -> None:
    """Measures the tasks of these options; InputError if what they ask for cannot be, or nothing could be measured."""
    names = chosen(options.tasks)
    old = read_document(options.compare) if options.compare else None
    if options.data is not None:
        videos_of(options.data)  # refused before anything is measured
    check_output_file(options.output, overwrite=options.overwrite, inputs=[options.compare, options.vgg_weights])
    settings = settings_of(options, device)
    if settings.precision == "bf16":
        warn_of_slow_bfloat16(device)
    subject = subject_of(options, settings)
    settings = with_sampler(settings, options, subject.diffusion.timesteps)
    for content in documents(names, subject, settings, batches=options.largest_batches):
        write_document(options.output, content, overwrite=True)  # what was there before was refused above
    logger.info("%s", table(content))
    if old is not None:
        logger.info("%s", comparison(old, content))
    logger.info("written to %s", options.output)


def documents(names: Sequence[str], subject: Subject, settings: Settings, *, batches: bool) -> Iterator[dict[str, Any]]:
    """What the file is to hold, after each task that has a figure: a run that is ended from outside leaves it behind.

    batches: Whether the largest ones are tried, too. InputError if nothing could be measured.
    """
    before = ceiling(settings.device, settings.dtype)
    logger.info("%s", forecast(estimated_seconds(names, subject, settings, before)))
    found: dict[str, Measured | str] = {}
    more = {"memory": memory(subject, settings) if settings.saved_tensors else None, "largest_batches": []}
    for name, value in measured_tasks(names, subject, settings):
        found[name] = value
        if not isinstance(value, str):
            yield document(found, subject, settings, before, **more)
    for batch in largest(subject) if batches else ():
        more["largest_batches"].append(batch)
        yield document(found, subject, settings, before, **more)
    if not batches and all(isinstance(reason, str) for reason in found.values()):
        raise InputError(next(iter(found.values())))
    yield document(found, subject, settings, before.best(ceiling(settings.device, settings.dtype)), **more)


def chosen(text: str | None) -> list[str]:
    """Tasks by their names, with commas between; all without a text. InputError for another name."""
    names = list(TASK_NAMES) if text is None else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in TASK_NAMES:
            raise InputError(f"--tasks names {name!r}", f"give names of {', '.join(TASK_NAMES)}, with commas between")
    return names


def settings_of(options: argparse.Namespace, device: torch.device) -> Settings:
    """How everything is to be run; the sampler is left to `with_sampler`."""
    warm_up = options.warm_up if options.warm_up is not None else int(options.compile or device.type == "cuda")
    names = ("precision", "batch_size", "compile", "cuda_graphs", "plain", "saved_tensors")
    again = options.activation_checkpointing
    return Settings(
        device,
        activation_checkpointing=None if again is None else tuple(again),
        frames=options.stream_frames,
        repeats=Repeats(options.repeats, options.limit, warm_up),
        **{name: getattr(options, name) for name in (*names, "data", "vgg_weights")},
    )


def with_sampler(settings: Settings, options: argparse.Namespace, timesteps: int) -> Settings:
    """The settings and their sampler for a model of so many times; InputError for more steps."""
    if options.steps > timesteps:
        raise InputError(
            f"{options.steps} steps were asked for",
            f"this model has {timesteps} times, choose at most that",
        )
    return replace(settings, sampler=SamplerConfig(options.sampler, options.steps).completed(timesteps))


def subject_of(options: argparse.Namespace, settings: Settings) -> Subject:
    """The model, or networks of the size that is asked for; InputError if both are."""
    changed = {name: getattr(options, name) for name in SIZE_OPTIONS}
    if options.model is None:
        return Subject.of_size(options.size or SIZES[0], settings, **changed)
    given = ["size"] * (options.size is not None) + [name for name in SIZE_OPTIONS if changed[name] is not None]
    if given:
        raise InputError(
            f"--{given[0].replace('_', '-')} is given with a --model, which has its sizes",
            "leave out one",
        )
    return Subject.of_model(options.model, settings)


def forecast(seconds: Mapping[str, float]) -> str:
    """About how long it will take, in all and for each task that is not a matter of seconds."""
    tasks = [f"{name} {_about(value)}" for name, value in seconds.items() if value >= TOLD]
    return f"this takes about {_about(sum(seconds.values()))}" + (f" ({', '.join(tasks)})" if tasks else "")


def largest(subject: Subject) -> Iterator[dict[str, Any]]:
    """Entries of the largest training batches, as they are found, of weights in float32."""
    subject.release()
    yield from each_largest_batch(subject.plain)


def document(
    found: Mapping[str, Measured | str], subject: Subject, settings: Settings, best: Ceiling, **more: Any
) -> dict[str, Any]:
    """All that the file holds; `more` of it besides the tasks."""
    batch = settings.batch_size
    return {
        "format": FORMAT,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["pvdm", *sys.argv[1:]]),
        "versions": versions(("pvdm", "torch", "pytorch-lightning", "av")),
        "machine": machine(settings.device),
        "subject": subject.describe(),
        "settings": settings.describe(),
        "ceiling": {"dtype": str(settings.dtype).removeprefix("torch."), **asdict(best)},
        "tasks": [entry(name, value, best, unit=TASKS[name].unit, batch=batch) for name, value in found.items()],
        **more,
    }


def memory(subject: Subject, settings: Settings) -> dict[str, Any] | None:
    """What training keeps for the backward pass, counted without computing anything; None without a denoiser."""
    if subject.denoiser is None:
        return None
    return counted_memory(subject.autoencoder, subject.denoiser, bf16=settings.precision == "bf16")


def _about(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
