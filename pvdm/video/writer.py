"""Writing videos frame by frame; a file appears under its name only when it is complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import av
import torch
from torch import Tensor

from pvdm.errors import ArgumentError, InputError
from pvdm.files.atomic_write import missing_parents, put_in_place, remove, remove_empty
from pvdm.video.encoders import GifEncoder, Mp4Encoder, PngEncoder, WebmEncoder, WebpEncoder
from pvdm.video.pixels import REMEDY
from pvdm.video.suffixes import WRITABLE

ENCODERS = dict(zip((*WRITABLE, ""), (Mp4Encoder, WebmEncoder, GifEncoder, WebpEncoder, PngEncoder), strict=True))
SLOWEST, FASTEST = 0.01, 1000
"""Frames per second that a file can record."""

GIF_FASTEST = 50
"""Browsers show a GIF of more frames per second at a tenth of its pace."""


class VideoWriter:
    """Context manager that writes `NAME.mp4` (H.264), .webm (VP9), .gif, .webp or, without suffix, a folder of PNG.

    PNG frames are exact. The video grows under a hidden name beside the target and is renamed when the block ends; an
    exception in the block leaves nothing behind. `InputError` if the suffix is another, fps is out
    of range, the target cannot be written, or it exists without `overwrite`.
    """

    def __init__(self, path: str | Path, *, fps: float, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.fps = fps
        self._suffix = self.path.suffix.lower()
        self._overwrite = overwrite
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self._size: tuple[int, ...] | None = None
        self._check()

    def __enter__(self) -> "VideoWriter":
        self._missing = missing_parents(self.path)
        try:
            with self._writing():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                remove(self._partial)
                self._encoder = ENCODERS[self._suffix](self._partial, self.fps)
        except InputError:
            remove_empty(self._missing)
            raise
        return self

    def write(self, frames: Tensor) -> None:
        """frames: (3, t, h, w) uint8, the next t frames; h and w are those of the first call, else ArgumentError."""
        if frames.ndim != 4 or frames.shape[0] != 3 or frames.dtype != torch.uint8:
            raise ArgumentError(
                f"frames are {frames.dtype} {tuple(frames.shape)}",
                f"want uint8 (3, t, h, w): {REMEDY}",
            )
        size = tuple(frames.shape[-2:])
        if self._size not in (None, size):
            raise ArgumentError(f"frames are {size} after frames of {self._size}", "write one size to one video")
        with self._writing():
            for frame in frames.permute(1, 2, 3, 0).contiguous().cpu().numpy():
                self._encoder.write(frame)
                self._size = size

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._complete()
            else:
                with suppress(OSError, av.error.FFmpegError):
                    self._encoder.close()
        finally:
            remove(self._partial)
            remove_empty(self._missing)

    def _complete(self) -> None:
        with self._writing():
            self._encoder.close()
            if self._size is None:
                raise InputError(f"no frame was written to {self.path}", "ask for at least one")
            put_in_place(self._partial, self.path)

    def _check(self) -> None:
        if self._suffix not in ENCODERS:
            raise InputError(
                f"{self.path} ends in {self.path.suffix}, which cannot be written",
                f"choose a name in {', '.join(WRITABLE)}, or one without suffix for a folder of PNG frames",
            )
        fastest = GIF_FASTEST if self._suffix == ".gif" else FASTEST
        if not SLOWEST <= self.fps <= fastest:
            raise InputError(
                f"the frame rate for {self.path} is {self.fps}",
                f"give frames per second from {SLOWEST} to {fastest}",
            )
        if self.path.exists() and not self._overwrite:
            raise InputError(f"{self.path} exists", "pass --overwrite or choose another name")
        if self.path.exists() and not self._replaceable():
            raise InputError(f"{self.path} exists and is no video that may be replaced", "choose another name")

    def _replaceable(self) -> bool:
        """A file for a file, a folder that holds nothing but written frames for a folder."""
        if self.path.suffix:
            return self.path.is_file()
        return self.path.is_dir() and all(name.match("frame_*.png") and name.is_file() for name in self.path.iterdir())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turns what the system refuses into an `InputError` that names the target."""
        try:
            yield
        except (OSError, av.error.FFmpegError) as error:
            reason = error.strerror or error
            raise InputError(
                f"{self.path} cannot be written ({reason})",
                "choose a folder that is writable and has room",
            ) from error


def write_video(path: str | Path, video: Tensor, *, fps: float, overwrite: bool = False) -> None:
    """Writes a whole video, (3, t, h, w) uint8, as `VideoWriter` does and with its errors."""
    with VideoWriter(path, fps=fps, overwrite=overwrite) as writer:
        writer.write(video)
