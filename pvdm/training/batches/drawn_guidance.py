"""A weight of guidance that is drawn for each sample, for a network that takes it as an input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from pvdm.diffusion import Condition, SamplerConfig
from pvdm.diffusion.denoise import Denoise
from pvdm.diffusion.networks.denoiser import DenoiserConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training.batches.sample_rng import Draw, levels


@dataclass(frozen=True)
class DrawnGuidance:
    """A weight of guidance that becomes an input of the network; Meng et al. 2023 (arXiv 2210.03142), sec. 3.1.

    Args:
        name: Which weight of the sampler: label_guidance, prompt_guidance, guidance (by the previous clip),
            hint_guidance, camera_guidance, sound_guidance, scores_guidance or autoguidance.
        most: Weights are drawn from 0 to this.
    """

    name: str = "label_guidance"
    most: float = 4.0

    @classmethod
    def of(cls, config: DenoiserConfig) -> DrawnGuidance | None:
        """That of a network; None if it takes no weight."""
        return None if config.guidance_input is None else cls(config.guidance_input, config.guidance_most)

    def sizes(self) -> dict[str, Any]:
        """The fields of a `DenoiserConfig`."""
        return {"guidance_input": self.name, "guidance_most": self.most}

    def check(self, model: VideoGenerator, sampler: SamplerConfig | None) -> None:
        """InputError unless a model, guided by this sampler where no weight is drawn, can teach this; None for none."""
        if sampler is None:
            raise InputError(f"{self.name} is drawn and there is no teacher", "give model.teacher, or do not draw it")
        own = model.denoiser.config.guidance_input
        if own not in (None, self.name):
            raise InputError(f"{self.name} is drawn, and the model is told {own} already", f"draw {own}")
        if not getattr(sampler, self.name) <= self.most:
            problem = (
                f"teacher.{self.name} is {getattr(sampler, self.name):g}, and {self.most:g} the most that is drawn"
            )
            raise InputError(problem, "raise drawn_guidance.most")
        model.completed(replace(sampler, **{self.name: self.most}))

    def draw(self, batch: Mapping[str, Any]) -> Tensor:
        """A weight for each sample, (b,) float."""
        return levels(batch, self.most, Draw.GUIDANCE)

    def guided(
        self,
        model: VideoGenerator,
        sampler: SamplerConfig,
        condition: Condition,
        weight: Tensor,
        others: Mapping[str, Tensor] = {},
    ) -> Denoise:
        """The `denoise` of a model, guided by a weight (b,) for each sample, and by others for the sampler's."""
        if model.denoiser.config.guidance_input == self.name:
            told, plain = replace(condition, weight=weight), replace(sampler, **{self.name: 0.0})
            return model.denoise_of(told, plain, weights=others)
        weights = {**others, self.name: weight}
        return model.denoise_of(condition, replace(sampler, **{self.name: self.most}), weights=weights)
