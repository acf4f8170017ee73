"""Clips of a stream made again, each alone, so that the result depends on no one else who was there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from pvdm.errors import InputError
from pvdm.studio.streams.clip_batch import ClipRequest, make_clips
from pvdm.studio.streams.stream_settings import StreamSettings

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator
    from pvdm.studio.streams.stream_registry import Stream


@dataclass(frozen=True)
class ReplayClip:
    """A clip to be made again.

    Args:
        id: Its number in its stream.
        parent: The clip that it continues; None at the beginning of a scene.
        noise: (seed, video, clip) of its noise, whose numbers are those of `VideoGenerator.stream`.
        settings: What it is to be.
    """

    id: int
    parent: int | None
    noise: tuple[int, int, int]
    settings: StreamSettings


@dataclass(frozen=True, eq=False)
class Replay:
    """What makes clips again, bit for bit.

    Args:
        clips: In the order in which they are shown.
        latents: (c, l) float32 by the numbers of clips: of those that a clip continues and that come before it
            nowhere; and of clips that cannot be made, since what they continue is forgotten.
        pictures: (3, h, w) uint8 of the model's size, by the names in the settings.
    """

    clips: Sequence[ReplayClip]
    latents: Mapping[int, Tensor] = field(default_factory=dict)
    pictures: Mapping[str, Tensor] = field(default_factory=dict)


def replay_of(stream: Stream, numbers: Sequence[int]) -> Replay:
    """What makes clips of a stream again; InputError for one that is not there or named twice, or a lost picture."""
    if len(set(numbers)) < len(numbers):
        raise InputError("a clip is named twice", "name each once")
    found, latents, made = [stream.timeline[number] for number in numbers], {}, set()
    for clip in found:
        if clip.parent is not None and clip.parent not in made:
            known = clip if clip.parent not in stream.timeline.clips else stream.timeline[clip.parent]
            latents[known.id] = known.latent
        made.add(clip.id)
    clips = [ReplayClip(clip.id, clip.parent, clip.noise, clip.settings) for clip in found]
    names = {name for clip in clips for name in clip.settings.given_pictures().values()}
    if lost := names - stream.pictures.keys():
        clip = next(clip for clip in clips if lost & {*clip.settings.given_pictures().values()})
        raise InputError(f"a picture of clip {clip.id} is forgotten", "export other clips, or upload it again")
    return Replay(clips, latents, {name: stream.pictures[name] for name in names})


def check_parents(replay: Replay) -> None:
    """InputError unless each clip begins a scene, continues one before it or one with a latent, or has its own."""
    made: set[int] = set()
    for clip in replay.clips:
        if clip.parent is not None and clip.parent not in made and not {clip.parent, clip.id} & replay.latents.keys():
            raise InputError(f"clip {clip.id} continues clip {clip.parent}, which is not there", "export them again")
        made.add(clip.id)


def rendered(generator: VideoGenerator, replay: Replay) -> Iterator[Tensor]:
    """The frames (3, t, h, w) uint8 of each clip."""
    latents, ends, last = dict(replay.latents), {}, generator.diffusion.border_fade + 1
    for clip in replay.clips:
        if clip.id in replay.latents:
            latent, frames = latents[clip.id], _decoded(generator, latents[clip.id])
        else:
            before = None
            if clip.parent is not None:
                end = ends.get(clip.parent)
                before = _decoded(generator, latents[clip.parent]) if end is None else end
            context = None if clip.parent is None else latents[clip.parent]
            request = ClipRequest("replay", clip.settings, clip.noise, context, before, replay.pictures)
            (made,) = make_clips(generator, [request])
            latent, frames = made.latent, made.frames
        latents[clip.id], ends[clip.id] = latent, frames[:, -last:].clone()
        yield frames


def _decoded(generator: VideoGenerator, latent: Tensor) -> Tensor:
    """(c, l) -> (3, t, h, w) uint8."""
    return generator.decode_latent(latent[None].to(generator.device))[0]
