"""What a path is, a model, a data set or a folder of videos, and the clips of it that a protocol wants."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pvdm.data import Layout, Part, layout_of
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import LoadedModel, ReconstructedClips, SampledClips, check_fits, checkpoints_in
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.clips.video_clips import VideoClips, VideoSet
from pvdm.evaluation.protocol import Protocol
from pvdm.generation.class_labels import Label
from pvdm.generation.model_files import CONFIG

__all__ = [
    "LoadedModel",
    "ReconstructedClips",
    "SampledClips",
    "Sampling",
    "Scaling",
    "VideoClips",
    "VideoSet",
    "check_reconstructs",
    "clips_of",
    "is_model",
    "layout_of",
    "open_source",
    "reconstructions_of",
    "source_of",
]

Role = Literal["real", "fake"]
Source = Callable[[int], ClipSource]
"""The clips of a repetition, by its seed."""


@dataclass(frozen=True)
class Sampling:
    """How a model is sampled: `labels` are taken by the videos in turn, and `every_class` is all there are."""

    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    later_sampler: SamplerConfig | None = None
    labels: Sequence[Label] | None = None
    every_class: bool = False


def open_source(
    path: str | Path | LoadedModel,
    protocol: Protocol,
    *,
    role: Role,
    seed: int = 0,
    **options: Any,
) -> ClipSource:
    """The clips of one repetition; see `source_of`, which several repetitions share."""
    return source_of(path, protocol, role=role, **options)(seed)


def source_of(
    path: str | Path | LoadedModel | VideoSet,
    protocol: Protocol,
    *,
    role: Role,
    layout: Layout | None = None,
    part: Part | None = None,
    split: int = 1,
    num: int | None = None,
    size: tuple[int, int] | None = None,
    sampling: Sampling = Sampling(),
    device: Any = "cpu",
    precision: str = "32",
) -> Source:
    """A function from a seed to clips; models are loaded and folders are looked through once, here.

    Args:
        path: An exported model, a checkpoint, a folder of videos, or a data set; or one that is there already.
        role: Real clips are chosen, cut and scaled as the protocol says; of generated videos the first are taken, and
            of each its first frames.
        layout: Of a data set; found out if not given, see `layout_of`.
        part: Of a data set; the protocol's if not given.
        split: Of UCF101.
        num: Clips, where the protocol leaves the number open; of a model the most, where its number fits what is there.
        size: (height, width), where the protocol leaves sizes as they are.
        sampling: Of a model; as the real side it is sampled by the same seeds as on the other.
    """
    if isinstance(path, (str, Path)):
        found = found_in(path, protocol, layout=layout, part=part, split=split, device=device, precision=precision)
        return source_of(found, protocol, role=role, num=num, size=size, sampling=sampling)
    return lambda seed: clips_of(path, protocol, role=role, seed=seed, num=num, size=size, sampling=sampling)


def found_in(
    path: str | Path,
    protocol: Protocol,
    *,
    layout: Layout | None,
    part: Part | None,
    split: int,
    device: Any,
    precision: str,
) -> LoadedModel | VideoSet:
    """The model or the videos at a path."""
    if layout is None and is_model(path):
        return LoadedModel.load(path, device=device, precision=precision)
    layout = layout or layout_of(path)
    return VideoSet.find(path, layout=layout, part=part or protocol.part_of(layout), split=split)


def clips_of(
    found: LoadedModel | VideoSet,
    protocol: Protocol,
    *,
    role: Role,
    seed: int,
    num: int | None = None,
    size: tuple[int, int] | None = None,
    sampling: Sampling = Sampling(),
) -> ClipSource:
    """What the protocol takes of a model or of videos in one repetition."""
    wanted = protocol.num_real if role == "real" else protocol.num_fake
    is_model = isinstance(found, LoadedModel)
    if wanted is not None:
        num = min(wanted, num) if is_model and num and f"num_{role}" in protocol.fits else wanted
    if is_model:
        if num is None:
            raise InputError(f"{protocol.title} does not say how many clips a model is to sample", f"give --num-{role}")
        scaling = _scaling(protocol, size, "fake")
        return _samples(found, protocol, seed=seed, num=num, scaling=scaling, sampling=sampling)
    is_real = role == "real"
    return VideoClips(
        found,
        frames=protocol.frames,
        stride=protocol.real_stride if is_real else protocol.stride,
        min_frames=protocol.min_frames if is_real else None,
        scaling=_scaling(protocol, size, role),
        choice=protocol.real_choice if is_real else "first",
        start=protocol.real_start if is_real else "first",
        num=num,
        seed=seed,
    )


def reconstructions_of(model: LoadedModel, real: Source) -> Source:
    """The real clips of each repetition through the model's autoencoder and back."""
    said = model.describe()
    return lambda seed: ReconstructedClips(model.generator, real(seed), model=said, precision=model.precision)


def check_reconstructs(model: LoadedModel, protocol: Protocol) -> tuple[int, int]:
    """(height, width) of the clips that the model gets; InputError if the protocol's are not such."""
    config = model.generator.autoencoder.config
    size = (config.height, config.width) if protocol.size is None else (protocol.size, protocol.size)
    check_fits(model.generator, protocol.frames, *size)
    return size


def is_model(path: str | Path) -> bool:
    """Whether it is an exported folder, a training's, a file (a checkpoint), or the name of a model on the Hub."""
    path = Path(path)
    if path.is_dir():
        return (path / CONFIG).is_file() or bool(checkpoints_in(path))
    is_hub_name = re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", str(path)) and not path.parent.exists()
    return path.is_file() or path.suffix == ".ckpt" or bool(is_hub_name)


def _samples(
    model: LoadedModel, protocol: Protocol, *, seed: int, num: int, scaling: Scaling, sampling: Sampling
) -> SampledClips:
    generator = model.generator
    labels = range(generator.class_count) if sampling.every_class and generator.class_count else sampling.labels
    return SampledClips(
        generator,
        num=num,
        frames=protocol.frames,
        stride=protocol.stride,
        sampler=sampling.sampler,
        later_sampler=sampling.later_sampler,
        seed=seed,
        labels=labels,
        scaling=scaling,
        model=model.describe(),
        precision=model.precision,
    )


def _scaling(protocol: Protocol, size: tuple[int, int] | None, role: Role) -> Scaling:
    """Real frames alone go through a JPEG: those of the published data sets have."""
    size = size if protocol.size is None else (protocol.size, protocol.size)
    return Scaling(size, protocol.resize, protocol.jpeg_quality if role == "real" else None)
