"""How `pvdm benchmark speed` runs everything; without PyTorch, so that the command line answers at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.diffusion.sampler_config import SamplerConfig

if TYPE_CHECKING:
    import torch

FEW_AND_USUAL = (2, 4, 20)
"""Numbers of steps at which streams are compared, chained and with their clips side by side."""

TASK_NAMES = (
    *("read", "encode", "decode", "denoise", "sample_clip", "stream"),
    *(f"{how}_{steps}" for how in ("chained", "parallel") for steps in FEW_AND_USUAL),
    *("stage1_step", "stage2_step_pixels", "stage2_step_latents"),
)
"""What can be measured, in the order in which it runs."""

KINDS = {1: ("time", "space", "mlp", "projections"), 2: ("residual", "attention", "across")}
"""Kinds of parts that activation checkpointing can recompute, by stage."""

SIZES = ("released", "pvdm-s", "tiny")
SIZE_OPTIONS = {
    "frames": "frames of a clip",
    "height": "pixels",
    "width": "pixels",
    "channels": "width of the autoencoder",
    "unet_channels": "width of the U-Net at full resolution",
}
"""The parts of a size that can be changed, and what they are."""


@dataclass(frozen=True)
class Repeats:
    """How often each task runs.

    Args:
        count: Timed runs, of which the median is taken.
        limit: Seconds after which no further run of a task starts; one is always made.
        warm_up: Runs before the timed ones, in addition to the run whose operations are counted.
    """

    count: int = 5
    limit: float = 120.0
    warm_up: int = 0


@dataclass(frozen=True)
class SpeedOptions:
    """How everything is run.

    Args:
        device: Where.
        precision: "32", or "bf16": autocast, and outside training weights in bfloat16, as in `pvdm sample`.
        batch_size: Clips at once; videos in sampling and streaming.
        compile: Compile the networks' repeated parts.
        cuda_graphs: Launch the denoiser's kernels as one graph in sampling; on a GPU only.
        activation_checkpointing: In the training steps: None switches it off, names are those of `KINDS`, an empty
            tuple means everything.
        sampler: Of the sampled clip and the stream, completed.
        frames: Length of the stream.
        data: Folder of videos to read; None makes some.
        repeats: How often each task runs.
    """

    device: torch.device
    precision: str = "32"
    batch_size: int = 1
    compile: bool = False
    cuda_graphs: bool = False
    activation_checkpointing: tuple[str, ...] | None = None
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    frames: int = 128
    data: Path | None = None
    repeats: Repeats = field(default_factory=Repeats)

    def checkpointing(self, stage: int) -> bool | list[str]:
        """The argument `activation_checkpointing` of a stage's module: the given kinds that the stage has."""
        given = self.activation_checkpointing
        return given == () if not given else [name for name in KINDS[stage] if name in given]

    @property
    def bfloat16_weights(self) -> bool:
        """Whether the weights are bfloat16 outside training."""
        return self.precision == "bf16"

    @property
    def dtype(self) -> torch.dtype:
        """The type in which the machine's ceiling is measured."""
        import torch

        return {"32": torch.float32, "bf16": torch.bfloat16}[self.precision]

    def describe(self) -> dict[str, Any]:
        """JSON-able: everything that the figures depend on."""
        names = ("precision", "batch_size", "bfloat16_weights", "compile", "cuda_graphs", "activation_checkpointing")
        return {
            **{name: getattr(self, name) for name in names},
            "sampler": self.sampler.name,
            "steps": self.sampler.steps,
            "grid": self.sampler.grid,
            "stream_frames": self.frames,
            "data": None if self.data is None else self.data.name,
        }
