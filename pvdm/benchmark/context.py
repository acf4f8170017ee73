"""What all tasks of a benchmark share: the model, the data, the detectors, and what is finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.autoencoder.perceptual import VGG, PerceptualDistance
from pvdm.benchmark.plan import LONG, QUICK_REAL, Plan, Setting
from pvdm.benchmark.result_store import ResultStore
from pvdm.data import Part
from pvdm.errors import InputError, flag
from pvdm.evaluation.clips.model_clips import LoadedModel, SampledClips
from pvdm.evaluation.clips.protocol_clips import Sampling, clips_of
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.features.detectors import DETECTORS, Detector, load_detector
from pvdm.evaluation.features.extraction import extract_once
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.floor import floor_of, halves
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.metrics.naturalness import ST_RRED_SIZE
from pvdm.evaluation.protocol import Protocol
from pvdm.files.weights import WeightsFile
from pvdm.generation import VideoGenerator
from pvdm.runtime.processes import ALONE, Processes

OPTIONS = {"i3d-400": "--i3d", "c3d-ucf101": "--c3d"}
"""Options of the command that name a detector's file."""


class Unavailable(Exception):
    """Something that a figure needs is not to be had; its text says why and what to do."""


@dataclass
class BenchmarkContext:
    """One running benchmark, in each of its processes.

    Args:
        plan: What is measured.
        model: The model that is measured.
        store: What is finished.
        processes: Those that share the rest.
        weights: Files of detectors and of LPIPS by name; a missing one is downloaded if possible.
    """

    plan: Plan
    model: LoadedModel
    store: ResultStore
    processes: Processes = ALONE
    weights: dict[str, Path] = field(default_factory=dict)
    _detectors: dict[str, Detector | InputError] = field(default_factory=dict)
    _videos: dict[Part, VideoSet] = field(default_factory=dict)
    _no_lpips: str = ""

    @property
    def generator(self) -> VideoGenerator:
        """The model on its device."""
        return self.model.generator

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the model's videos."""
        config = self.generator.autoencoder.config
        return config.height, config.width

    @property
    def shown(self) -> int:
        """Videos of each kind on the page."""
        return min(self.plan.shown, self.plan.num_videos)

    def protocol(self, protocol: Protocol) -> Protocol:
        """The protocol for this model and plan: `custom` if its size differs, or if --quick cuts it down."""
        height, width = self.size
        changes: dict[str, Any] = {}
        if protocol.size is not None:
            changes["size"] = height if height == width else None
        if protocol.kind == "reconstruction":
            changes["frames"] = max(protocol.frames, self.generator.frames)
        if self.plan.seed not in protocol.seeds:
            changes["seeds"] = (self.plan.seed,)
        if self.plan.quick and protocol.kind != "is":
            choice = "random" if protocol.real_choice == "all" else protocol.real_choice
            changes |= {"num_real": QUICK_REAL, "num_fake": self.plan.num_videos, "real_choice": choice}
        return protocol.with_changes(**changes)

    def videos(self, part: Part) -> VideoSet:
        """The data set's videos of a part, scanned once; InputError if there is no such part."""
        if part not in self._videos:
            layout, split = self.plan.dataset, self.plan.split
            self._videos[part] = VideoSet.find(self.plan.root, layout=layout, part=part, split=split)
        if part == "test" and self._videos[part].part is None:  # what was found is the training part
            raise InputError(f"{self.plan.root} has no test part", "give the whole data set, or do without its figures")
        return self._videos[part]

    def real(self, protocol: Protocol, *, part: Part | None = None) -> ClipSource:
        """The real clips of a protocol; Unavailable if there is no such part, or no video is long enough."""
        try:
            videos = self.videos(part or protocol.part_of(self.plan.dataset))
        except InputError as error:
            raise Unavailable(str(error)) from error
        try:
            return clips_of(videos, protocol, role="real", seed=self.plan.seed, size=self.size)
        except InputError as error:
            raise Unavailable(f"{error.problem}; give data with longer videos, or do without") from error

    def samples(self, setting: Setting, frames: int = LONG) -> SampledClips:
        """The sampled videos of a setting; Unavailable for a model of stage 1.

        A model with classes samples all of them in turn, as in `pvdm evaluate --every-class`.
        """
        first, later = setting.samplers()
        protocol = Protocol("benchmark", "fvd", "", frames, size=None, num_fake=self.plan.num_videos)
        sampling = Sampling(first, later, every_class=True)
        try:
            return clips_of(self.model, protocol, role="fake", seed=self.plan.seed, sampling=sampling)
        except InputError as error:
            if self.generator.denoiser is None:
                raise Unavailable(str(error)) from error
            raise

    def real_features(
        self, protocol: Protocol, *, part: Part | None = None, detector: Thumbnails | None = None
    ) -> np.ndarray:
        """Features of the real clips (n, d), stored beyond this benchmark; all processes must call it."""
        return self._features(self.real(protocol, part=part), detector or self.detector(protocol.detector))

    def floor(self, protocol: Protocol, rows: np.ndarray, fake: int, *, part: Part | None = None) -> dict[str, Any]:
        """The floor of a Fréchet distance as values of an entry of `figures`; rows (n, d): the real clips' features."""
        found = halves(
            self.real(protocol, part=part),
            rows,
            fake,
            features=lambda others: self._features(others, self.detector(protocol.detector)),
            seed=self.plan.seed,
        )
        floor = floor_of(frechet_distance, found)
        return {} if floor is None else {"floor": floor.value, "floor_clips": list(floor.clips)}

    def _features(self, source: ClipSource, detector: Detector | Thumbnails) -> np.ndarray:
        return extract_once(source, detector, batch_size=self.plan.batch_size, processes=self.processes)

    def detector(self, name: str) -> Detector:
        """On the device; Unavailable says why it cannot be had."""
        return self._loaded(name).to(self.generator.device)

    def records(self, *names: str) -> dict[str, Any]:
        """What a result records about those of these detectors, and "lpips", that can be had."""
        found = {}
        for name in names:
            if name == "lpips":
                found |= {"lpips": self.lpips.record} if self.lpips else {}
                continue
            try:
                found[name] = self._loaded(name).describe()
            except Unavailable:
                continue
        return found

    @property
    def wants_random(self) -> bool:
        """Whether figures of random weights replace those of I3D, which is not there or would be too slow."""
        return self.plan.quick or not self.records("i3d-400")

    def _loaded(self, name: str) -> Detector:
        """On the CPU at first, so that it does not count as memory of sampling and training."""
        if name not in self._detectors:
            self._detectors[name] = self._load(name)
        found = self._detectors[name]
        if isinstance(found, InputError):
            raise Unavailable(str(_with_own_options(name, found)))
        return found

    def _load(self, name: str) -> Detector | InputError:
        if reason := self._not_fetched(name, DETECTORS[name].file):
            return InputError(reason, f"give its path as {OPTIONS.get(name, '--detector')}")
        try:
            return load_detector(name, self.weights.get(name))
        except InputError as error:
            if name in self.weights:  # a file that was given must be right
                raise _with_own_options(name, error) from error
            return error

    def _not_fetched(self, name: str, file: WeightsFile | None) -> str | None:
        """Why a file that could be fetched is not: --quick downloads nothing."""
        if not self.plan.quick or name in self.weights or file is None or not file.url or file.cached.is_file():
            return None
        return f"{file.name} is not here, and --quick fetches nothing"

    @cached_property
    def lpips(self) -> PerceptualDistance | None:
        """LPIPS; None where its weights are not to be had, see `why_missing`."""
        if reason := self._not_fetched("lpips", VGG):
            self._no_lpips = reason
            return None
        try:
            return PerceptualDistance(self.weights.get("lpips"))
        except InputError as error:
            if "lpips" in self.weights:
                raise
            self._no_lpips = error.problem
            return None

    @property
    def has_st_rred(self) -> bool:
        """Whether ST-RRED is measured: it is slow, and needs frames that are not too small."""
        return not self.plan.quick and min(self.size) >= ST_RRED_SIZE

    def why_missing(self, name: str) -> str:
        """Why a measure of reconstructions has no value."""
        if name == "lpips" and self.lpips is None:
            return f"{self._no_lpips}; give its path as --lpips-weights"
        if name == "st_rred" and not self.has_st_rred:
            return f"ST-RRED takes clips of at least {ST_RRED_SIZE}x{ST_RRED_SIZE} pixels, and a run without --quick"
        return f"{name} has no value for any of these clips; look at them and at their reconstructions"

    def alone(self, action: Callable[[BenchmarkContext], Any]) -> Any:
        """What the first process computes, in all of them."""
        return self.processes.gather(action(self) if self.processes.is_main else None)[0]


def _with_own_options(detector: str, error: InputError) -> InputError:
    """The error with the benchmark's option for the detector's file."""
    return error.written(lambda name, value: OPTIONS.get(detector, flag(name, value)))
