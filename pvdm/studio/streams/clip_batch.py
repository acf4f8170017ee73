"""Clips that several clients ask for, made as one batch of the networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pvdm.conditions.keyframes import Keyframes
from pvdm.diffusion import Condition, SamplerConfig, VideoNoise
from pvdm.diffusion.condition import MASKS
from pvdm.studio.streams.stream_settings import StreamSettings
from pvdm.video.clip_borders import fade_from, fade_share

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator


@dataclass(frozen=True, eq=False)
class ClipRequest:
    """A clip to be made.

    Args:
        owner: Whose turn it takes.
        settings: What it is to be.
        noise: (seed, video, clip): clip `clip` of video `video` of a seed, as `VideoGenerator.stream` numbers them.
        context: Latent (c, l) of the clip that it continues; None for a new scene.
        before: The last frames (3, n, h, w) uint8 of that clip, of which the model's `border_fade` + 1 are used.
        pictures: The pictures (3, h, w) uint8 by the names in the settings.
        version: The client's number of the settings.
        parent: The number of the clip that it continues, in its timeline.
    """

    owner: str
    settings: StreamSettings
    noise: tuple[int, int, int]
    context: Tensor | None = None
    before: Tensor | None = None
    pictures: Mapping[str, Tensor] = field(default_factory=dict)
    version: int = 0
    parent: int | None = None

    @property
    def batch_key(self) -> tuple[SamplerConfig, bool]:
        """Requests of the same key make one batch.

        A context draws noise, after which a sampler that draws more would go on with another part of its stream.
        """
        return self.settings.sampler(), self.context is None


@dataclass(frozen=True, eq=False)
class MadeClip:
    """A clip that was made.

    Args:
        request: What was asked for.
        latent: (c, l) on the CPU.
        frames: (3, t, h, w) uint8.
        fade: The share of the jump from the clip before that its first frames lack, see `fade_share`.
        seconds: What its batch took.
        batch: The clips of its batch.
    """

    request: ClipRequest
    latent: Tensor
    frames: Tensor
    fade: float
    seconds: float
    batch: int


def make_clips(generator: VideoGenerator, requests: Sequence[ClipRequest]) -> list[MadeClip]:
    """The clips of requests of one `batch_key`; a batch of one equals `VideoGenerator.stream` to the bit."""
    began, sampler = perf_counter(), requests[0].settings.sampler()
    condition = joined([condition_of(generator, request) for request in requests])
    latents = generator.sample_latent(VideoNoise([request.noise for request in requests]), condition, sampler)
    for place, request in enumerate(requests):
        if (given := _keyframes(generator, request.settings, request.pictures)) is not None:
            one = latents[place : place + 1]
            latents[place : place + 1] = generator.consistent(
                one, lambda clips, given=given: given.kept(clips, 0), sampler
            )
    clips, made = generator.decode_latent(latents), []
    for request, latent, clip in zip(requests, latents.cpu(), clips, strict=True):
        share, faded = _faded(generator, request.before, clip)
        made.append((request, latent.clone(), faded, share))
    seconds = perf_counter() - began
    return [MadeClip(*parts, seconds, len(requests)) for parts in made]


def shown_again(generator: VideoGenerator, latent: Tensor, previous: Tensor | None, fade: float) -> Tensor:
    """The frames (3, t, h, w) uint8 of a clip from its latent (c, l), and that of the clip before, if it has one."""
    clip = generator.decode_latent(latent[None].to(generator.device))
    if previous is None or not fade:
        return clip[0]
    last = generator.decode_latent(previous[None].to(generator.device))[:, :, -1:]
    return fade_from(last, clip, torch.tensor([fade]), generator.diffusion.border_fade)[0]


def condition_of(generator: VideoGenerator, request: ClipRequest) -> Condition:
    """The condition of one clip; InputError for what the model does not take."""
    settings = request.settings
    scores = None if settings.motion is None else {"motion": settings.motion}
    negative = settings.negative_prompt if settings.prompt else None
    options = {"labels": settings.label, "prompts": settings.prompt, "negative_prompt": negative, "scores": scores}
    condition = generator.described(1, **options)
    if request.context is not None:
        condition = replace(condition, context=request.context[None].to(generator.device))
    given = _keyframes(generator, settings, request.pictures, anchored=True)
    return generator.hinted(condition, given, 0, 1)


def joined(conditions: Sequence[Condition]) -> Condition:
    """The condition of a batch; a part that some of them lack is masked for these."""
    if len(conditions) == 1:
        return conditions[0]
    names = [part.name for part in fields(Condition)]
    like = {
        name: next((each for each in (getattr(one, name) for one in conditions) if each is not None), None)
        for name in names
    }
    return Condition.join([_filled(condition, like) for condition in conditions])


def _filled(condition: Condition, like: Mapping[str, Tensor | None]) -> Condition:
    """The condition with zeros, masked, for the parts that it lacks and others have, of which `like` is an example."""
    lacking = [name for name, value in like.items() if value is not None and getattr(condition, name) is None]
    zeros = {name: torch.zeros_like(like[name]) for name in lacking if name not in MASKS}
    masks = {mask: like[part].new_zeros(1, dtype=torch.bool) for mask, part in MASKS.items() if part in lacking}
    return replace(condition, **zeros, **masks)


def _keyframes(
    generator: VideoGenerator, settings: StreamSettings, pictures: Mapping[str, Tensor], *, anchored: bool = False
) -> Keyframes | None:
    """The pictures of a clip by its frames; `anchored`: with the anchor as its last frame, if no other is given."""
    names = settings.given_pictures()
    first, last = names.get("first_picture"), names.get("last_picture")
    last = last or (names.get("anchor") if anchored else None)
    ends = {"first_frame": pictures[first] if first else None, "last_frame": pictures[last] if last else None}
    return Keyframes.of(generator.frames, generator.size, **ends)


def _faded(generator: VideoGenerator, before: Tensor | None, clip: Tensor) -> tuple[float, Tensor]:
    """The share of the jump that is taken away, and the clip (3, t, h, w) without it."""
    length = generator.diffusion.border_fade
    if before is None or not length:
        return 0.0, clip
    share = fade_share(before[None], clip[None], length)
    return float(share), fade_from(before[None, :, -1:], clip[None], share, length)[0]
