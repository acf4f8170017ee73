"""The models and videos that the options of `pvdm evaluate` name, loaded once for all protocols."""

from __future__ import annotations

import argparse
import logging
from functools import cache
from pathlib import Path
from typing import Any

import torch

from pvdm.commands.terminal.shared_options import SOLVER, labels_of, sampler_of, with_solver
from pvdm.data import Part, layout_of
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import LoadedModel
from pvdm.evaluation.clips.protocol_clips import (
    Sampling,
    Source,
    check_reconstructs,
    is_model,
    reconstructions_of,
    source_of,
)
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.features.detectors import DETECTORS
from pvdm.evaluation.measurement import Measurement, prepare
from pvdm.evaluation.protocol import Protocol
from pvdm.runtime.processes import Processes
from pvdm.runtime.progress_callback import NamedProgress

logger = logging.getLogger(__name__)


class Plan:
    """The two sides of an evaluation; models are loaded here, folders when a protocol says which part."""

    def __init__(self, options: argparse.Namespace, device: torch.device, processes: Processes) -> None:
        self.options, self.device, self.processes = options, device, processes
        self.models = {
            path: LoadedModel.load(path, device=device, precision=options.precision)
            for path in dict.fromkeys(self._model_paths())
        }
        self.videos = cache(VideoSet.find)
        if options.reconstruct and options.fake not in self.models:
            raise InputError(
                f"--reconstruct takes a model as --fake, and {options.fake} is not a model", "give a model"
            )
        if (options.label or options.every_class) and not self.models:
            raise InputError("--label and --every-class apply only to a model that is sampled", "leave them out")
        if options.loop and (not options.real or options.real in self.models):
            raise InputError("--loop applies to real videos", "give them as --real, or leave it out")
        given = [
            f"--{name.replace('_', '-')}" for name in (*SOLVER, "later_steps") if getattr(options, name) is not None
        ]
        if given and not self.models:
            raise InputError(
                f"there is no model to sample with {' and '.join(given)}",
                "leave that out, or give a model",
            )

    def prepare(self, protocol: Protocol, progress: NamedProgress | None) -> Measurement:
        """The measurement by a protocol; InputError for wrong options, see `pvdm.evaluation.measurement`."""
        options, model = self.options, self.models.get(self.options.fake)
        reconstructs = options.reconstruct or (protocol.kind == "reconstruction" and model is not None)
        size = check_reconstructs(model, protocol) if reconstructs else None
        real = options.real and self._side("real", protocol, size=size)
        if reconstructs:
            fake = reconstructions_of(model, self._needed(real, protocol))
        else:
            fake = self._side("fake", protocol, num=len(real(protocol.seeds[0])) if real else None)
            _warn_of_enlargement(model, protocol)
        return prepare(
            real or None,
            fake,
            protocol,
            detector_path=self._detector_path(protocol),
            lpips_weights=options.lpips_weights,
            st_rred=options.st_rred,
            held_out=self._held_out(protocol),
            allow_few=options.allow_few,
            batch_size=options.batch_size,
            device=self.device,
            processes=self.processes,
            progress=progress,
        )

    def _model_paths(self) -> list[str]:
        layouts = {"real": self.options.real_layout, "fake": self.options.fake_layout}
        paths = {side: getattr(self.options, side) for side in layouts}
        return [paths[side] for side in layouts if paths[side] and layouts[side] is None and is_model(paths[side])]

    def _side(self, side: str, protocol: Protocol, **known: Any) -> Source:
        """The clips of --real or --fake."""
        path = getattr(self.options, side)
        if path in self.models:
            sampling = self._sampling(self.models[path])
            return source_of(self.models[path], protocol, role=side, sampling=sampling, **known)
        part = self.options.part if side == "real" else self.options.fake_part
        found = self._find(side, protocol, part)
        if part and found.part is None:
            flag = "--part" if side == "real" else "--fake-part"
            raise InputError(f"{path} has no parts, so {flag} {part} does not apply", f"leave {flag} out")
        return source_of(found, protocol, role=side, **known)

    def _find(self, side: str, protocol: Protocol, part: Part | None = None) -> VideoSet:
        path = getattr(self.options, side)
        layout = getattr(self.options, f"{side}_layout") or layout_of(path)
        part = part or protocol.part_of(layout)
        loop = self.options.loop and side == "real"
        return self.videos(Path(path), layout=layout, part=part, split=self.options.split, loop=loop)

    def _needed(self, real: Source | None, protocol: Protocol) -> Source:
        if not real:
            raise InputError(f"{protocol.title} takes reconstructions of real clips", "give them as --real")
        return real

    def _held_out(self, protocol: Protocol) -> Source | None:
        """The clips of --held-out, or the test part of the real data set, where the real clips are its other part."""
        if protocol.kind != "nearest" or not self.options.real or self.options.real in self.models:
            return None
        if path := self.options.held_out:
            found = self.videos(
                path, layout=layout_of(path), part="test", split=self.options.split, loop=self.options.loop
            )
            return source_of(found, protocol, role="real")
        if self._find("real", protocol, self.options.part).part != "train":
            return None
        return source_of(self._find("real", protocol, "test"), protocol, role="real")

    def _sampling(self, model: LoadedModel) -> Sampling:
        options, generator = with_solver(self.options), model.generator
        if options.every_class:
            if options.label:
                raise InputError("--label and --every-class are both given", "give one of them")
            if not generator.class_count:
                raise InputError("this model has no classes", "leave out --every-class")
            options = argparse.Namespace(**{**vars(options), "label": list(map(str, range(generator.class_count)))})
        later = sampler_of(options, generator, steps=options.later_steps)
        labels = labels_of(options, generator, len(options.label or [0]))
        return Sampling(sampler_of(options, generator), later, labels)

    def _detector_path(self, protocol: Protocol) -> str | None:
        """The file that an option gives for the protocol's network, by its name or as the only one."""
        if protocol.detector is None or DETECTORS[protocol.detector].file is None:
            return None
        given = self.options.detector or []
        named = dict(text.split("=", 1) for text in given if text.split("=", 1)[0] in DETECTORS and "=" in text)
        plain = [text for text in given if text.split("=", 1)[0] not in DETECTORS]
        if len(plain) > 1:
            raise InputError(f"--detector is given twice ({', '.join(plain)})", "give each as NAME=FILE, see --list")
        return named.get(protocol.detector) or next(iter(plain), None)


def _warn_of_enlargement(model: LoadedModel | None, protocol: Protocol) -> None:
    """Warns that clips are enlarged: they lack the detail of real ones, which the scores do not explain."""
    if model is None or protocol.size is None:
        return
    config = model.generator.autoencoder.config
    if max(protocol.size / config.height, protocol.size / config.width) > 1:
        logger.warning(
            "the model's %dx%d are enlarged to %d for %s; --size %d compares at the model's size",
            *(config.height, config.width, protocol.size, protocol.title, config.height),
        )
