"""Fixtures that all rooms share: miniature videos whose gray level tells the frame, and the real data."""

import atexit
import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from browsing import launched
from isolation import Isolation
from PIL import Image

from pvdm.cli import WAITING

os.environ.update({name: value for name, value in WAITING.items() if name not in os.environ})  # before PyTorch
GREY_STEP = 4


def pytest_configure() -> None:
    """Interrupts count, here and in processes that tests start, even if a shell runs the tests in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()  # until everything is imported, which leaves no garbage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked cuda are skipped where there is no GPU."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if marked and not import_module("torch").cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))


def pytest_collection_finish() -> None:
    """Garbage collections, one of which ends each run of training, need not go through what is imported."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)  # else extension modules report leaks when the process ends


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's indices of videos are kept: nothing is written into the user's home, and no key taken."""
    folder = tmp_path.with_name(f"{tmp_path.name}-cache")  # not among the files of the test
    monkeypatch.setenv("PVDM_CACHE", str(folder))
    monkeypatch.setenv("PVDM_PROVENANCE", str(folder / "provenance"))
    return folder


@pytest.fixture
def frame_numbers() -> Callable[[np.ndarray], list[int]]:
    """(t, h, w, 3) of a coded video -> the numbers of its frames, tolerant of lossy compression."""
    return _numbers


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """`make_video("a.mp4", frames=40, height=48, width=64, fps=25, **options)` -> path of a coded video.

    Of variable rate, if `milliseconds` say when each frame is shown.
    """

    def make(name: str, frames: int = 40, height: int = 48, width: int = 64, fps: int = 25, **options) -> Path:
        return _encode(tmp_path / name, _coded_frames(frames, height, width), fps, **options)

    return make


@pytest.fixture
def make_frame_folder(tmp_path: Path) -> Callable[..., Path]:
    """`make_frame_folder("name", frames=12, height=48, width=64)` -> folder `f_0.png`, `f_1.png`, ..."""

    def make(name: str, frames: int = 12, height: int = 48, width: int = 64) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for i, frame in enumerate(_coded_frames(frames, height, width)):
            Image.fromarray(frame).save(folder / f"f_{i}.png")
        return folder

    return make


@pytest.fixture(scope="session")
def isolation() -> Iterator[Isolation]:
    """Runs commands in processes of their own; the one that they are forked from takes seconds to start."""
    with Isolation() as run:
        yield run


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for `browsing.opened`."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real videos beside the repository; skips where it is absent."""
    folder = Path(__file__).parents[1] / ".." / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real videos are not at {folder}")
    return folder


def _coded_frames(frames: int, height: int, width: int) -> np.ndarray:
    """(t, h, w, 3) uint8: frame i is gray of level 4 i."""
    levels = (np.arange(frames) * GREY_STEP % 256).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (frames, height, width, 3)).copy()


def _encode(
    path: Path,
    video: np.ndarray,
    fps: int = 25,
    *,
    milliseconds: Sequence[int] | None = None,
    codec: str = "libx264",
    rotation: int = 0,
    **options: str,
) -> Path:
    """Writes (t, h, w, 3) uint8 as a video file."""
    tick = Fraction(1, fps if milliseconds is None else 1000)
    shown = range(len(video)) if milliseconds is None else milliseconds
    if rotation and not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this version of PyAV cannot write a rotation")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = tick
        stream.codec_context.thread_count = 1
        if codec != "libx264":
            stream.codec_context.bit_rate = 4_000_000
        if rotation:
            stream.set_display_rotation(rotation)
        for time, frame in zip(shown, video, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = time, tick
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def _numbers(frames: np.ndarray) -> list[int]:
    return np.rint(frames.mean(axis=(1, 2, 3)) / GREY_STEP).astype(int).tolist()
