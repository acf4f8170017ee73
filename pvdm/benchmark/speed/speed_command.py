"""What `pvdm benchmark speed` does with its options: measures the tasks, prints a table and writes JSON."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

import torch

from pvdm.benchmark.speed.inference_speed import chained, decode, denoise, encode, parallel, read, sample_clip, stream
from pvdm.benchmark.speed.largest_batch import largest_batches
from pvdm.benchmark.speed.measured_model import MeasuredModel, random_model, sizes
from pvdm.benchmark.speed.measuring import Measured, ceiling
from pvdm.benchmark.speed.speed_options import FEW_AND_USUAL, SIZE_OPTIONS, SIZES, TASK_NAMES, Repeats, SpeedOptions
from pvdm.benchmark.speed.speed_report import FORMAT, comparison, entry, read_speed, table
from pvdm.benchmark.speed.training_speed import stage1_step, stage2_step_latents, stage2_step_pixels
from pvdm.data import find_videos
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError, no_memory
from pvdm.evaluation.results import hardware, versions, write_document
from pvdm.files.atomic_write import check_output_file
from pvdm.generation import VideoGenerator
from pvdm.runtime.precision import warn_of_slow_bfloat16
from pvdm.runtime.processor import cpu_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeedTask:
    """Something that can be measured.

    Args:
        measure: Measures it.
        unit: Of its items.
        stage: 1 if it needs only the autoencoder, 2 if it needs the denoiser, too.
        trains: Whether it builds a model of its own.
        hints: Whether the denoiser must take given frames.
    """

    measure: Callable[[MeasuredModel, SpeedOptions], Measured]
    unit: str = "clip"
    stage: int = 1
    trains: bool = False
    hints: bool = False


TASKS = {
    "read": SpeedTask(read),
    "encode": SpeedTask(encode),
    "decode": SpeedTask(decode),
    "denoise": SpeedTask(denoise, stage=2),
    "sample_clip": SpeedTask(sample_clip, stage=2),
    "stream": SpeedTask(stream, "frame", stage=2),
    **{f"chained_{n}": SpeedTask(partial(chained, steps=n), "frame", stage=2) for n in FEW_AND_USUAL},
    **{f"parallel_{n}": SpeedTask(partial(parallel, steps=n), "frame", stage=2, hints=True) for n in FEW_AND_USUAL},
    "stage1_step": SpeedTask(stage1_step, trains=True),
    "stage2_step_pixels": SpeedTask(stage2_step_pixels, stage=2, trains=True),
    "stage2_step_latents": SpeedTask(stage2_step_latents, stage=2, trains=True),
}
"""By the names of `TASK_NAMES`."""


def run_speed(arguments: argparse.Namespace, *, device: torch.device) -> None:
    """Measures the tasks; InputError if the options cannot be met, or nothing could be measured."""
    names = chosen(arguments.tasks)
    old = read_speed(arguments.compare) if arguments.compare else None
    if arguments.data is not None:
        find_videos(arguments.data)  # refused before anything is measured
    check_output_file(arguments.output, overwrite=arguments.overwrite, inputs=[arguments.compare])
    options = options_of(arguments, device)
    if options.precision == "bf16":
        warn_of_slow_bfloat16(device)
    model = model_of(arguments, options)
    if arguments.steps > (timesteps := model.diffusion.timesteps):
        raise InputError(
            f"{arguments.steps} steps are more than the {timesteps} timesteps of this model",
            f"give at most {timesteps}",
        )
    options = replace(options, sampler=options.sampler.completed(timesteps))
    for content in documents(names, model, options, batches=arguments.largest_batches):
        write_document(arguments.output, content, overwrite=True)
    logger.info("%s", table(content))
    if old is not None:
        logger.info("%s", comparison(old, content))
    logger.info("written to %s", arguments.output)


def documents(
    names: Collection[str], model: MeasuredModel, options: SpeedOptions, *, batches: bool
) -> Iterator[dict[str, Any]]:
    """The file's content after each task, so that an interrupted run leaves what it has; the last one is complete."""
    before, largest = ceiling(options.device, options.dtype), []
    found: dict[str, Measured | str] = {}
    for name in (name for name in TASK_NAMES if name in names):
        logger.info("%s ...", name)
        found[name] = _measured(TASKS[name], model, options)
        if not isinstance(found[name], str):
            yield document(found, model, options, before, largest)
    model.release()
    for batch in largest_batches(model.in_float32()) if batches else ():
        largest.append(batch)
        yield document(found, model, options, before, largest)
    if not batches and all(isinstance(reason, str) for reason in found.values()):
        raise InputError(next(iter(found.values())))
    yield document(found, model, options, max(before, ceiling(options.device, options.dtype)), largest)


