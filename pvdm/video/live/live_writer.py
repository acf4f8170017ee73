"""Video to a pipe, H.264 in MPEG-TS: each frame leaves when it is written."""

from __future__ import annotations

from contextlib import suppress
from io import RawIOBase
from types import TracebackType

import av
import torch
from torch import Tensor

from pvdm.provenance.origin import Provenance
from pvdm.video.encoders import Mp4Encoder
from pvdm.video.pixels import as_pixels, check_pixels


class StreamEncoder(Mp4Encoder):
    """H.264 that waits for no later frame, in MPEG-TS, which needs no index; it can be joined at every 50th frame."""

    container, container_options = "mpegts", {"flush_packets": "1"}
    codec, codec_options = "libx264", {**Mp4Encoder.codec_options, "tune": "zerolatency", "g": "50"}


class LiveWriter:
    """Context manager that writes a video to a pipe; BrokenPipeError once its reader has closed it.

    Args:
        file: Where it goes, unbuffered.
        fps: Frames per second.
        provenance: By what it is made; a pipe has its watermark alone.
    """

    def __init__(self, file: RawIOBase, *, fps: float, provenance: Provenance | None = None) -> None:
        self._encoder, self._provenance = StreamEncoder(file, fps), provenance

    def __enter__(self) -> LiveWriter:
        return self

    def write(self, frames: Tensor) -> None:
        """t frames, (3, t, h, w) uint8, all of one size."""
        check_pixels(frames, "3 t h w", what="the video")
        frames = as_pixels(frames, torch.uint8)
        frames = self._provenance.marked(frames) if self._provenance else frames
        for frame in frames.permute(1, 2, 3, 0).contiguous().cpu().numpy():
            self._encoder.write(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._encoder.close()
            return
        with suppress(OSError, av.error.FFmpegError):
            self._encoder.close()
