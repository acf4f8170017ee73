"""What a benchmark measures: data, counts and sampling settings, as one JSON-able plan."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pvdm.diffusion.sampler_config import SAMPLER_NAMES, SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.protocols import PROTOCOLS

Dataset = Literal["ucf101", "skytimelapse"]
DATASETS: tuple[Dataset, ...] = ("ucf101", "skytimelapse")

SHORT_FVD, LONG_FVD = (PROTOCOLS[name] for name in ("pvdm/fvd16", "pvdm/fvd128"))
CLIP, LONG = SHORT_FVD.frames, LONG_FVD.frames
"""Frames of the paper's two lengths."""

SETTINGS = ("400/400", "200/200", "100/20", "unipc:20/20")
QUICK_SETTINGS = ("8/4", "unipc:4/4")
NUM_VIDEOS, QUICK_VIDEOS, QUICK_REAL = LONG_FVD.num_fake, 8, 16
SHOWN, QUICK_SHOWN = 12, 4


@dataclass(frozen=True)
class Setting:
    """Steps of the first clip and of each later one, the paper's N/M-s, and their solver."""

    sampler: str
    first: int
    later: int
    eta: float = 0.0

    @classmethod
    def parse(cls, text: str, *, eta: float = 1.0) -> Setting:
        """From "400/400" (DDIM with this eta) or "unipc:20/20"; InputError for anything else."""
        match = re.fullmatch(r"(?:(\w+):)?(\d+)/(\d+)", text.strip())
        sampler = match[1] or "ddim" if match else None
        if match is None or sampler not in SAMPLER_NAMES or not (int(match[2]) and int(match[3])):
            raise InputError(
                f"the setting {text!r} is not understood",
                "give steps of the first clip and of later ones, as 400/400, or with a solver "
                f"({', '.join(SAMPLER_NAMES)}), as unipc:20/20",
            )
        return cls(sampler, int(match[2]), int(match[3]), eta if sampler == "ddim" else 0.0)

    @property
    def name(self) -> str:
        """As the paper writes it."""
        return f"{self.first}/{self.later}"

    @property
    def names(self) -> dict[str, str]:
        """How an entry of the results names it."""
        return {"setting": self.name, "sampler": self.sampler}

    @property
    def slug(self) -> str:
        """For file names."""
        eta = "" if self.eta in (0.0, 1.0) else f"-eta{self.eta:g}"
        return f"{self.sampler}{'0' if self.sampler == 'ddim' and not self.eta else ''}{eta}-{self.first}-{self.later}"

    def samplers(self) -> tuple[SamplerConfig, SamplerConfig]:
        """The samplers of the first clip and of later ones; InputError if eta is out of range."""
        first, later = (SamplerConfig(self.sampler, steps, self.eta) for steps in (self.first, self.later))
        return first, later


@dataclass(frozen=True)
class Plan:
    """One benchmark.

    Args:
        dataset: Which table of the paper.
        root: The data set's folder.
        settings: Solvers and steps.
        num_videos: Videos sampled for each setting.
        seed: Of the sampled videos and of the choice of real clips.
        batch_size: Clips that are sampled or seen by a network at once.
        precision: "32" or "bf16".
        quick: Small counts; no figure may be compared.
        allow_few: Measure with fewer clips than the protocols ask for, and mark the figures.
        shown: Videos of each kind on the page.
        split: Of UCF101.
    """

    dataset: Dataset
    root: Path
    settings: tuple[Setting, ...]
    num_videos: int = NUM_VIDEOS
    seed: int = 0
    batch_size: int = 4
    precision: str = "32"
    quick: bool = False
    allow_few: bool = False
    shown: int = SHOWN
    split: int = 1

    def __post_init__(self) -> None:
        slugs = [setting.slug for setting in self.settings]
        if not slugs or len(set(slugs)) < len(slugs):
            raise InputError("a setting is given twice, or none is", "give each of --settings once")

    def describe(self) -> dict[str, Any]:
        """JSON-able; equal for benchmarks whose figures are equal."""
        return {**asdict(self), "root": str(Path(self.root).absolute()), "settings": [asdict(s) for s in self.settings]}
