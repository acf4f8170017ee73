"""The weight of guidance as an input of a denoiser, which then is guided in one evaluation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.networks.blocks import timestep_embedding, zero
from pvdm.diffusion.networks.score_embedding import FINENESS, compressed
from pvdm.diffusion.sampler_config import SamplerConfig
from pvdm.errors import ArgumentError

if TYPE_CHECKING:
    from pvdm.diffusion.networks.denoiser import DenoiserConfig

GUIDANCE_WEIGHTS = {
    "guidance": None,
    "label_guidance": "classes",
    "prompt_guidance": "text_width",
    "camera_guidance": "camera_width",
    "sound_guidance": "sound_width",
    "scores_guidance": "scores",
    "hint_guidance": "hints",
    "autoguidance": None,
}
"""The weights of a `SamplerConfig` that may be an input, and what of its sizes says that a network can be so guided."""


class GuidanceEmbedding(nn.Module):
    """A linear map of the sinusoids of a weight, which joins the embedding of the time (Meng et al. 2023, arXiv
    2210.03142, sec. 3.1); starts at zero, and a weight of 0 has no effect.

    Args:
        channels: Of the sinusoids.
        out_channels: Of the embedding that the result is added to.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.channels, self.layer = channels, zero(nn.Linear(channels, out_channels, bias=False))

    def forward(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """weight: (b,) float, from 0 -> (b, out_channels) of this dtype."""
        own, none = (timestep_embedding(FINENESS * compressed(w), self.channels) for w in (weight, 0 * weight))
        return self.layer((own - none).to(dtype))


def embedded_guidance(embed: GuidanceEmbedding | None, condition: Condition, dtype: torch.dtype) -> Tensor | float:
    """What the weight of a condition adds to an embedding; ValueError if there is one, and the network takes none."""
    if condition.weight is None:
        return 0.0
    if embed is None:
        raise ValueError("a weight is given to a network without a guidance_input; leave out the weight")
    return embed(condition.weight, dtype)


def told_weight(
    condition: Condition, sampler: SamplerConfig, config: DenoiserConfig, start: Tensor
) -> tuple[Condition, SamplerConfig]:
    """The condition with the weight that a network takes as an input, and the sampler without it.

    start: (b, c, l), of whose samples and device the condition is.
    """
    if (name := config.guidance_input) is None:
        return condition, sampler
    weight = torch.full((len(start),), float(getattr(sampler, name)), device=start.device)
    return replace(condition, weight=weight), replace(sampler, **{name: 0.0})


def check_guidance_input(config: DenoiserConfig) -> None:
    """ArgumentError unless the input is none, or a weight that can guide the network, up to a number above 0."""
    name, most = config.guidance_input, config.guidance_most
    if name is None:
        return
    if name not in GUIDANCE_WEIGHTS:
        raise ArgumentError(
            f"the input is {name!r}", f"it must be one of {', '.join(GUIDANCE_WEIGHTS)}", option="guidance_input"
        )
    if GUIDANCE_WEIGHTS[name] is not None and not getattr(config, GUIDANCE_WEIGHTS[name]):
        problem = f"the input is {name}, and the network has no {GUIDANCE_WEIGHTS[name]}"
        raise ArgumentError(problem, "choose another weight", option="guidance_input")
    if not 0 < most < math.inf:
        raise ArgumentError(f"guidance_most is {most:g}", "give a weight above 0", option="guidance_most")


def check_weight(sampler: SamplerConfig, config: DenoiserConfig) -> None:
    """ArgumentError if a sampler asks for what a network cannot do that takes one weight as an input."""
    if (name := config.guidance_input) is None or not (weight := getattr(sampler, name)):
        return
    if not 0 < weight <= config.guidance_most:
        remedy = f"give 0 to {config.guidance_most:g}, for which this model was tuned"
        raise ArgumentError(f"{name} is {weight:g}", remedy, option=name)
    for other in ("guidance_interval", *(["weak_model"] if name == "autoguidance" else [])):
        if getattr(sampler, other) is not None:
            remedy = f"leave it out: {name} is an input of this model's network"
            raise ArgumentError(f"{other} is given", remedy, option=other)
