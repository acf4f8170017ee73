"""Figures by named protocols at the end of `pvdm test`, computed as `pvdm evaluate` computes them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import Callback, LightningModule, Trainer

from pvdm.data import Part
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError, check_range
from pvdm.evaluation.detectors import DETECTORS
from pvdm.evaluation.measurement import Measurement, prepare
from pvdm.evaluation.processes import Processes
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import protocols_named
from pvdm.evaluation.results import document, write_document
from pvdm.evaluation.sources import (
    LoadedModel,
    Sampling,
    VideoSet,
    check_reconstructs,
    reconstructions_of,
    source_of,
)
from pvdm.training.data import VideoData
from pvdm.weights import sha256_of

logger = logging.getLogger(__name__)


class Evaluation(Callback):
    """Evaluates the model that is tested, which is the averaged one, against the videos of `data`.

    Nothing happens without `protocols`. Each figure is logged as `test/<protocol>/<metric>`, and `evaluation.json` in
    the run's folder is what `pvdm evaluate --output` writes.

    Args:
        protocols: Names of protocols or of families of them; docs/evaluation.md lists them.
        changes: Values that are set otherwise than a protocol says, such as `num_fake` or `size`; what is found is
            then called custom.
        sampler: Solver; the module's own if not given.
        later_sampler: Solver of the clips after the first of a long video; that of the first if not given.
        every_class: Sample all classes in turn, of a model with classes; else videos of no class in particular.
        allow_few: Evaluate fewer clips than a protocol asks for, and mark the result.
        detector_path: Weights of the protocols' feature network, where it has a file; fetched if not given, where
            there is an address.
        lpips_weights: VGG's, for reconstructions.
        batch_size: Clips at once.
        precision: float32, or bfloat16 autocast, of the model; that of the trainer plays no part.
    """

    def __init__(
        self,
        protocols: list[str] | None = None,
        changes: dict[str, Any] | None = None,
        sampler: SamplerConfig | None = None,
        later_sampler: SamplerConfig | None = None,
        every_class: bool = False,
        allow_few: bool = False,
        detector_path: Path | None = None,
        lpips_weights: Path | None = None,
        batch_size: int = 4,
        precision: Literal["32", "bf16"] = "32",
    ) -> None:
        check_range(1, batch_size=batch_size)
        named = [protocol for name in protocols or () for protocol in protocols_named(name)]
        self.protocols = [protocol.with_changes(**changes or {}) for protocol in named]
        self.names = [protocol.name for protocol in named]
        self.sampler, self.later_sampler, self.every_class = sampler, later_sampler, every_class
        self.precision, self.detector_path = precision, detector_path
        self.options = {"allow_few": allow_few, "batch_size": batch_size, "lpips_weights": lpips_weights}
        self._measurements: list[Measurement] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """InputError for all that can be refused, before the test takes its time."""
        if not self.protocols:
            return
        if not isinstance(trainer.datamodule, VideoData):
            raise InputError("evaluation needs the videos of pvdm's data; leave out evaluation.protocols")
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
            _log(pl_module, name, result)
        if trainer.is_global_zero:
            path = Path(trainer.default_root_dir) / "evaluation.json"
            write_document(path, document(results, device=pl_module.device), overwrite=True)
            logger.info("evaluation: %s", path)

    def _prepared(self, protocol: Protocol, model: LoadedModel, sampling: Sampling, trainer: Trainer) -> Measurement:
        videos = _videos(trainer.datamodule, protocol)
        if protocol.kind == "reconstruction":
            real = source_of(videos, protocol, role="real", size=check_reconstructs(model, protocol))
            fake = reconstructions_of(model, real)
        else:
            real = source_of(videos, protocol, role="real")
            fake = source_of(model, protocol, role="fake", sampling=sampling)
        held_out = None
        if protocol.kind == "nearest" and videos.part == "train":
            held_out = source_of(_videos(trainer.datamodule, protocol, part="test"), protocol, role="real")
        has_file = protocol.detector in DETECTORS and DETECTORS[protocol.detector].file is not None
        return prepare(
            real,
            fake,
            protocol,
            held_out=held_out,
            detector_path=self.detector_path if has_file else None,
            device=model.generator.device,
            processes=Processes(trainer.global_rank, trainer.world_size),
            progress=_tell if trainer.is_global_zero else None,
            **self.options,
        )


def _videos(data: VideoData, protocol: Protocol, part: Part | None = None) -> VideoSet:
    """Those of the protocol's part, or of another."""
    return VideoSet.find(data.path, layout=data.layout, part=part or protocol.part_of(data.layout), split=data.split)


def _log(pl_module: LightningModule, name: str, result: dict[str, Any]) -> None:
    prefix = f"test/{name}" if result["based_on"] is None else f"test/{result['protocol']}/{name}"
    for metric, found in result["metrics"].items():
        if found["value"] is not None:
            pl_module.log(f"{prefix}/{metric}", found["value"], sync_dist=True)  # they agree, but Lightning would warn


def _tell(what: str, done: int, total: int) -> None:
    """A line for each stage that is done."""
    if done == total:
        logger.info("%s: all %d", what, total)
