"""What all tasks of a benchmark share: the model, the data, the detectors, and what is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.metrics.naturalness import ST_RRED_SIZE
from pvdm.evaluation.metrics.score import floor_of, halves
from pvdm.evaluation.protocol import Protocol
from pvdm.generation import VideoGenerator
from pvdm.runtime.processes import ALONE, Processes

OPTIONS = {"i3d-400": "--i3d", "c3d-ucf101": "--c3d", "lpips": "--lpips-weights"}
"""Options of the command that name a network's file."""


class Unavailable(Exception):
    """Something that a figure needs is not to be had; its text says why and what to do."""


@contextmanager
def figure_needs(remedy: str = "") -> Iterator[None]:
    """What is refused in this block makes a figure Unavailable, for the same reason; remedy: another than the error's.

    No process may be waiting for another within the block.
    """
    try:
        yield
    except InputError as error:
        raise Unavailable(f"{error.problem}; {remedy}" if remedy else str(error)) from error


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
    _networks: dict[str, Detector | PerceptualDistance | str] = field(default_factory=dict)
    _videos: dict[Part, VideoSet] = field(default_factory=dict)

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
        with figure_needs():
            videos = self.videos(part or protocol.part_of(self.plan.dataset))
        with figure_needs("give data with longer videos, or do without"):
            return clips_of(videos, protocol, role="real", seed=self.plan.seed, size=self.size)

    def samples(self, setting: Setting, frames: int = LONG) -> SampledClips:
        """The sampled videos of a setting; InputError for a model of stage 1, and for steps that it does not have.

        A model with classes samples all of them in turn, as in `pvdm evaluate --every-class`.
        """
        first, later = setting.samplers()
        protocol = Protocol("benchmark", "fvd", "", frames, size=None, num_fake=self.plan.num_videos)
        sampling = Sampling(first, later, every_class=True)
        return clips_of(self.model, protocol, role="fake", seed=self.plan.seed, sampling=sampling)

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
            with suppress(Unavailable):
                network = self._loaded(name)
                found[name] = network.record if name == "lpips" else network.describe()
        return found

    @property
    def wants_random(self) -> bool:
        """Whether figures of random weights replace those of I3D, which is not there or would be too slow."""
        return self.plan.quick or not self.records("i3d-400")

    def _loaded(self, name: str) -> Any:
        """The network on the CPU at first, so that it does not count as memory of sampling and training."""
        if name not in self._networks:
            self._networks[name] = self._load(name)
        found = self._networks[name]
        if isinstance(found, str):
            raise Unavailable(found)
        return found

    def _load(self, name: str) -> Detector | PerceptualDistance | str:
        """The network, or why there is none; InputError if its file was given and is wrong."""
        given, file = self.weights.get(name), VGG if name == "lpips" else DETECTORS[name].file
        remedy = f"give its path as {OPTIONS.get(name, '--detector')}"
        if self.plan.quick and not given and file and file.url and not file.cached.is_file():
            return f"{file.name} is not here, and --quick fetches nothing; {remedy}"
        try:
            return PerceptualDistance(given) if name == "lpips" else load_detector(name, given)
        except InputError as error:
            if given:
                raise error.written(lambda option, value: OPTIONS.get(name, flag(option, value))) from error
            return f"{error.problem}; {remedy}"

    @property
    def lpips(self) -> PerceptualDistance | None:
        """LPIPS; None where its weights are not to be had, see `why_missing`."""
        return self._loaded("lpips") if self.records("lpips") else None

    @property
    def has_st_rred(self) -> bool:
        """Whether ST-RRED is measured: it is slow, and needs frames that are not too small."""
        return not self.plan.quick and min(self.size) >= ST_RRED_SIZE

    def why_missing(self, name: str) -> str:
        """Why a measure of reconstructions has no value."""
        if name == "lpips" and isinstance(self._networks.get(name), str):
            return self._networks[name]
        if name == "st_rred" and not self.has_st_rred:
            return f"ST-RRED takes clips of at least {ST_RRED_SIZE}x{ST_RRED_SIZE} pixels, and a run without --quick"
        return f"{name} has no value for any of these clips; look at them and at their reconstructions"

    def alone(self, action: Callable[[BenchmarkContext], Any]) -> Any:
        """What the first process computes, in all of them."""
        return self.processes.gather(action(self) if self.processes.is_main else None)[0]
