"""Evaluation by named protocols at the end of `pvdm test`, with the code of `pvdm evaluate`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import Callback, LightningModule, Trainer

from pvdm.data import Part
from pvdm.data.mixing.mixed_collection import MixedCollection
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError, check_range
from pvdm.evaluation.clips.model_clips import LoadedModel
from pvdm.evaluation.clips.protocol_clips import Sampling, check_reconstructs, reconstructions_of, source_of
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.features.detectors import DETECTORS
from pvdm.evaluation.measurement import Measurement, prepare
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import protocols_named
from pvdm.evaluation.results import document, write_document
from pvdm.files.weights import sha256_of
from pvdm.runtime.processes import Processes
from pvdm.training.data import LatentData, VideoData

logger = logging.getLogger(__name__)

CHANGED = ("num_real", "num_fake", "size", "frames", "part")
"""Options of `pvdm evaluate` that are keys of `changes` here."""


class Evaluation(Callback):
    """Evaluates the tested model, with its averaged weights, on the videos of `data`.

    Does nothing without `protocols`. Each score is logged as `test/<protocol>/<metric>`, and `evaluation.json` in the
    run's folder has the content that `pvdm evaluate --output` writes.

    Args:
        protocols: Names of protocols or of families; docs/evaluation.md lists them.
        changes: Values that replace those of a protocol, such as `num_fake` or `size`; the result is then custom.
        sampler: Sampler; by default the module's own.
        later_sampler: Sampler of the clips after the first one of a long video; by default `sampler`.
        every_class: Sample all classes of the model in turn, instead of unconditionally.
        allow_few: Evaluate fewer clips than a protocol requires, and mark the result.
        detector_paths: Weights by the name of the feature network; others are downloaded if they have an address.
        lpips_weights: Weights of VGG-16 for LPIPS, for reconstructions.
        batch_size: Clips in memory at once.
        precision: Precision of the model, float32 or bfloat16 autocast, independent of the trainer's.
    """

    def __init__(
        self,
        protocols: list[str] | None = None,
        changes: dict[str, Any] | None = None,
        sampler: SamplerConfig | None = None,
        later_sampler: SamplerConfig | None = None,
        every_class: bool = False,
        allow_few: bool = False,
        detector_paths: dict[str, Path] | None = None,
        lpips_weights: Path | None = None,
        batch_size: int = 4,
        precision: Literal["32", "bf16"] = "32",
    ) -> None:
        check_range(1, batch_size=batch_size)
        named = [protocol for name in protocols or () for protocol in protocols_named(name)]
        self.protocols = [protocol.with_changes(**changes or {}) for protocol in named]
        self.names = [protocol.name for protocol in named]
        self.sampler, self.later_sampler, self.every_class = sampler, later_sampler, every_class
        self.precision, self.detector_paths = precision, self._checked(detector_paths or {})
        self.options = {"allow_few": allow_few, "batch_size": batch_size, "lpips_weights": lpips_weights}
        self._measurements: list[Measurement] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """InputError for everything that can be checked in advance."""
        if self.protocols:
            try:
                self._prepare(trainer, pl_module)
            except InputError as error:
                raise error.written(_option) from error

    def _prepare(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if isinstance(trainer.datamodule, LatentData):
            raise InputError("evaluation needs videos, and the data are cached latents", "give the videos as data")
        if not isinstance(trainer.datamodule, VideoData):
            raise InputError("evaluation needs a data module of pvdm", "leave out evaluation.protocols")
        if isinstance(trainer.datamodule.collection, MixedCollection):
            raise InputError("evaluation compares with one data set, and data.mix is several", "give it as data.path")
        file = Path(trainer.ckpt_path)
        model = LoadedModel(pl_module.generator, str(file), sha256_of(file), self.precision)
        sampler = self.sampler or getattr(pl_module, "sampler", None)
        sampling = Sampling(sampler or SamplerConfig(), self.later_sampler, every_class=self.every_class)
        self._measurements = [self._prepared(protocol, model, sampling, trainer) for protocol in self.protocols]

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        results = [measurement.run() for measurement in self._measurements]
        if not results:
            return
        for name, result in zip(self.names, results, strict=True):
            _log_scores(pl_module, name, result)
        if trainer.is_global_zero:
            path = Path(trainer.default_root_dir) / "evaluation.json"
            write_document(path, document(results, device=pl_module.device), overwrite=True)
            logger.info("evaluation: %s", path)

    def _checked(self, paths: dict[str, Path]) -> dict[str, Path]:
        """The paths; InputError for a file that no feature network of the protocols uses."""
        used = [protocol.detector for protocol in self.protocols if protocol.detector]
        with_file = [name for name in dict.fromkeys(used) if name in DETECTORS and DETECTORS[name].file]
        if foreign := [name for name in paths if name not in with_file]:
            names = ", ".join(with_file) or "none"
            raise InputError(
                f"evaluation.detector_paths has a file for {foreign[0]}, and the protocols need files for {names}",
                "leave it out, or correct the name",
            )
        return paths

    def _prepared(self, protocol: Protocol, model: LoadedModel, sampling: Sampling, trainer: Trainer) -> Measurement:
        videos = _videos(trainer.datamodule, protocol)
        if protocol.kind == "reconstruction":
            real = source_of(videos, protocol, role="real", size=check_reconstructs(model, protocol))
            fake = reconstructions_of(model, real)
        else:
            real = source_of(videos, protocol, role="real")
            num = len(real(protocol.seeds[0])) if protocol.fits else None
            fake = source_of(model, protocol, role="fake", num=num, sampling=sampling)
        held_out = None
        if protocol.kind == "nearest" and videos.part == "train":
            held_out = source_of(_videos(trainer.datamodule, protocol, part="test"), protocol, role="real")
        return prepare(
            real,
            fake,
            protocol,
            held_out=held_out,
            detector_path=self.detector_paths.get(protocol.detector),
            device=model.generator.device,
            processes=Processes(trainer.global_rank, trainer.world_size),
            progress=_log_progress if trainer.is_global_zero else None,
            **self.options,
        )


def _option(name: str, value: str | None) -> str:
    """An option of `pvdm evaluate`, with its value if it has one, as an option of `pvdm test`."""
    if name in CHANGED:
        value = "null" if value == "native" else value
        return f"--evaluation.changes '{{\"{name}\": {value}}}'" if value else f"{name} in --evaluation.changes"
    if name == "detector_path":
        return "--evaluation.detector_paths"
    return f"--evaluation.{name}{' true' if name == 'allow_few' else ''}"


def _videos(data: VideoData, protocol: Protocol, part: Part | None = None) -> VideoSet:
    """The videos of this part, or of the protocol's."""
    videos = data.collection
    part = part or protocol.part_of(videos.layout)
    options = videos.splits
    return VideoSet.find(
        videos.path,
        layout=videos.layout,
        part=part,
        split=options.split,
        folders=options.folders,
        scenes=options.scenes,
        loop=videos.clip.loop,
    )


def _log_scores(pl_module: LightningModule, name: str, result: dict[str, Any]) -> None:
    prefix = f"test/{name}" if result["based_on"] is None else f"test/{result['protocol']}/{name}"
    for metric, score in result["metrics"].items():
        if score["value"] is not None:
            pl_module.log(f"{prefix}/{metric}", score["value"], sync_dist=True)  # equal anyway; avoids a warning


def _log_progress(label: str, done: int, total: int) -> None:
    """Logs each pass over the clips once it is complete."""
    if done == total:
        logger.info("%s: all %d", label, total)
