"""Clips of a model: samples, or real clips that its autoencoder has encoded and decoded."""

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
from pvdm.generation.conditioned_model import Label
from pvdm.generation.model_files import WEIGHTS, resolve_folder
from pvdm.video import FRAME_SUFFIXES, VIDEO_SUFFIXES


@dataclass(frozen=True)
class LoadedModel:
    """A generator and the file it was loaded from. Its weights are the averaged ones, the only ones in an export."""

    generator: VideoGenerator
    path: str
    sha256: str
    precision: str = "32"

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "cpu", precision: str = "32") -> LoadedModel:
        """Loads an exported folder, a training checkpoint or `owner/name` on the Hub; InputError for anything else."""
        _check_is_model(Path(path))
        file = Path(path) if Path(path).is_file() else resolve_folder(path) / WEIGHTS
        generator = VideoGenerator.load(file if file.name != WEIGHTS else file.parent)
        return cls(generator.to(device), str(path), sha256_of(file), precision)

    def describe(self) -> dict[str, Any]:
        """The record for the result, JSON-able."""
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
    """SHA-256 of the configuration that the videos depend on; an exported folder keeps it beside the weights."""
    config = generator.to_config()
    text = json.dumps({name: config[name] for name in ("autoencoder", "denoiser", "diffusion")}, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _check_is_model(path: Path) -> None:
    """InputError for paths that are easily mistaken for a model: a video, or the folder of a training run."""
    if path.suffix.lower() in (*VIDEO_SUFFIXES, *FRAME_SUFFIXES):
        raise InputError(f"{path} is not a model", "give a model, or the folder that holds the videos")
    if found := checkpoints_in(path):
        raise InputError(f"{path} is the folder of a training run", f"give one of its checkpoints, such as {found[0]}")


def checkpoints_in(run: Path) -> list[Path]:
    """The checkpoints in the folder of a training run; none in any other folder."""
    return sorted((run / "checkpoints").glob("*.ckpt"))


class SampledClips(ClipSource):
    """Samples of a model. Video i depends only on the seed and i, and is named `seed 0, video i`.

    Args:
        generator: A generator with a denoiser, else InputError.
        num: Number of clips.
        frames: Frames of a clip; a clip longer than the model's is extended.
        stride: Frame stride: 3 takes every third frame.
        sampler, later_sampler: Solvers of the first clip and of those that extend it.
        seed: Seed of all videos.
        labels: Classes, by index or name, that the videos take in turn; without them, samples are unconditional.
        scaling: Scales the clips to the size of the real ones.
        model: The record of the generator in the result.
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
        first, later = (generator.completed(given) for given in (sampler, later_sampler or sampler))
        if (steps := max(first.steps, later.steps)) > most:
            raise InputError(f"{steps} steps are more than the {most} timesteps of this model", f"give at most {most}")
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
    """Clips of another source, encoded and decoded by the autoencoder, with the same numbers and names.

    The clips must have the model's size and at least its length. Longer ones are reconstructed clip by clip; the last
    overlaps the one before it, so that it ends with the video. `InputError` for others.
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
        model = self.model and dict(self.model)
        return {"kind": "reconstructions", "model": model, "of": self.source.describe()}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def key(self) -> dict[str, Any]:
        return {**self.describe(), "model": self.model or _contents(self.generator), "of": self.source.key()}

    def reconstruct(self, video: Tensor) -> Tensor:
        """(b, 3, t, h, w) uint8 -> their reconstructions, of the same shape and type."""
        check_fits(self.generator, *video.shape[2:])
        frames, result = self.generator.frames, torch.empty_like(video)
        with self.generator.precision(self.precision):
            for begin in range(0, video.shape[2], frames):
                first = min(begin, video.shape[2] - frames)
                clip = self.generator.reconstruct(video[:, :, first : first + frames])
                result[:, :, begin : begin + frames] = clip[:, :, begin - first :]
        return result


def _contents(generator: VideoGenerator) -> dict[str, str]:
    """The identity of a model that was not loaded from a file."""
    return {"weights": sha256_of_weights(generator), "config_sha256": config_digest(generator)}


def check_fits(generator: VideoGenerator, frames: int, height: int, width: int) -> None:
    """InputError unless the autoencoder can reconstruct clips of this length and size."""
    config = generator.autoencoder.config
    if (height, width) != (config.height, config.width):
        size = config.height if config.height == config.width else "native"
        raise InputError(
            f"the clips are {height}x{width}, but the model reconstructs {config.height}x{config.width}",
            f"give {{size={size}}}",
            option="size",
        )
    if frames < config.frames:
        raise InputError(
            f"the clips have {frames} frames, but the model reconstructs {config.frames} at once",
            f"give {{frames={config.frames}}} or more",
            option="frames",
        )


def _batches(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(indices), size):
        yield indices[first : first + size]
