"""How many watermarks survive H.264 and scaling, how visible they are, and how often one is seen where there is none.

    python measure_watermark.py DATA OUTPUT.json [--size 256] [--frames 48] [--keys 10] [--every 1]

DATA is a folder with videos at any depth, of which all with enough frames are used: scaled to cover the size and
cropped, from the first frame on. Each gets a payload of its own. The coder is x264 with its usual settings.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import av
import numpy as np
import torch

from pvdm.provenance import Watermark, detect
from pvdm.provenance.bch_code import CODE_BITS
from pvdm.provenance.detection import FALSE_ALARMS, Detection
from pvdm.video import probe
from pvdm.video.reader import covering_pixels

SUFFIXES = (".avi", ".mp4", ".mkv")
CHANNELS = {"crf 18": (18, 1), "crf 23": (23, 1), "crf 28": (28, 1), "half size, crf 23": (23, 2)}
"""Quality of the coder, and by what the size is divided before."""

CUT = 8
"""Frames from the middle of a coded clip that are read alone."""


def main() -> None:
    options = parsed()
    torch.set_num_threads(1)
    paths = sorted(path for path in options.data.rglob("*") if path.suffix in SUFFIXES)
    paths = [path for path in paths if probe(path).frames >= options.frames]
    clips = [measured(path, index, options) for index, path in list(enumerate(paths))[:: options.every]]
    settings = {name: getattr(options, name) for name in ("size", "frames", "keys", "every")}
    versions = {name: version(name) for name in ("pvdm", "torch", "av")}
    content = {"settings": settings, "versions": versions, **report(clips)}
    options.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def measured(path: Path, index: int, options: argparse.Namespace) -> dict:
    """The figures of one clip."""
    clip = torch.from_numpy(covering_pixels(path, np.arange(options.frames), (options.size, options.size)))
    payload = np.random.default_rng(index).integers(1 << 16).item()
    began = time.process_time()
    marked = Watermark(payload).marked(clip)
    folder = path.relative_to(options.data).parts[0]
    found = {"set": folder, "psnr": psnr(clip, marked), "seconds": time.process_time() - began}
    for name, (crf, divisor) in CHANNELS.items():
        coded = transcoded(marked, crf, options.size // divisor)
        found[name] = figures(detect([coded]), payload)
        if name == "crf 28":
            middle = options.frames // 2 - CUT // 2
            found[f"{name}, {CUT} frames"] = figures(detect([coded[:, middle : middle + CUT]]), payload)
    coded = transcoded(clip, 28, options.size)
    unmarked = [detect([video], key) for video in (clip, coded) for key in keys(options.keys)]
    found["unmarked"] = [float(f"{one.false_alarms:.3g}") for one in unmarked]
    return found


def keys(count: int) -> Iterator[str | None]:
    """The public key and others."""
    yield None
    yield from map(str, range(count - 1))


def figures(found: Detection, payload: int) -> dict:
    """Whether the payload was read, and how many of the bits and how surely."""
    is_right = found.is_found and found.payload == payload
    wrong = found.wrong_bits if found.payload == payload else None
    return {"read": is_right, "wrong_bits": wrong, "false_alarms": float(f"{found.false_alarms:.3g}")}


def transcoded(video: torch.Tensor, crf: int, side: int) -> torch.Tensor:
    """(3, t, h, w) uint8 coded by x264 at a size and decoded."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf)})
        stream.height, stream.width, stream.pix_fmt, stream.codec_context.thread_count = side, side, "yuv420p", 1
        for frame in video.permute(1, 2, 3, 0).contiguous().numpy():
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            scaled = picture.reformat(side, side, "yuv420p", interpolation="BICUBIC")
            container.mux(stream.encode(scaled))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2)


def psnr(clip: torch.Tensor, marked: torch.Tensor) -> float:
    """In dB, over all pixels and channels."""
    return round(float(10 * torch.log10(255**2 / (clip.float() - marked.float()).square().mean())), 2)


def report(clips: list[dict]) -> dict:
    """Over all clips, and over those of each folder."""
    sets = sorted({clip["set"] for clip in clips})
    return {**summary(clips), "sets": {name: summary([clip for clip in clips if clip["set"] == name]) for name in sets}}


def summary(clips: list[dict]) -> dict:
    """Over all clips; of a payload that was not read, half of the bits count as wrong."""
    found = {"count": len(clips), "psnr": round(float(np.mean([clip["psnr"] for clip in clips])), 2)}
    found["least_psnr"] = min(clip["psnr"] for clip in clips)
    for name in (name for name, value in clips[0].items() if isinstance(value, dict)):
        each = [clip[name] for clip in clips]
        wrong = [CODE_BITS / 2 if one["wrong_bits"] is None else one["wrong_bits"] for one in each]
        found[name] = {
            "read": round(float(np.mean([one["read"] for one in each])), 4),
            "bit_accuracy": round(1 - float(np.mean(wrong)) / CODE_BITS, 4),
            "most_wrong_bits": max(wrong),
            "largest_false_alarms": max(one["false_alarms"] for one in each),
        }
    unmarked = np.concatenate([clip["unmarked"] for clip in clips])
    found["unmarked"] = {
        "tries": len(unmarked),
        "found": int((unmarked <= FALSE_ALARMS).sum()),
        "least_false_alarms": float(unmarked.min()),
        "threshold": FALSE_ALARMS,
    }
    found["seconds_per_clip"] = round(sum(clip["seconds"] for clip in clips) / len(clips), 3)
    return found


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--keys", type=int, default=10)
    parser.add_argument("--every", type=int, default=1, help="1 takes all videos, 2 every second, ...")
    return parser.parse_args()


if __name__ == "__main__":
    main()
