"""What the clips of a long video are drawn to, so that its colors and what it shows do not drift."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pvdm.conditions.keyframes import Keyframes, Picture
from pvdm.diffusion import Condition, SamplerConfig

if TYPE_CHECKING:
    from pvdm.generation.latent_model import LatentModel

ANCHOR_NOISE = 0.5
"""Noise, sigma / alpha, in the hint of an anchor: it is to draw the clip, not to end it."""


@dataclass(frozen=True, eq=False)
class Anchor:
    """A picture that each clip is drawn to.

    Args:
        picture: The picture; None for the last frame of each video's first clip, sampled or given.
        noise: Noise, sigma / alpha, in its hint: the more, the weaker it draws. 0 ends each clip with the picture.
    """

    picture: Picture | None = None
    noise: float = ANCHOR_NOISE


class AnchoredClips:
    """Adds an anchor's hint, as that of a clip's last frame, to the conditions of clips that have no other hint.

    Args:
        generator: The model.
        anchor: The anchor; None changes nothing.
        videos: How many there are.
        context: The videos that are continued, (3, n, h, w) or (b, 3, n, h, w) uint8; None for new ones.

    InputError if the model does not take given frames, or the picture cannot be read.
    """

    def __init__(
        self, generator: LatentModel, anchor: Anchor | None, videos: int, context: Tensor | None = None
    ) -> None:
        self._generator, self._anchor, self._videos = generator, anchor, videos
        self._hint: Condition | None = None
        if anchor is None:
            return
        generator.check_takes_frames()
        if anchor.picture is not None:
            end = Keyframes.of(generator.frames, generator.size, last_frame=anchor.picture)
            self._hint = generator.hinted(Condition(), end, 0, videos)
        elif context is not None:
            self._draw_to((context if context.dim() == 5 else context[None])[:, :, : generator.frames])

    def drawn(self, condition: Condition, sampler: SamplerConfig) -> tuple[Condition, SamplerConfig]:
        """The condition and the sampler of the next clips."""
        if self._hint is None or condition.hint is not None:
            return condition, sampler
        hinted = replace(condition, hint=self._hint.hint, known=self._hint.known)
        return hinted, replace(sampler, hint_noise=self._anchor.noise)

    def follow(self, latent: Tensor) -> None:
        """Takes the first clips, of latents (b, c, l), as the anchor if there is none yet."""
        if self._anchor is not None and self._hint is None:
            self._draw_to(self._generator.decode_latent(latent))

    def _draw_to(self, clips: Tensor) -> None:
        """The last frames of clips (b, 3, t, h, w) uint8."""
        known = torch.zeros(len(clips), clips.shape[2], dtype=torch.bool)
        known[:, -1] = True
        hint = self._generator.hint(clips, known)
        self._hint = Condition(hint=hint.hint.expand(self._videos, -1, -1), known=hint.known.expand(self._videos, -1))
