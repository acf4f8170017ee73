"""Other weights beside the model's own: adapters, merged into the denoiser, and weak models, which guide it."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pvdm.conditions.text import with_words
from pvdm.diffusion.adapters.adapter_file import StoredAdapter
from pvdm.diffusion.adapters.low_rank import merge
from pvdm.diffusion.condition import ROWS
from pvdm.diffusion.denoise import Network
from pvdm.diffusion.networks.denoiser import Denoiser
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of_weights
from pvdm.generation.conditioned_model import ConditionedModel
from pvdm.generation.stored_model import StoredModel

BLOCK = "block:"
"""Begins the name of a weak model that is the model itself without a block."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Adapted:
    """What was merged into a denoiser: (file, weight) of each adapter; `base` is its digest without them."""

    base: str
    files: tuple[tuple[str, float], ...] = ()

    def with_file(self, path: str, weight: float) -> Adapted:
        """The same with one more."""
        return replace(self, files=(*self.files, (path, weight)))


class AdaptedModel(ConditionedModel):
    """Takes adapters and weak models; its arguments are those of `StoredModel`."""

    adapted: Adapted | None = None
    """The adapters that are loaded; None if there is none."""

    def load_adapter(self, path: str | Path, weight: float = 1.0) -> None:
        """Adds a low-rank adapter to the weights of the denoiser; several add up.

        weight: How strongly; 0 is without it, and a negative one takes back or inverts. Load adapters before
        `accelerate(bfloat16=True)`, which rounds. InputError if the file is no adapter, or does not fit the denoiser;
        logs a warning if it was trained for another one. A model of text then knows the words of its captions, too. The
        guide of autoguidance stays as it is.
        """
        if self.denoiser is None:
            raise InputError(f"{self.source} is a stage-1 autoencoder without a denoiser", "give a model of stage 2")
        if not math.isfinite(weight):
            raise InputError(f"the weight of {path} is {weight}", "give a finite number")
        self.check_has_weights()
        adapter = StoredAdapter.load(path)
        adapted = self.adapted or Adapted(sha256_of_weights(self.denoiser))
        if adapter.base != adapted.base:
            logger.warning("%s was trained for another model than %s", path, self.source)
        merge(self.denoiser, adapter.tensors, adapter.config, weight)
        if self.text is not None:
            self.text = with_words(self.text, adapter.words)
        self.adapted = adapted.with_file(str(path), weight)

    def guide_without(self, block: int, weight: float = 1.0) -> None:
        """Makes the model guide itself by leaving out a block (`DiffusionConfig.skipped_block`), not by early weights.

        InputError for a stage-1 autoencoder, ArgumentError if it has no such block.
        """
        self.check_can_continue(None)
        guide = self.denoiser.without_block(block)
        self.diffusion = replace(self.diffusion, autoguidance=weight, skipped_block=block)
        self._modules.pop("guide", None)
        vars(self)["guide"] = guide


def weak_network(model: AdaptedModel, name: str) -> Network:
    """The weak model of a sampler's settings, kept once loaded; InputError if it is for other latents."""
    if name.startswith(BLOCK):
        return without_block(model, name)
    loaded = vars(model).setdefault("_weak_networks", {})  # in a dict, as they are no parts of the model
    if name not in loaded:
        weak = type(model).load(name)
        check_weak(model, weak, name)
        loaded[name] = weak.denoiser.requires_grad_(False)
    network = loaded[name].to(model.device)
    takes = {"label": network.config.classes, **{part: getattr(network.config, f"{part}_width") for part in ROWS}}
    takes["scores"] = network.config.scores == model.denoiser.config.scores
    lacking = [part for part, there in takes.items() if not there]
    absent = {part: None for name in lacking for part in (name, f"{name}_mask")}
    own = {"weight": network.config.guidance_input, "steps": network.config.few_steps}
    absent |= {part: None for part, is_taken in own.items() if not is_taken}
    return lambda z, t, condition: network(z, t, replace(condition, **absent))


def without_block(model: AdaptedModel, name: str) -> Network:
    """The denoiser without the block that "block:N" names; InputError if it is none, or the model is of graphs."""
    number = name.removeprefix(BLOCK)
    if not number.isdecimal():
        raise InputError(f"the weak model is {name}", f"give the number of a block, as in {BLOCK}2")
    if not isinstance(model.denoiser, Denoiser):
        raise InputError("exported graphs cannot leave out a block", "export the model with --skip-block, or sample it")
    return model.denoiser.without_block(int(number))


def check_weak(model: StoredModel, weak: StoredModel, name: str) -> None:
    """InputError unless a weak model denoises the latents of this one in the same way."""
    if weak.denoiser is None or weak.diffusion.process != model.diffusion.process:
        problem = f"the weak model {name} " + ("has no denoiser" if weak.denoiser is None else "has another diffusion")
        raise InputError(problem, "give an earlier checkpoint of this model, or a smaller one trained like it")
    own, other = model.autoencoder.state_dict(), weak.autoencoder.state_dict()
    fits = own.keys() == other.keys() and all(own[key].shape == other[key].shape for key in own)
    if not fits or not all(torch.allclose(own[key].cpu().float(), other[key].float(), 1e-2, 1e-3) for key in own):
        problem = f"the weak model {name} has another autoencoder"
        raise InputError(problem, "give a model of stage 2 that was trained on the same latents")
