"""Low-rank adapters of the denoiser, merged into its weights."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path

from pvdm.conditions.text import with_words
from pvdm.diffusion.adapters.adapter_file import StoredAdapter
from pvdm.diffusion.adapters.low_rank import merge
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of_weights
from pvdm.generation.conditioned_model import ConditionedModel

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
    """Takes adapters; its arguments are those of `StoredModel`."""

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
