"""A video that comes in a pipe, decoded by a thread as it comes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from io import RawIOBase
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.video.decoding.packets import video_stream
from pvdm.video.decoding.picture import CoveringPicture, Picture
from pvdm.video.live.latency import Latency

NAME = Path("standard input")
REMEDY = "pipe in a stream, such as MPEG-TS or Matroska, or redirect a file (< video.mp4)"
PROBED = {"analyzeduration": "500000"}  # microseconds of video that FFmpeg may read before the first frame; else 5 s
CENTER = (0.5, 0.5)
END = object()
LONGEST_GAP = 10  # seconds; a longer one in the times of a stream is a jump of its clock
PATIENCE = 0.1  # seconds after which a waiting thread looks whether the video is still wanted

logger = logging.getLogger(__name__)


class LiveVideo:
    """Context manager that reads a video from a pipe; frames that wait do not grow in number.

    Args:
        file: Where it comes from, unbuffered, so that reading returns what there is.
        size: (height, width) that frames are scaled to cover and cropped to; None keeps their size.
        ahead: Decoded frames that may wait; while there are as many, the pipe is not read.

    InputError if no frame can be decoded.
    """

    frames = None
    """Unlike that of a file, its length is not known."""

    def __init__(self, file: RawIOBase, size: tuple[int, int] | None = None, *, ahead: int = 64) -> None:
        self._file, self.size, self.fps = file, size, None
        self._queue: Queue[Any] = Queue(ahead)
        self._is_closed = Event()
        self.latency = Latency()
        Thread(target=self._read, name="live video", daemon=True).start()  # it may wait for the pipe forever
        self._next: Any = self._taken()
        if self._next is END:
            raise InputError(f"{NAME} holds no video", REMEDY)

    def __enter__(self) -> LiveVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed.set()

    def each(self) -> Iterator[Tensor | None]:
        """The frames as they come, (3, 1, h, w) uint8; None for one that is lost or damaged."""
        while self._next is not END:
            came, frame = self._next
            self.latency.came(came)
            yield frame
            self._next = self._taken()

    def runs(self, length: int) -> Iterator[Tensor]:
        """The frames as they come, (3, 1, h, w) uint8; in place of a lost one, the one before, and a warning.

        `length` bounds the runs of a file, see `PacedVideo.runs`.
        """
        shown = was_damaged = None
        for number, frame in enumerate(self.each()):
            if frame is None and not was_damaged:
                logger.warning("frame %d is lost or damaged; the one before it stands until a whole one comes", number)
            was_damaged, shown = frame is None, shown if frame is None else frame
            yield shown

    def _taken(self) -> Any:
        """What the thread has read next: (moment, frame) or `END`; raises its exception."""
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _read(self) -> None:
        try:
            with av.open(self._file, metadata_errors="replace", options=PROBED) as container:
                stream = video_stream(container, NAME)
                self.fps = float(stream.average_rate or stream.guessed_rate or 0) or None
                for frame in self._pixels(container, stream):
                    if not self._put((monotonic(), frame)):
                        return
            self._put(END)
        except av.error.FFmpegError as error:
            self._put(InputError(f"{NAME} cannot be decoded as a video ({error.strerror})", REMEDY))
        except Exception as error:
            self._put(error)

    def _put(self, item: Any) -> bool:
        """False if the video is not wanted any more."""
        while not self._is_closed.is_set():
            with suppress(Full):
                self._queue.put(item, timeout=PATIENCE)
                return True
        return False

    def _pixels(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream
    ) -> Iterator[Tensor | None]:
        picture = None
        for frame in whole_frames(container, stream):
            if frame is None:
                yield None
                continue
            if picture is None:  # where a stream is joined, it has no size before its first whole frame
                self.size = self.size or Picture(NAME, stream).size(frame)
                picture = CoveringPicture(NAME, stream, self.size, CENTER)
            yield torch.from_numpy(np.stack(picture(frame)))[:, None]


def whole_frames(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[av.VideoFrame | None]:
    """The frames of a stream, None for those that are lost or damaged; damage spreads up to the next key frame.

    How many there are between two whole ones is told by the times of these. Those before the first whole one, where a
    stream is joined, and after the last one, where it breaks off, are left out.
    """
    is_damaged, damaged, gaps = False, 0, _Gaps(stream.average_rate or stream.guessed_rate)
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            is_damaged, damaged = True, damaged + 1
            continue
        for frame in frames:
            is_damaged = frame.is_corrupt or (is_damaged and not frame.key_frame)
            if is_damaged:
                damaged += 1
                continue
            yield from [None] * gaps.before(frame.time, damaged)
            damaged = 0
            yield frame


class _Gaps:
    """How many frames of a stream are missing between whole ones, at a rate in frames per second."""

    def __init__(self, rate: Fraction | None) -> None:
        self._rate, self._last, self._has_begun, self._is_steady = rate, None, False, False

    def before(self, time: float | None, damaged: int) -> int:
        """Frames between the last whole one and that of a time in seconds, between which so many came damaged."""
        last, self._last, has_begun, self._has_begun = self._last, time, self._has_begun, True
        if not has_begun:
            return 0
        if not self._rate or last is None or time is None or not 0 < time - last <= LONGEST_GAP:
            return damaged
        steps = max(1, round((time - last) * self._rate))
        self._is_steady = self._is_steady or steps == 1  # else the rate is not that of the frames
        return steps - 1 if damaged or self._is_steady else 0
