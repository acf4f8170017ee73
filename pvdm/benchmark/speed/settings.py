"""How `pvdm benchmark speed` runs everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.diffusion.sampler_config import SamplerConfig

if TYPE_CHECKING:
    import torch

TASK_NAMES = (
    *("read", "encode", "decode", "denoise", "sample_clip", "stream"),
    *("stage1_step", "stage2_step_pixels", "stage2_step_latents"),
)
"""What can be measured, in this order."""

KINDS = {1: ("time", "space", "mlp", "projections"), 2: ("residual", "attention", "across")}
"""Kinds of parts that activation checkpointing may compute again, by stage."""

SIZES = ("released", "pvdm-s", "tiny")
SIZE_OPTIONS = {
    "frames": "frames of a clip",
    "height": "pixels",
    "width": "pixels",
    "channels": "width of the autoencoder",
    "unet_channels": "width of the U-Net at full resolution",
}
"""What of a size can be changed, and what it is."""


@dataclass(frozen=True)
class Repeats:
    """How often something is measured.

    Args:
        count: Repetitions of which the median is taken.
        limit: Seconds after which no further repetition of a task begins; one is always made.
        warm_up: Runs before them, besides the one that is counted.
    """

    count: int = 5
    limit: float = 120.0
    warm_up: int = 0


@dataclass(frozen=True)
class Settings:
    """How everything is run.

    Args:
        device: Where.
        precision: "32", or "bf16": autocast, and but in training weights in bfloat16, as `pvdm sample` has them; the
            plain computation is always in float32.
        batch_size: Clips at once; videos in sampling and streaming.
        compile: Compile the networks' repeated parts.
        cuda_graphs: Launch the denoiser's kernels as one in sampling; on a GPU alone.
        activation_checkpointing: In the training steps: None is without, kinds are those of `KINDS`, none is all.
        plain: Measure the plain computation beside encode, decode and denoise.
        saved_tensors: Count what training keeps for the backward pass, with each kind of activation checkpointing.
        sampler: Of the sampled clip and the stream, completed.
        frames: Of the stream.
        data: Folder of videos for the reading; None makes some.
        vgg_weights: LPIPS's VGG-16 file; None takes random weights.
        repeats: How often.
    """

    device: torch.device
    precision: str = "32"
    batch_size: int = 1
    compile: bool = False
    cuda_graphs: bool = False
    activation_checkpointing: tuple[str, ...] | None = None
    plain: bool = False
    saved_tensors: bool = False
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    frames: int = 128
    data: Path | None = None
    vgg_weights: Path | None = None
    repeats: Repeats = field(default_factory=Repeats)

    def checkpointing(self, stage: int) -> bool | list[str]:
        """What the module of a stage takes: its kinds among those that are given."""
        given = self.activation_checkpointing
        return given == () if not given else [name for name in KINDS[stage] if name in given]

    @property
    def bfloat16_weights(self) -> bool:
        """Whether the weights are in bfloat16, too, but in training and for the plain computation."""
        return self.precision == "bf16"

    @property
    def dtype(self) -> torch.dtype:
        """In which the ceiling is measured."""
        import torch

        return {"32": torch.float32, "bf16": torch.bfloat16}[self.precision]

    def describe(self) -> dict[str, Any]:
        """JSON-able: what the figures depend on."""
        return {
            "precision": self.precision,
            "batch_size": self.batch_size,
            "bfloat16_weights": self.bfloat16_weights,
            "compile": self.compile,
            "cuda_graphs": self.cuda_graphs,
            "activation_checkpointing": self.activation_checkpointing,
            "sampler": self.sampler.name,
            "steps": self.sampler.steps,
            "grid": self.sampler.grid,
            "stream_frames": self.frames,
            "data": None if self.data is None else self.data.name,
        }
