"""What can be measured, by name, in the order in which it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from pvdm.benchmark.speed.clips import read
from pvdm.benchmark.speed.measuring import Measured
from pvdm.benchmark.speed.networks import decode, denoise, encode
from pvdm.benchmark.speed.sampling import sample_clip, stream
from pvdm.benchmark.speed.settings import TASK_NAMES, Settings
from pvdm.benchmark.speed.steps import stage1_step, stage2_step_latents, stage2_step_pixels
from pvdm.benchmark.speed.subject import Subject
from pvdm.errors import no_memory

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One task.

    Args:
        measure: What measures it.
        unit: Of its items.
        stage: 1 if it needs the autoencoder alone, 2 if the denoiser, too.
        trains: Whether it makes a model of its own.
    """

    measure: Callable[[Subject, Settings], Measured]
    unit: str = "clip"
    stage: int = 1
    trains: bool = False


TASKS = {
    "read": Task(read),
    "encode": Task(encode),
    "decode": Task(decode),
    "denoise": Task(denoise, stage=2),
    "sample_clip": Task(sample_clip, stage=2),
    "stream": Task(stream, "frame", stage=2),
    "stage1_step": Task(stage1_step, trains=True),
    "stage2_step_pixels": Task(stage2_step_pixels, stage=2, trains=True),
    "stage2_step_latents": Task(stage2_step_latents, stage=2, trains=True),
}
"""By the names of `TASK_NAMES`."""


def measured_tasks(
    names: Collection[str], subject: Subject, settings: Settings
) -> Iterator[tuple[str, Measured | str]]:
    """Each task and what was found; or why nothing was, as for too little memory, and the others go on."""
    for name in TASK_NAMES:
        if name in names:
            logger.info("%s ...", name)
            yield name, _measured(TASKS[name], subject, settings)


def _measured(task: Task, subject: Subject, settings: Settings) -> Measured | str:
    if task.stage == 2 and subject.denoiser is None:
        return "this model is a stage-1 autoencoder without a denoiser; train stage 2 with it first"
    if task.trains:
        subject.release()
    try:
        return task.measure(subject, settings)
    except (RuntimeError, MemoryError) as error:
        if (sentence := no_memory(error)) is None:
            raise
        return sentence
