"""GPU-hours, cost and storage of a training at the released size, from counted operations and assumptions."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields

ENCODE, DECODE, DENOISE = 1444e9, 1158e9, 243e9
"""Operations for one clip of 16 frames of 256x256, forward, counted; a backward pass costs two forward ones."""

LOSSES = 1110e9
"""Operations of LPIPS and of both discriminators in a step of stage 1, forward and backward, for a clip; counted."""

CONTEXTS_KEPT = 0.3
PARAMETERS = 528.27e6
LATENT_BYTES = 8192 * 2
"""2048 positions of 4 channels in half precision."""


@dataclass(frozen=True)
class Machine:
    """What is assumed of GPUs; `pvdm benchmark speed` measures the first three on yours.

    Args:
        teraflops: Of one GPU: the rate of a large matrix product in bfloat16.
        stage1: Share of that rate which stage 1 reaches; as the next a goal, not measured.
        stage2: The same of stage 2, of encoding and of sampling.
        bandwidth: GB/s at which gradients are summed over all GPUs, as NCCL's all-reduce is commonly stated.
        price: Of a GPU-hour.
    """

    teraflops: float = 790
    stage1: float = 0.25
    stage2: float = 0.30
    bandwidth: float = 300
    price: float = 3.0


@dataclass(frozen=True)
class Training:
    """A data set, and for how many updates it is trained on; clips are those of one update, of all GPUs."""

    name: str
    videos: float
    frames: int
    stage1_updates: int
    stage1_clips: int
    stage2_updates: int
    stage2_clips: int
    stride: int = 1

    @property
    def latents(self) -> float:
        """Clips that begin at every `stride`-th frame of all videos."""
        return self.videos * ((self.frames - 16) // self.stride + 1)


UCF101 = Training("UCF101", 9537, 180, 250_000, 24, 850_000, 64)
MILLION = Training("a million", 1e6, 128, 500_000, 24, 850_000, 256, stride=8)
SIZES = (1, 8, 16, 32)


def works(training: Training) -> dict[str, tuple[float, float, bool]]:
    """Clips, operations for each of them, and whether they are stage 1's, of each part of a training."""
    stage2 = training.stage2_updates * training.stage2_clips
    return {
        "stage 1": (training.stage1_updates * training.stage1_clips, 3 * (ENCODE + DECODE) + LOSSES, True),
        "encoding all starts once": (training.latents, ENCODE, False),
        "stage 2, cached latents": (stage2, 3 * DENOISE, False),
        "stage 2, from pixels": (stage2, (1 + CONTEXTS_KEPT) * ENCODE + 3 * DENOISE, False),
    }


def gpu_hours(clips: float, operations: float, machine: Machine, *, stage1: bool) -> float:
    """Of GPUs that wait for nothing."""
    return clips * operations / (machine.teraflops * 1e12 * (machine.stage1 if stage1 else machine.stage2)) / 3600


def stage2_hours(training: Training, machine: Machine, gpus: int) -> float:
    """By the clock, from cached latents: an update takes as long as computing or summing gradients, which overlap.

    Gradients are float32; an all-reduce of n GPUs moves 2 (n - 1) / n of them.
    """
    clips, operations, _ = works(training)["stage 2, cached latents"]
    computing = gpu_hours(clips, operations, machine, stage1=False) / gpus
    summing = 2 * (gpus - 1) / gpus * 4 * PARAMETERS / (machine.bandwidth * 1e9) * training.stage2_updates / 3600
    return max(computing, summing)


def costs(trainings: Sequence[Training], machine: Machine) -> str:
    """The table of work, time and cost: Markdown."""
    rows = []
    for training in trainings:
        for name, (clips, operations, stage1) in works(training).items():
            hours = gpu_hours(clips, operations, machine, stage1=stage1)
            work = [f"{clips / 1e6:.1f} M", f"{operations / 1e12:.2f}", f"{clips * operations / 1e18:.1f}"]
            rows.append(
                [training.name, name, *work, f"{hours:.1f}", f"{hours / 8:.1f}", f"{hours * machine.price:.0f}"]
            )
    heads = ["data", "part", "clips", "TFLOP per clip", "EFLOP", "GPU-hours", "hours on 8 GPUs", "cost"]
    return _table(heads, rows)


def clock(trainings: Sequence[Training], machine: Machine) -> str:
    """The table of stage 2 by the clock on several GPUs: Markdown."""
    heads = ["data", "clips per update", *(f"{gpus} GPU{'s' * (gpus > 1)}" for gpus in SIZES)]
    rows = [
        [
            training.name,
            str(training.stage2_clips),
            *(f"{stage2_hours(training, machine, gpus):.1f} h" for gpus in SIZES),
        ]
        for training in trainings
    ]
    return _table(heads, rows)


def storage(trainings: Sequence[Training]) -> str:
    """The table of cached latents: Markdown."""
    rows = [
        [training.name, str(stride), f"{latents / 1e6:.2f} M", f"{latents * LATENT_BYTES / 1e9:.0f} GB"]
        for training in trainings
        for stride in (1, 4, 8, 16)
        for latents in [training.videos * ((training.frames - 16) // stride + 1)]
    ]
    return _table(["data", "stride of the starts", "latents", "in half precision"], rows)


def tables(machine: Machine, trainings: Sequence[Training] = (UCF101, MILLION)) -> str:
    """What docs/scaling.md holds: work and cost, stage 2 by the clock, storage; Markdown."""
    return "\n\n".join((costs(trainings, machine), clock(trainings, machine), storage(trainings)))


def parse(arguments: Sequence[str] | None = None) -> Machine:
    """The GPUs that options describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    for field in fields(Machine):
        parser.add_argument(f"--{field.name}", type=float, default=field.default)
    return Machine(**vars(parser.parse_args(arguments)))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
