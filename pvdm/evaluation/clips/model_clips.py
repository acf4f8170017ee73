"""Clips of a model: sampled from noise, or real clips through its autoencoder and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.files.weights import sha256_of, sha256_of_weights
from pvdm.generation import VideoGenerator
from pvdm.generation.class_labels import Label
from pvdm.generation.model_files import WEIGHTS, resolve_folder
from pvdm.video import FRAME_SUFFIXES, VIDEO_SUFFIXES


@dataclass(frozen=True)
class LoadedModel:
    """A generator and where it is from; its weights are the averaged ones, which is all that exports hold."""

    generator: VideoGenerator
    path: str
    sha256: str
    precision: str = "32"

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "cpu", precision: str = "32") -> LoadedModel:
        """From an exported folder, a training checkpoint or `owner/name` on the Hub; else InputError."""
        _check_is_model(Path(path))
        file = Path(path) if Path(path).is_file() else resolve_folder(path) / WEIGHTS
        generator = VideoGenerator.load(file if file.name != WEIGHTS else file.parent)
        return cls(generator.to(device), str(path), sha256_of(file), precision)

    def describe(self) -> dict[str, Any]:
        """JSON-able."""
        config = self.generator.autoencoder.config
        sizes = {name: getattr(config, name) for name in ("frames", "height", "width")}
        return {
            "path": self.path,
            "sha256": self.sha256,
            "config_sha256": config_digest(self.generator),
            "training_step": self.generator.training_step,
            "averaged_weights": True,
            **sizes,
            "precision": self.precision,
        }


def config_digest(generator: VideoGenerator) -> str:
    """SHA-256 of all but the weights that its videos depend on: of a folder that is another file than theirs."""
    config = generator.to_config()
    text = json.dumps({name: config[name] for name in ("autoencoder", "denoiser", "diffusion")}, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _check_is_model(path: Path) -> None:
    """InputError for what is easily taken for a model: a video, and the folder of a training."""
    if path.suffix.lower() in (*VIDEO_SUFFIXES, *FRAME_SUFFIXES):
        raise InputError(f"{path} is no model, and videos are given by the folder that holds them", "give that")
    if found := checkpoints_in(path):
        raise InputError(f"{path} is the folder of a training", f"give a checkpoint of it, such as {found[0]}")


def checkpoints_in(run: Path) -> list[Path]:
    """The checkpoints in the folder of a training, and none where it is something else."""
    return sorted((run / "checkpoints").glob("*.ckpt"))


class SampledClips(ClipSource):
    """Samples of a model; video i depends on the seed and i alone, and is called `seed 0, video i`.

    Args:
        generator: With a denoiser, else InputError.
        num: Clips.
        frames: Of a clip; those beyond the model's own come by extension.
        stride: Frame stride: 3 takes every third frame.
        sampler, later_sampler: Solvers of the first clip and of those that extend it.
        labels: Classes that the videos take in turn, by index or name; without, videos of no class in particular.
        scaling: To the size of the other side.
        model: What a result says of the generator.
        precision: "32" or "bf16".
    """

    def __init__(
        self,
        generator: VideoGenerator,
        *,
        num: int,
        frames: int,
        stride: int = 1,
        sampler: SamplerConfig = SamplerConfig(),
        later_sampler: SamplerConfig | None = None,
        seed: int = 0,
        labels: Sequence[Label] | None = None,
        scaling: Scaling = Scaling(),
        model: Mapping[str, Any] | None = None,
        precision: str = "32",
    ) -> None:
        generator.check_can_continue(None)
        most = generator.diffusion.timesteps
        first, later = (given.completed(most) for given in (sampler, later_sampler or sampler))
        if (steps := max(first.steps, later.steps)) > most:
            raise InputError(f"{steps} steps were asked for", f"this model has {most} times, choose at most that")
        self.generator, self.num, self.frames, self.stride = generator, num, frames, stride
        self.sampler, self.later_sampler, self.seed = first, later, seed
        self.labels = None if labels is None else generator.class_labels(labels, len(labels)).tolist()
        self.classes, self.scaling, self.model, self.precision = generator.classes, scaling, model, precision

    def __len__(self) -> int:
        return self.num

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        for batch in _batches(indices, batch_size):
            videos = self._sample(batch).movedim(1, -1).numpy()
            for index, video in zip(batch, videos, strict=True):
                yield Clip(index, self.scaling(video), self.name(index), self._label(index))

    def describe(self) -> dict[str, Any]:
        is_extended = (self.frames - 1) * self.stride >= self.generator.frames
        return {
            "kind": "samples",
            "model": self.model and dict(self.model),
            "clips": self.num,
            "frames": self.frames,
            "stride": self.stride,
            "seed": self.seed,
            "sampler": asdict(self.sampler),
            "later_sampler": asdict(self.later_sampler) if is_extended else None,
            "labels": self.labels,
            **self.scaling.describe(),
        }

    def name(self, index: int) -> str:
        return f"seed {self.seed}, video {index}"

    def key(self) -> dict[str, Any]:
        return {**self.describe(), "model": self.model or _contents(self.generator)}

    def _sample(self, indices: Sequence[int]) -> Tensor:
        """(b, 3, t, h, w) uint8."""
        with self.generator.precision(self.precision):
            clips = self.generator.stream(
                num_frames=(self.frames - 1) * self.stride + 1,
                videos=[(self.seed, index) for index in indices],
                labels=None if self.labels is None else [self._label(index) for index in indices],
                sampler=self.sampler,
                later_sampler=self.later_sampler,
            )
            return torch.cat(list(clips), dim=2)[:, :, :: self.stride]

    def _label(self, index: int) -> int | None:
        return None if self.labels is None else self.labels[index % len(self.labels)]


class ReconstructedClips(ClipSource):
    """Clips of another source as the autoencoder gives them back, by the same numbers and names.

    The source's clips are of the model's size and at least as long as its own; longer ones go through it clip by clip,
    of which the last overlaps to end with the video. `InputError` for others.
    """

    def __init__(
        self,
        generator: VideoGenerator,
        source: ClipSource,
        *,
        model: Mapping[str, Any] | None = None,
        precision: str = "32",
    ) -> None:
        self.generator, self.source, self.model, self.precision = generator, source, model, precision
        self.classes = source.classes

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        for batch in _batches(indices, batch_size):
            originals = list(self.source.read(batch, batch_size=batch_size))
            videos = self.reconstruct(torch.stack([clip.video for clip in originals]))
            for clip, video in zip(originals, videos, strict=True):
                yield Clip(clip.index, video, clip.name, clip.label)

    def describe(self) -> dict[str, Any]:
        of = self.source.describe()
        return {"kind": "reconstructions", "model": self.model and dict(self.model), "of": of}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def key(self) -> dict[str, Any]:
        return {**self.describe(), "model": self.model or _contents(self.generator), "of": self.source.key()}

    def reconstruct(self, video: Tensor) -> Tensor:
        """(b, 3, t, h, w) uint8 -> the same."""
        check_fits(self.generator, *video.shape[2:])
        frames, result = self.generator.frames, torch.empty_like(video)
        with self.generator.precision(self.precision):
            for begin in range(0, video.shape[2], frames):
                first = min(begin, video.shape[2] - frames)
                found = self.generator.reconstruct(video[:, :, first : first + frames])
                result[:, :, begin : begin + frames] = found[:, :, begin - first :]
        return result


def _contents(generator: VideoGenerator) -> dict[str, str]:
    """What tells a model apart that came from no file."""
    return {"weights": sha256_of_weights(generator), "config_sha256": config_digest(generator)}


def check_fits(generator: VideoGenerator, frames: int, height: int, width: int) -> None:
    """InputError unless the autoencoder takes such clips."""
    config = generator.autoencoder.config
    if (height, width) != (config.height, config.width):
        remedy = f"--size {config.height}" if config.height == config.width else "--size native"
        raise InputError(
            f"the clips are {height}x{width}, but the model reconstructs {config.height}x{config.width}",
            f"give {remedy}",
        )
    if frames < config.frames:
        raise InputError(
            f"the clips have {frames} frames, but the model reconstructs {config.frames} at once",
            f"give --frames {config.frames} or more",
        )


def _batches(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(indices), size):
        yield indices[first : first + size]
