"""The clips of a stream on their way to its client: decoded if need be, encoded, and put into the outbox."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from torch import Tensor

from pvdm.studio.stream_model import StreamModel
from pvdm.studio.streams.clip_batch import MadeClip, shown_again
from pvdm.studio.streams.clip_engine import ClipEngine
from pvdm.studio.streams.clip_timeline import TimelineClip
from pvdm.studio.streams.frame_codec import Frame, Place, encoder_of, packet, picture_address
from pvdm.studio.streams.outbox import Outbox
from pvdm.studio.streams.seats import Seats
from pvdm.studio.streams.shown_frames import Cut, Kind, ShownFrames
from pvdm.studio.streams.stream_registry import Stream

RECENT = 4
"""Clips whose frames are kept; those of others are decoded again."""

Encoded = tuple[list[Frame], str]


@dataclass(frozen=True)
class Workshop:
    """What all sessions share.

    Args:
        model: The model.
        engine: What makes clips.
        seats: How many streams play at once.
        encoders: Threads that encode frames.
        streams: How many streams are open.
        patience: Seconds after which a stream whose client shows nothing pauses.
    """

    model: StreamModel
    engine: ClipEngine
    seats: Seats
    encoders: Executor
    streams: Callable[[], int]
    patience: float = 15.0


class ClipSender:
    """Sends clips to one client; what it has sent and not shown can be cut off. For one event loop.

    `epoch` counts the cuts; `sent` says which frames there were.

    Args:
        stream: The client's stream.
        workshop: What it shares with others.
        codec: "h264" or "jpeg".
    """

    def __init__(self, stream: Stream, workshop: Workshop, *, codec: str) -> None:
        self.outbox, self.sent, self.epoch = Outbox(), ShownFrames(), 0
        self._stream, self._workshop, self._codec = stream, workshop, codec
        self._encode = encoder_of(codec, workshop.model.fps)
        self._recent: OrderedDict[int, Tensor] = OrderedDict()

    def cut(self) -> Cut:
        """Begins a new epoch: frames that were not shown are not to be shown any more."""
        self.outbox.drop_frames()
        self.epoch += 1
        return self.sent.cut()

    async def send_new(self, made: MadeClip) -> TimelineClip:
        """Puts a clip into the timeline, and sends it."""
        encoded = await self._encoded(made.frames)
        clip = self._stream.timeline.add(made)
        self._keep(clip, made.frames)
        self._send(clip, encoded, 0, "new")
        return clip

    async def send_again(self, clip: TimelineClip, offset: int, kind: Kind) -> None:
        """Sends the frames of a clip once more, from one on."""
        frames = await self.frames_of(clip)
        self._send(clip, await self._encoded(frames[:, offset:]), offset, kind)

    def _send(self, clip: TimelineClip, encoded: Encoded, offset: int, kind: Kind) -> None:
        """Puts the message about a clip and its encoded frames, which begin at one of its frames, into the outbox."""
        frames, picture = encoded
        part = self.sent.sent(len(frames), clip.id, offset, kind)
        about = {"frame": part.frame, "frames": part.count, "offset": offset, "epoch": self.epoch}
        self.outbox.tell(
            {"type": "clip", **clip.to_json(), **about, "picture": picture, "replay": kind != "new", "part": kind}
        )
        places = (Place(self.epoch, part.frame + number, clip.id, clip.version) for number in range(part.count))
        self.outbox.show(packet(self._codec, *pair) for pair in zip(places, frames, strict=True))

    async def _encoded(self, frames: Tensor) -> Encoded:
        """The encoded frames of a clip (3, t, h, w) uint8, and the address of the one in its middle."""

        def encode() -> Encoded:
            return self._encode(frames), picture_address(frames[:, frames.shape[1] // 2])

        return await asyncio.get_running_loop().run_in_executor(self._workshop.encoders, encode)

    async def frames_of(self, clip: TimelineClip) -> Tensor:
        """The frames (3, t, h, w) uint8 of a clip, decoded again unless it is one of the last."""
        if clip.id not in self._recent:
            parent = self._stream.timeline.clips.get(clip.parent)
            latents = clip.latent, parent.latent if parent else None
            frames = await self._workshop.engine.run(
                self._stream.id, lambda generator, report: shown_again(generator, *latents, clip.fade)
            )
            self._keep(clip, frames)
        self._recent.move_to_end(clip.id)
        return self._recent[clip.id]

    def recent(self, clip: int) -> Tensor | None:
        """The frames of a clip, if they are kept."""
        return self._recent.get(clip)

    def _keep(self, clip: TimelineClip, frames: Tensor) -> None:
        self._recent[clip.id] = frames
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
