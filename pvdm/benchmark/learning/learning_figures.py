"""The figures of a trained model that `pvdm benchmark learning` compares, against clips that training never saw."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.autoencoder import SpectralAutoencoder
from pvdm.benchmark.learning.cosine_transform import ranked_coefficients
from pvdm.data import SampleKey
from pvdm.data.collection import ClipCollection
from pvdm.diffusion import SamplerConfig
from pvdm.diffusion.denoise import make_denoise
from pvdm.diffusion.process import q_sample
from pvdm.evaluation.features.detectors import Detector
from pvdm.evaluation.features.distances import nearest
from pvdm.evaluation.features.frame_features import PARTS
from pvdm.evaluation.metrics.appearance import NOISE_CLIPS, AppearanceMotion, Distances, NoiseClips
from pvdm.evaluation.metrics.coherence import warping_error
from pvdm.evaluation.metrics.fidelity import Fidelity, Sharpness
from pvdm.evaluation.metrics.nearest import diversity
from pvdm.evaluation.video_figures import frame_difference, grid, seams, second_difference
from pvdm.files.atomic_write import replacing
from pvdm.generation import VideoGenerator
from pvdm.runtime.precision import full_float32
from pvdm.video import to_float

LOG_SNRS = (-4.0, -2.0, 0.0, 2.0, 4.0)
"""Log of the power of latents over that of noise, at which predictions are compared."""

TEST_CLIPS, MOST_TRAINING_CLIPS, COHERENT = 64, 128, 32
"""Test clips, training clips whose differences are measured, and clips whose optical flow is."""

EXTENDED_CLIPS = 4
BATCH = 8


@dataclass(frozen=True)
class RealClips:
    """What all models of a bench are compared with.

    Args:
        training: Clips (n, 3, t, h, w) uint8 of training videos.
        test: Clips of validation videos, spread evenly over videos and time.
        groups: (m,) the training video of each row of `training_rows`.
        training_rows, test_rows, noise_rows: Statistics of features of training clips, of which there are more than of
            pixels, of the test clips and of noise, see `FrameStatistics`.
        coefficients: Of the cosine transform, those of largest energy first, see `ranked_coefficients`.
    """

    training: Tensor
    test: Tensor
    groups: np.ndarray
    training_rows: np.ndarray
    test_rows: np.ndarray
    noise_rows: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def of(cls, videos: ClipCollection, detector: Detector, count: int) -> RealClips:
        """`count` training clips, several of each video if there are fewer, and those that a validation takes."""
        videos.setup()
        training = videos.training
        epochs = [
            np.random.default_rng(epoch).permutation(len(training)) for epoch in range(-(-count // len(training)))
        ]
        keys = [SampleKey(epoch, int(index)) for epoch, order in enumerate(epochs) for index in order][:count]
        samples = [training[key] for key in keys]
        clips = torch.stack([sample["video"] for sample in samples])
        tests = torch.stack([videos.validation[int(index)]["video"] for index in videos.validated])
        noise = torch.stack([clip.video for clip in NoiseClips(clips.shape[2:]).read(range(NOISE_CLIPS))])
        rows = (np.concatenate(list(_rows(part, detector))).astype(np.float32) for part in (clips, tests, noise))
        _, groups = np.unique([sample["path"] for sample in samples], return_inverse=True)
        return cls(clips[:MOST_TRAINING_CLIPS], tests, groups, *rows, ranked_coefficients(clips))

    def save(self, file: Path) -> None:
        """Writes an .npz file."""
        arrays = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        with replacing(file, overwrite=True) as temporary, temporary.open("wb") as opened:
            np.savez(opened, **arrays)

    @classmethod
    def load(cls, file: Path) -> RealClips:
        """Inverse of `save`."""
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        pixels = {name: torch.from_numpy(arrays.pop(name)) for name in ("training", "test")}
        return cls(**pixels, **arrays)

    @property
    def space(self) -> AppearanceMotion:
        """Where clips are compared with the training clips."""
        return AppearanceMotion(self.training_rows, self.groups, self.noise_rows)


@dataclass
class Tally:
    """Running figures of generated clips, which are not kept."""

    rows: list[np.ndarray] = field(default_factory=list)
    differences: list[Tensor] = field(default_factory=list)
    second_differences: list[Tensor] = field(default_factory=list)
    warping: list[float] = field(default_factory=list)

    def add(self, clips: Tensor, detector: Detector | None = None) -> None:
        """Clips (b, 3, t, h, w) uint8; without a detector, their rows are left out."""
        self.rows += list(_rows(clips, detector)) if detector else []
        self.differences.append(frame_difference(clips))
        self.second_differences.append(second_difference(clips))
        self.warping += [warping_error(clip) for clip in clips[: max(0, COHERENT - len(self.warping))]]

    def means(self) -> dict[str, float]:
        """The mean of each figure."""
        means = {name: float(torch.cat(getattr(self, name)).mean()) for name in ("differences", "second_differences")}
        return {**means, "warping": float(np.mean(self.warping))}


def reconstruction(generator: VideoGenerator, clips: Tensor) -> dict[str, float]:
    """`psnr` (dB) and `ssim` of test clips, and relative to theirs `sharpness` and `grid`, see `video_figures`.

    Of an autoencoder with gains also `psnr_without_gains`, as linear codes are measured.
    """
    fidelity, sharpness = Fidelity(), Sharpness()
    found = _reconstructed(generator, clips)
    fidelity.update(range(len(clips)), found, clips)
    sharpness.update(to_float(found), to_float(clips))
    config = generator.autoencoder.config
    patch = config.height // config.latent_shape.h
    scores = fidelity.compute()
    return {
        **{name: float(scores[name]) for name in ("psnr", "ssim")},
        "sharpness": float(sharpness.compute()),
        "grid": grid(found, patch) / grid(clips, patch),
        **_without_gains(generator, clips),
    }


def _reconstructed(generator: VideoGenerator, clips: Tensor) -> Tensor:
    return torch.cat([generator.reconstruct(part) for part in clips.split(BATCH)])


def _without_gains(generator: VideoGenerator, clips: Tensor) -> dict[str, float]:
    autoencoder, fidelity = generator.autoencoder, Fidelity()
    if (amplitudes := getattr(autoencoder, "amplitudes", None)) is None:
        return {}
    autoencoder.amplitudes = None
    try:
        fidelity.update(range(len(clips)), _reconstructed(generator, clips), clips)
    finally:
        autoencoder.amplitudes = amplitudes
    return {"psnr_without_gains": float(fidelity.compute()["psnr"])}


@torch.no_grad()
def linear_code_psnr(generator: VideoGenerator, real: RealClips) -> float | None:
    """PSNR (dB) of test clips by the linear code that an autoencoder starts from; None if it starts at random.

    The code is fitted to the bench's training clips; it is the one of least error, without gains.
    """
    if not isinstance(generator.autoencoder, SpectralAutoencoder):
        return None
    plain = replace(generator.autoencoder.config, still_gain=1.0, motion_gain=1.0)
    start = VideoGenerator(plain).eval()
    start.autoencoder.fit(real.training)
    return reconstruction(start, real.test)["psnr"]


@torch.no_grad()
def one_step(generator: VideoGenerator, clips: Tensor) -> dict[str, float]:
    """PSNR (dB) of test clips predicted in one step from latents with noise, by the log-SNR; without a context.

    The levels count the power of the latents, so that they mean the same for any autoencoder.
    """
    schedule, found = generator.schedule, {}
    denoise = make_denoise(
        generator.denoiser,
        schedule,
        parameterization=generator.diffusion.prediction,
        bound=generator.autoencoder.latent_bound,
    )
    videos = [to_float(part.to(generator.device)) for part in clips.split(BATCH)]
    latents = torch.cat([generator.autoencoder.encode(video).flatten().float() for video in videos])
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(latents.device)
    log_snr = (schedule.alpha_bar / (1 - schedule.alpha_bar)).log() + math.log(float(latents.square().mean()))
    for wanted in LOG_SNRS:
        time = int((log_snr - wanted).abs().argmin())
        clean = []
        for latent, drawn in zip(latents.split(BATCH), noise.split(BATCH), strict=True):
            t = torch.full((len(latent),), time, device=latent.device)
            clean.append(denoise(q_sample(latent, drawn, t, schedule), t).clean)
        decoded = torch.cat([generator.decode_latent(part) for part in clean])
        fidelity = Fidelity()
        fidelity.update(range(len(clips)), decoded, clips)
        found[f"{wanted:+g}"] = float(fidelity.compute()["psnr"])
    return found


@dataclass(frozen=True)
class Judge:
    """Compares the samples of models with real clips.

    Args:
        real: The real clips.
        detector: The network that sees them.
        samples: Clips sampled of each model.
        extended: Videos of 4 clips sampled of each model.
        sampler: How.
        later_sampler: How the clips after the first of a video; by default as that.
    """

    real: RealClips
    detector: Detector
    samples: int
    extended: int
    sampler: SamplerConfig = SamplerConfig()
    later_sampler: SamplerConfig | None = None

    def figures(self, generator: VideoGenerator) -> tuple[dict[str, Any], Tensor]:
        """All figures of a model with a denoiser, and its first samples (b, 3, t, h, w) uint8."""
        space, real = self.real.space, Tally()
        with full_float32(generator.device):
            for part in self.real.training.split(BATCH):
                real.add(part)
            found = {"one_step": one_step(generator, self.real.test)}
            samples, shown = self._sampled(generator)
            found["samples"] = self._compared(samples, real, space, groups=None)
            extended, found_seams = self._extended(generator)
        videos = np.repeat(np.arange(self.extended), EXTENDED_CLIPS - 1)
        found["extension"] = {**self._compared(extended, real, space, groups=videos), "seams": found_seams}
        return found, shown

    def _sampled(self, generator: VideoGenerator) -> tuple[Tally, Tensor]:
        tally, shown = Tally(), None
        videos = [(0, index) for index in range(self.samples)]
        labels = labels_in_turn(generator, self.samples)
        for clips in generator.batches(videos, batch_size=BATCH, labels=labels, sampler=self.sampler):
            tally.add(clips, self.detector)
            shown = clips if shown is None else shown
        return tally, shown

    def _extended(self, generator: VideoGenerator) -> tuple[Tally, float]:
        """Windows of a clip's length with a border of clips in the middle of each, and the seams."""
        tally, jumps, frames = Tally(), [], generator.frames
        labels = labels_in_turn(generator, self.extended)
        for start in range(0, self.extended, BATCH):
            videos = [(1, index) for index in range(start, min(start + BATCH, self.extended))]
            options = {"videos": videos, "labels": labels and labels[start : start + BATCH]}
            options |= {"sampler": self.sampler, "later_sampler": self.later_sampler}
            video = torch.cat(list(generator.stream(num_frames=EXTENDED_CLIPS * frames, **options)), dim=2)
            jumps.append(seams(video, frames))
            windows = [video[:, :, at : at + frames] for at in _windows(frames)]
            tally.add(torch.stack(windows, dim=1).flatten(0, 1), self.detector)
        return tally, float(np.mean(jumps))

    def _compared(self, tally: Tally, real: Tally, space: AppearanceMotion, groups: np.ndarray | None) -> dict:
        """The figures of generated clips beside those of real ones."""
        rows = np.concatenate(tally.rows)
        distances = space.distances(rows, np.arange(len(rows)) if groups is None else groups)
        own, of_real = tally.means(), real.means()
        width = rows.shape[1] // len(PARTS)  # of the mean features, which come first
        seen, training, test = (part[:, :width] for part in (rows, self.real.training_rows, self.real.test_rows))
        usual = nearest(test, training)[1].mean()
        return {
            **_with_intervals(distances),
            "motion": own["differences"] / of_real["differences"],
            "flicker": own["second_differences"] / of_real["second_differences"],
            "warping": own["warping"] / of_real["warping"] if of_real["warping"] else None,
            "diversity": diversity(seen, training),
            "nearest": float(nearest(seen, training)[1].mean() / usual) if usual else None,
            "draws": [None if np.isnan(value) else float(value) for value in distances.draws["appearance_motion"]],
        }


def _with_intervals(distances: Distances) -> dict[str, Any]:
    return {**distances.values, "interval": list(distances.interval("appearance_motion"))}


def _windows(frames: int) -> Iterator[int]:
    return (frames // 2 + frames * number for number in range(EXTENDED_CLIPS - 1))


def labels_in_turn(generator: VideoGenerator, count: int) -> list[int] | None:
    """The classes in turn; None for a model without classes."""
    return [index % generator.class_count for index in range(count)] if generator.class_count else None


def _rows(clips: Tensor, detector: Detector) -> Iterator[np.ndarray]:
    """(b, 7 d) float64, batch by batch."""
    return (detector(part).cpu().double().numpy() for part in clips.split(BATCH))
