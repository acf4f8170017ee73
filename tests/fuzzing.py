"""Whole videos and checkpoints, ways to damage them, and the command that each is then given to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch
from generation.small_models import small_generator
from PIL import Image
from reference import released_shapes

from pvdm import cli
from pvdm.autoencoder.perceptual import PerceptualDistance
from pvdm.video import ClipShape, probe, read_clip, read_frames

Damage = Callable[[bytes, np.random.Generator, bytes], bytes]

VIDEOS = {  # name -> codec, options
    "a.mp4": ("libx264", {}),
    "recovery.mp4": ("libx264", {"x264-params": "open-gop=1:keyint=5"}),
    "b.avi": ("mpeg4", {}),
    "packed.avi": ("libx264", {}),
    "c.mkv": ("libx264", {}),
    "d.webm": ("libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
    "e.mov": ("mpeg4", {}),
}
MODELS = ("first.ckpt", "second.ckpt", "old.ckpt", "autoencoder.pth", "diffusion.pth", "model", "vgg16.pth")


def make_originals(folder: Path) -> None:
    """Everything that is damaged later, and the model that reads videos, `reader`."""
    for name, (codec, options) in VIDEOS.items():
        encode(folder / name, moving(16), codec, options)
    for name, suffix in (("frames", "png"), ("photos", "jpg")):
        (folder / name).mkdir()
        for index, frame in enumerate(moving(9)):
            Image.fromarray(frame).save(folder / name / f"f_{index}.{suffix}")
    for name, has_denoiser, options in (
        ("first.ckpt", False, {}),
        ("second.ckpt", True, {}),
        ("old.ckpt", True, {"_use_new_zipfile_serialization": False}),
    ):
        generator = small_generator(denoiser=has_denoiser)
        state = {f"generator.{key}": value for key, value in generator.state_dict().items()}
        content = {"pvdm": generator.to_config(), "state_dict": state, "global_step": 3, "loops": {"epoch": [1, 2]}}
        torch.save(content, folder / name, **options)
    small_generator().save_pretrained(folder / "model")
    shutil.copytree(folder / "model", folder / "reader")
    _make_released(folder)
    torch.save({f"features.{n}.weight": torch.randn(64, 3, 3, 3) for n in range(4)}, folder / "vgg16.pth")


def encode(
    path: Path, video: np.ndarray, codec: str = "libx264", options: dict[str, str] | None = None, *, rate: int = 10
) -> None:
    """Writes (t, h, w, 3) uint8 as a video file; 10 frames per second are the pace of the models."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *video.shape[1:3], "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def damage_frame(path: Path, frame: int) -> None:
    """Blanks the middle of the code of a frame, in a file without B-frames."""
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][frame]
        start, stop = packet.pos + packet.size // 3, packet.pos + packet.size * 2 // 3
    data = bytearray(path.read_bytes())
    data[start:stop] = bytes(stop - start)
    path.write_bytes(data)


