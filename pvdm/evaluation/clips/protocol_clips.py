"""The clips that a protocol takes from a path: a model, a data set or a folder of videos."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pvdm.data import Layout, Part, layout_of
from pvdm.data.layouts.catalogue import SUFFIX
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import LoadedModel, ReconstructedClips, SampledClips, check_fits, checkpoints_in
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.clips.video_clips import VideoClips
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.protocol import Protocol
from pvdm.generation.conditioned_model import Label
from pvdm.generation.model_files import CONFIG
from pvdm.generation.packaged_models import is_packaged_name

Role = Literal["real", "fake"]
Source = Callable[[int], ClipSource]
"""A function from the seed of a repetition to its clips."""


@dataclass(frozen=True)
class Sampling:
    """How a model is sampled. Videos take the `labels` in turn, or with `every_class` all classes of the model."""

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
    """The clips of one repetition; use `source_of` for several."""
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
    """A function from a seed to clips. Models are loaded and folders are indexed here, once.

    Args:
        path: An exported model, a checkpoint, a folder of videos, or a data set; or a loaded model or video set.
        role: Real clips are chosen, cut and scaled as the protocol says; of generated videos the first are used, from
            their first frames.
        layout: Layout of a data set; detected if not given, see `layout_of`.
        part: Part of a data set; the protocol's if not given.
        split: Split of UCF101.
        num: Number of clips if the protocol leaves it open; for a model the maximum if the protocol permits fewer.
        size: (height, width) if the protocol keeps the size of the videos.
        sampling: How a model is sampled; on the real side with the same seeds as on the generated one.
        device, precision: Where and how a model computes.
    """
    if isinstance(path, (str, Path)):
        content = open_path(path, protocol, layout=layout, part=part, split=split, device=device, precision=precision)
        return source_of(content, protocol, role=role, num=num, size=size, sampling=sampling)
    return lambda seed: clips_of(path, protocol, role=role, seed=seed, num=num, size=size, sampling=sampling)


def open_path(
    path: str | Path,
    protocol: Protocol,
    *,
    layout: Layout | None,
    part: Part | None,
    split: int,
    device: Any,
    precision: str,
) -> LoadedModel | VideoSet:
    """The model, or the videos, at a path."""
    if layout is None and is_model(path):
        return LoadedModel.load(path, device=device, precision=precision)
    layout = layout or layout_of(path)
    return VideoSet.find(path, layout=layout, part=part or protocol.part_of(layout), split=split)


def clips_of(
    content: LoadedModel | VideoSet,
    protocol: Protocol,
    *,
    role: Role,
    seed: int,
    num: int | None = None,
    size: tuple[int, int] | None = None,
    sampling: Sampling = Sampling(),
) -> ClipSource:
    """The clips that the protocol takes from a model or from videos in one repetition."""
    count = protocol.num_real if role == "real" else protocol.num_fake
    is_sampled = isinstance(content, LoadedModel)
    if count is not None:
        num = min(count, num) if is_sampled and num and f"num_{role}" in protocol.fits else count
    if is_sampled:
        if num is None:
            raise InputError(
                f"{protocol.title} does not set how many clips to sample", f"give {{num_{role}}}", option=f"num_{role}"
            )
        scaling = _scaling(protocol, size, "fake")
        return _samples(content, protocol, seed=seed, num=num, scaling=scaling, sampling=sampling)
    is_real = role == "real"
    return VideoClips(
        content,
        frames=protocol.frames,
        stride=protocol.real_stride if is_real else protocol.stride,
        min_frames=protocol.min_frames if is_real else None,
        scaling=_scaling(protocol, size, role),
        choice=protocol.real_choice if is_real else "first",
        start=protocol.real_start if is_real else "first",
        several=protocol.several and is_real,
        num=num,
        seed=seed,
    )


def reconstructions_of(model: LoadedModel, real: Source) -> Source:
    """The real clips of each repetition, encoded and decoded by the model's autoencoder."""
    record = model.describe()
    return lambda seed: ReconstructedClips(model.generator, real(seed), model=record, precision=model.precision)


def check_reconstructs(model: LoadedModel, protocol: Protocol) -> tuple[int, int]:
    """(height, width) of the clips that the model reconstructs; InputError if the protocol uses other ones."""
    config = model.generator.autoencoder.config
    size = (config.height, config.width) if protocol.size is None else (protocol.size, protocol.size)
    check_fits(model.generator, protocol.frames, *size)
    return size


def is_model(path: str | Path) -> bool:
    """Whether a path is an exported folder, a training run, a checkpoint file, or the name of a model of the package or
    on the Hub.
    """
    path = Path(path)
    if path.is_dir():
        return (path / CONFIG).is_file() or bool(checkpoints_in(path))
    if path.suffix == SUFFIX:  # of a selection of clips
        return False
    is_hub_name = re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", str(path)) and not path.parent.exists()
    return path.is_file() or path.suffix == ".ckpt" or bool(is_hub_name) or is_packaged_name(path)


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
    """Only real frames are compressed as JPEG, as in the published data sets."""
    size = size if protocol.size is None else (protocol.size, protocol.size)
    return Scaling(size, protocol.resize, protocol.jpeg_quality if role == "real" else None)
