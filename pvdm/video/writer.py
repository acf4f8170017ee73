"""Writing videos: frame by frame, whole, or several in a grid; a file gets its name only when it is complete."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import av
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from pvdm.errors import ArgumentError, InputError
from pvdm.files.atomic_write import missing_parents, put_in_place, remove, remove_empty
from pvdm.provenance.origin import Provenance
from pvdm.video.encoders import GifEncoder, Mp4Encoder, PngEncoder, WebmEncoder, WebpEncoder
from pvdm.video.pixels import REMEDY, are_pixels, as_pixels
from pvdm.video.series.series_encoder import SeriesEncoder
from pvdm.video.series.stored_values import StoredValues
from pvdm.video.suffixes import SERIES_SUFFIXES, WRITABLE

ENCODERS = {".mp4": Mp4Encoder, ".webm": WebmEncoder, ".gif": GifEncoder, ".webp": WebpEncoder, "": PngEncoder}
SLOWEST, FASTEST = 0.01, 1000
"""Frames per second that can be written."""

WHITE = 255

GIF_FASTEST = 50
"""Browsers play a GIF with more frames per second ten times too slowly."""


class VideoWriter:
    """Context manager that writes `NAME.mp4` (H.264), .webm (VP9), .gif, .webp or, without suffix, a folder of PNG.

    PNG frames are lossless, and so are image series: .npy, .npz and .tif, whose values are stored as `values` says, by
    default as uint16 from 0 to 65535, and which are kept in memory until the block ends.

    The video is written under a hidden name beside the target and renamed when the block ends; an exception in the
    block leaves nothing behind. `InputError` if the suffix is none of these, if `fps` is out of range, or if the target
    cannot be written or exists without `overwrite`. provenance: By what the video is made, which is written into the
    file; an image series holds none, and a watermark in it is refused.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: float,
        overwrite: bool = False,
        values: StoredValues | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        self.path = Path(path)
        self.fps, self._values = fps, values or StoredValues()
        self._suffix = self.path.suffix.lower()
        self._overwrite, self._provenance = overwrite, provenance
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self._size: tuple[int, ...] | None = None
        self._check()

    def __enter__(self) -> "VideoWriter":
        self._missing = missing_parents(self.path)
        try:
            with self._writing():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                remove(self._partial)
                self._encoder = self._new_encoder()
        except InputError:
            remove_empty(self._missing)
            raise
        return self

    def write(self, frames: Tensor) -> None:
        """Appends t frames, (3, t, h, w) uint8, or float32 from 0 to 255, which is rounded unless for an image series.

        ArgumentError for another type, or a size other than the first.
        """
        is_series = self._suffix in SERIES_SUFFIXES
        is_right = (is_series and frames.dtype == torch.float32) or are_pixels(frames)
        if frames.ndim != 4 or frames.shape[0] != 3 or not is_right:
            raise ArgumentError(
                f"frames are {frames.dtype} {tuple(frames.shape)}",
                f"give uint8 (3, t, h, w): {REMEDY}",
            )
        size = tuple(frames.shape[-2:])
        if self._size not in (None, size):
            raise ArgumentError(
                f"frames of {size} follow frames of {self._size}", "give all frames of a video one size"
            )
        frames = frames if is_series else as_pixels(frames, torch.uint8)
        frames = self._provenance.marked(frames) if self._provenance else frames
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
                raise InputError(f"no frame was written to {self.path}", "write at least one")
            if self._provenance and self._suffix not in SERIES_SUFFIXES:
                self._provenance.finish(self._partial, self._suffix)
            put_in_place(self._partial, self.path)

    def _new_encoder(self) -> Mp4Encoder | PngEncoder | SeriesEncoder:
        if self._suffix in SERIES_SUFFIXES:
            return SeriesEncoder(self._partial, self.fps, values=self._values, suffix=self._suffix)
        comment = self._provenance.comment if self._provenance and self._provenance.is_told else None
        return ENCODERS[self._suffix](self._partial, self.fps, comment)

    def _check(self) -> None:
        if self._suffix not in (*WRITABLE, ""):
            raise InputError(
                f"{self.path} ends in {self.path.suffix}, which cannot be written",
                f"choose a name in {', '.join(WRITABLE)}, or one without suffix for a folder of PNG frames",
            )
        if self._suffix in SERIES_SUFFIXES and self._provenance and self._provenance.watermark:
            raise InputError(
                f"{self.path} is an image series, which takes no watermark", "leave it out, or write a video"
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
            raise InputError(f"{self.path} exists and is not a video that can be replaced", "choose another name")

    def _replaceable(self) -> bool:
        """Whether the target is a file, or for a folder target a folder that holds only frames written here."""
        if self.path.suffix:
            return self.path.is_file()
        return self.path.is_dir() and all(name.match("frame_*.png") and name.is_file() for name in self.path.iterdir())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turns errors of the system into an `InputError` that names the target."""
        try:
            yield
        except (OSError, av.error.FFmpegError) as error:
            reason = error.strerror or error
            raise InputError(
                f"{self.path} cannot be written ({reason})",
                "choose a writable folder with free space",
            ) from error


def write_video(
    path: str | Path,
    video: Tensor,
    *,
    fps: float,
    overwrite: bool = False,
    values: StoredValues | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Writes a whole video, (3, t, h, w) uint8 or float32, as `VideoWriter` does and with its errors."""
    with VideoWriter(path, fps=fps, overwrite=overwrite, values=values, provenance=provenance) as writer:
        writer.write(video)


def save_video(
    video: Tensor, path: str | Path, *, fps: float, overwrite: bool = True, provenance: Provenance | None = None
) -> None:
    """Saves a video (3, t, h, w), or several (n, 3, t, h, w) in a grid, uint8, in the format of the path's suffix.

    The suffix is .mp4, .webm, .gif, .webp or that of an image series (.npy, .npz, .tif), for which the video may be
    float32; without one, PNG frames are written to a folder. fps: frames per second; for videos of a model,
    `generator.fps`. provenance: By what it was made. An existing file is replaced unless `overwrite` is False.
    InputError if it cannot be written.
    """
    if isinstance(path, Tensor):  # the order of torchvision's write_video and of ours
        video, path = path, video
    if video.ndim not in (4, 5):
        raise InputError(
            f"the video has the shape {tuple(video.shape)}",
            "give (3, t, h, w), or (n, 3, t, h, w) for a grid",
        )
    if video.ndim == 5:
        video = video[0] if len(video) == 1 else grid_video(video, near_square(len(video))[1])
    write_video(path, video, fps=fps, overwrite=overwrite, provenance=provenance)


def grid_video(videos: Tensor, columns: int) -> Tensor:
    """Videos (n, 3, t, h, w) uint8 in rows, each in a white frame: (3, t, rows * (h + 2), columns * (w + 2)).

    The last row is filled up with white.
    """
    missing = -len(videos) % columns
    whole = torch.cat([videos, videos.new_full((missing, *videos.shape[1:]), WHITE)])
    bordered = functional.pad(whole, (1, 1, 1, 1), value=WHITE)
    return rearrange(bordered, "(r k) c t h w -> c t (r h) (k w)", k=columns)


def near_square(count: int) -> tuple[int, int]:
    """(rows, columns) of a nearly square grid for `count` items, with at least as many columns as rows."""
    columns = math.ceil(math.sqrt(count))
    return math.ceil(count / columns), columns