def moving(frames: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(t, height, width, 3) uint8 with enough detail that its code is not trivial."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height), np.arange(width), indexing="ij")
    planes = [128 + 100 * np.sin(0.2 * (k + 1) * x + 0.15 * y + 0.5 * t) for k in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def _make_released(folder: Path) -> None:
    """Checkpoints in the original's format; no layer but the first."""
    shapes = released_shapes("tiny_autoencoder")
    first = {key: shape for key, shape in shapes.items() if not any(f"layers.{n}." in key for n in range(1, 8))}
    for name, kept in (("autoencoder", first), ("diffusion", released_shapes("tiny_unet"))):
        torch.save({key: torch.zeros(shape) for key, shape in kept.items()}, folder / f"{name}.pth")


def cut(data: bytes, draw: np.random.Generator, other: bytes) -> bytes:
    return data[: int(draw.integers(len(data)))]


def flip(data: bytes, draw: np.random.Generator, other: bytes) -> bytes:
    """Up to 64 bytes, half of the times in the first or last kilobyte, where the structure is."""
    values = np.frombuffer(data, np.uint8).copy()
    near = min(len(values), 1024)
    places = draw.integers(len(values) if draw.random() < 0.5 else near, size=int(draw.integers(1, 65)))
    places = places if draw.random() < 0.5 else len(values) - 1 - places
    values[places] ^= draw.integers(1, 256, size=len(places), dtype=np.uint8)
    return values.tobytes()


def zero(data: bytes, draw: np.random.Generator, other: bytes) -> bytes:
    start = int(draw.integers(len(data)))
    stop = min(len(data), start + int(draw.integers(1, 4096)))
    return data[:start] + bytes(stop - start) + data[stop:]


def shuffle(data: bytes, draw: np.random.Generator, other: bytes) -> bytes:
    size = int(draw.choice([16, 256, 1024]))
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(blocks[index] for index in draw.permutation(len(blocks)))


def empty(data: bytes, draw: np.random.Generator, other: bytes) -> bytes:
    return b""


def replace(data: bytes, draw: np.random.Generator, other: bytes) -> bytes:
    """Another file, or noise, under the name."""
    return other if draw.random() < 0.7 else draw.bytes(int(draw.integers(1, 5000)))


def splice(data: bytes, draw: np.random.Generator, other: bytes) -> bytes:
    return data[: int(draw.integers(len(data)))] + other[int(draw.integers(len(other))) :]


def repeat(data: bytes, draw: np.random.Generator, other: bytes) -> bytes:
    """A part twice, so that all that follows is displaced."""
    start, stop = sorted(int(place) for place in draw.integers(len(data), size=2))
    return data[:stop] + data[start:]


DAMAGES: tuple[Damage, ...] = (cut, flip, flip, flip, zero, zero, shuffle, empty, replace, splice, splice, repeat)


@dataclass(frozen=True)
class Case:
    """A damaged file or folder and the arguments of the command, or of another target, that is to read it."""

    name: str
    arguments: tuple[object, ...]
    target: str = "pvdm.cli:main"


def make_case(seed: int, originals: Path, folder: Path) -> Case:
    """The case of a seed, its damaged files in `folder`; videos and models take turns."""
    draw = np.random.default_rng(seed)
    names = (*VIDEOS, "frames", "photos") if seed % 2 == 0 else MODELS
    name, others = str(draw.choice(names)), sorted(path for path in originals.rglob("*") if path.is_file())
    path = folder / name
    shutil.copytree(originals / name, path) if (originals / name).is_dir() else shutil.copy(originals / name, path)
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    victim = inside[int(draw.integers(len(inside)))]
    damage = DAMAGES[int(draw.integers(len(DAMAGES)))]
    other = others[int(draw.integers(len(others)))].read_bytes()
    victim.write_bytes(damage(victim.read_bytes(), draw, other))
    return _command(f"{seed}: {victim.relative_to(folder)} {damage.__name__}", path, originals, draw)


def _command(label: str, path: Path, originals: Path, draw: np.random.Generator) -> Case:
    if path.name in (*VIDEOS, "frames", "photos"):
        reader, device, way = originals / "reader", ("--device", "cpu"), draw.random()
        if way < 0.6:  # what both commands do first, in less time
            return Case(label, (path,), "fuzzing:read_clips")
        if way < 0.8:
            return Case(label, ("reconstruct", reader, path, "--output", "out", *device))
        steps = ("--frames", 30, "--steps", 1, "--only-new")
        return Case(label, ("extend", reader, "--input", path, *steps, "--output", "out.mp4", *device))
    if path.name == "vgg16.pth":
        return Case(label, (path,), "fuzzing:load_vgg")
    if path.suffix == ".pth":
        files = {name: originals / f"{name}.pth" for name in ("autoencoder", "diffusion")} | {path.stem: path}
        pair = [part for name, file in files.items() for part in (f"--{name}", file)]
        return Case(label, ("convert", *pair, "--output", "out"))
    return Case(label, ("export", path, "--output", "out"))


def read_clips(arguments: list[str]) -> int:
    """Clips from the beginning, the middle and the end, and then all frames of a file."""
    path = Path(arguments[0])

    def read() -> None:
        info = probe(path)
        for start in sorted({0, info.frames // 2, info.frames - 1}):
            read_clip(path, ClipShape(min(4, info.frames - start), 16, 24), start, info=info)
        if path.is_file():
            read_frames(path, np.arange(info.frames), info=info)

    return _told(read)


def load_vgg(arguments: list[str]) -> int:
    """LPIPS's constructor with the file."""
    return _told(lambda: PerceptualDistance(arguments[0]))


def _told(action: Callable[[], object]) -> int:
    """The action's end as the command line tells it."""
    cli._run = lambda _: action()
    return cli.main([])