def _measured(task: SpeedTask, model: MeasuredModel, options: SpeedOptions) -> Measured | str:
    """What was found, or why nothing was, such as too little memory; the other tasks still run."""
    if task.stage == 2 and model.denoiser is None:
        return "this model is a stage-1 autoencoder without a denoiser; train stage 2 with it first"
    if task.hints and not model.denoiser.hints:
        return "this model was not trained with given frames"
    if task.trains:
        model.release()
    try:
        return task.measure(model, options)
    except (RuntimeError, MemoryError) as error:
        if (sentence := no_memory(error)) is None:
            raise
        return sentence


def chosen(text: str | None) -> list[str]:
    """The names of tasks in a comma-separated text, all if it is None; InputError for an unknown name."""
    names = list(TASK_NAMES) if text is None else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in TASK_NAMES:
            raise InputError(f"--tasks names {name!r}", f"give names of {', '.join(TASK_NAMES)}, separated by commas")
    return names


def options_of(arguments: argparse.Namespace, device: torch.device) -> SpeedOptions:
    """How everything runs; the sampler is to be completed for the model."""
    warm_up = arguments.warm_up
    if warm_up is None:
        warm_up = int(arguments.compile or device.type == "cuda")
    again = arguments.activation_checkpointing
    names = ("precision", "batch_size", "compile", "cuda_graphs", "data")
    return SpeedOptions(
        device,
        activation_checkpointing=None if again is None else tuple(again),
        sampler=SamplerConfig(arguments.sampler, arguments.steps),
        frames=arguments.stream_frames,
        repeats=Repeats(arguments.repeats, arguments.limit, warm_up),
        **{name: getattr(arguments, name) for name in names},
    )


def model_of(arguments: argparse.Namespace, options: SpeedOptions) -> MeasuredModel:
    """The given model, or networks of the given size; InputError if both are given."""
    changed = {name: getattr(arguments, name) for name in SIZE_OPTIONS}
    if arguments.model is None:
        name = arguments.size or SIZES[0]
        return MeasuredModel(name, partial(random_model, *sizes(name, **changed)), options)
    given = ["size"] * (arguments.size is not None) + [name for name in SIZE_OPTIONS if changed[name] is not None]
    if given:
        raise InputError(
            f"--{given[0].replace('_', '-')} is given together with a --model, which has its own sizes",
            "leave one of them out",
        )
    return MeasuredModel(arguments.model, lambda: VideoGenerator.load(arguments.model), options)


def document(
    found: Mapping[str, Measured | str],
    model: MeasuredModel,
    options: SpeedOptions,
    best: float,
    largest: list[dict[str, Any]],
) -> dict[str, Any]:
    """Everything that the file holds."""
    batch = options.batch_size
    return {
        "format": FORMAT,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["pvdm", *sys.argv[1:]]),
        "versions": versions(("pvdm", "torch", "pytorch-lightning", "av")),
        "machine": machine(options.device),
        "subject": model.describe(),
        "settings": options.describe(),
        "ceiling": {"dtype": str(options.dtype).removeprefix("torch."), "flops_per_second": best},
        "tasks": [entry(name, value, best, unit=TASKS[name].unit, batch=batch) for name, value in found.items()],
        "largest_batches": largest,
    }


def machine(device: torch.device) -> dict[str, Any]:
    """JSON-able: the device, the processor by name, the instructions that PyTorch uses, and its threads."""
    return {
        **hardware(device),
        "processor": cpu_name(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
