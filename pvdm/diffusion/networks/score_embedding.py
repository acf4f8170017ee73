"""Scores of clips in a denoiser, such as motion and frame rate: numbers whose embedding joins that of the time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.networks.blocks import timestep_embedding, zero
from pvdm.errors import ArgumentError

FINENESS = 10.0
"""Radians of the fastest sinusoid for a change of a score by the factor e: changes of some percent can be told."""


def check_scores(names: Sequence[str]) -> tuple[str, ...]:
    """The names as a tuple; ArgumentError for one that is given twice, or that is no word."""
    for name in names:
        if not name.isidentifier():
            raise ArgumentError(f"a score is named {name!r}", "give a word of letters, digits and _", option="scores")
        if list(names).count(name) > 1:
            raise ArgumentError(f"the score {name} is named twice", "name it once", option="scores")
    return tuple(names)


class ScoreEmbedding(nn.Module):
    """A linear map of the sinusoids of each score, in the way of Stable Video Diffusion (Blattmann et al. 2023, arXiv
    2311.15127), whose model is told frame rate and motion; starts at zero, and has no bias, so that absent scores have
    no effect.

    Args:
        names: Of the scores, in their order.
        channels: Of the sinusoids of each.
        out_channels: Of the embedding that the result is added to.
    """

    def __init__(self, names: Sequence[str], channels: int, out_channels: int) -> None:
        super().__init__()
        self.names, self.channels = tuple(names), channels
        # By name, so that another order, or further scores, do not mix them up. The prefix avoids names of methods.
        layers = {f"of_{name}": zero(nn.Linear(channels, out_channels, bias=False)) for name in names}
        self.layers = nn.ModuleDict(layers)

    def forward(self, scores: Tensor, mask: Tensor, dtype: torch.dtype) -> Tensor:
        """scores: (b, n) float; mask: (b, n) bool, which of them are given -> (b, out_channels) of this dtype.

        ValueError for another number of scores.
        """
        if scores.shape[1] != len(self.names):
            raise ValueError(f"there are {scores.shape[1]} scores; this network takes {', '.join(self.names)}")
        known = compressed(scores.masked_fill(~mask, 0.0))
        parts = zip(self.layers.values(), known.unbind(1), mask.unbind(1), strict=True)
        return sum(
            layer(timestep_embedding(FINENESS * score, self.channels).to(dtype) * given[:, None])
            for layer, score, given in parts
        )


def compressed(scores: Tensor) -> Tensor:
    """sign(s) log(1 + |s|): large scores differ by ratios, and those around 0 by differences."""
    return scores.sign() * scores.abs().log1p()


def embedded_scores(embed: ScoreEmbedding | None, condition: Condition, dtype: torch.dtype) -> Tensor | float:
    """What the scores of a condition add to an embedding; 0 without any.

    ValueError if there are some, and the network takes none or others.
    """
    if condition.scores is None:
        return 0.0
    if embed is None:
        raise ValueError("scores are given to a network without scores; leave out the scores")
    return embed(condition.scores, condition.scores_mask, dtype)
