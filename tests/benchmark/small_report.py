"""A small benchmark's folder, as `pvdm benchmark` leaves it, for tests of the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from pvdm.video import write_video

CLASSES = ("Archery", "Biking", "Bowling")
WHY = "i3d_pretrained_400.pt is not here; give it with --i3d"


def figure(id: str, value: float | None, **values: Any) -> dict[str, Any]:
    """An entry of `figures`."""
    return {"id": id, "name": id.upper(), "better": "lower", "protocol": "pvdm/fvd16", "value": value, **values}


def small_results(**changes: Any) -> dict[str, Any]:
    """The content of results.json, with other values where given."""
    settings = (("400/400", "ddim", 412.25, 9.0), ("100/20", "ddim", 448.0, 2.5), ("20/20", "dpmpp_2m", 437.0, 0.5))
    names = [{"setting": setting, "sampler": sampler} for setting, sampler, *_ in settings]
    curve = {"sharpness": [0.01, 0.009], "warping_error": [0.01, 0.02], "second_differences": [0.002, 0.003]}
    content = {
        "format": "pvdm-benchmark",
        "dataset": "ucf101",
        "quick": False,
        "remark": None,
        "date": "2026-11-22",
        "versions": {"torch": "2.11.0"},
        "hardware": {"device": "a small machine", "memory_bytes": 8 * 2**30},
        "command": "pvdm benchmark ucf101 --root DATA --model MODEL --output REPORT",
        "model": {"path": "MODEL", "height": 256, "width": 256, "frames": 16, "parameters": 5.9e8},
        "figures": [
            *(
                figure("fvd16", value, spread_over_splits=5.5, **name)
                for name, (*_, value, _) in zip(names, settings, strict=True)
            ),
            figure("fvd16_random", 0.777, protocol="fvd-random/16f", **names[0]),
            *(figure("fvd128", None, missing=WHY, **name) for name in names),
            figure("psnr", 27.9, part="train", better="higher", protocol="pvdm/reconstruction"),
            figure("psnr", 27.2, part="test", better="higher", protocol="pvdm/reconstruction"),
            figure("warping_error", 0.0123, real=0.0101, better="like real", protocol="coherence/16f", **names[0]),
        ],
        "speed": [
            {**name, "frames": 16, "seconds": seconds, "peak_memory_bytes": 4_100_000_000, "batch": 1, "device": "cpu"}
            for name, (*_, seconds) in zip(names, settings, strict=True)
        ],
        "largest_batch": [{"stage": "autoencoder", "memory_gib": 24, "batch": None, "missing": "no GPU is here"}],
        "curves": {
            "psnr_per_frame": {"train": [27.5, 27.6, 27.4], "test": [26.5, 26.6, 26.4]},
            "drift": [{**names[0], "start_frames": [0, 16], **curve, "real": curve}],
        },
        "videos": [
            *(video("real", index, 16) for index in range(3)),
            *(video("generated", index, 16, **names[0]) for index in range(3)),
            video("extended", 0, 40, **names[0]),
        ],
        "nearest": [{"picture": "nearest/000.jpg", "sample": "sample 0", "training": "v_Biking", "distance": 1.25}],
        "seconds": {"fvd16": 12.5},
    }
    return {**content, **changes}


def video(kind: str, index: int, frames: int, **values: Any) -> dict[str, Any]:
    """An entry of `videos`."""
    file = f"videos/{kind}_{frames}_{index:03d}.mp4"
    return {"file": file, "kind": kind, "label": CLASSES[index], "frames": frames, "index": index, **values}


def write_benchmark(folder: Path, content: dict[str, Any] | None = None) -> Path:
    """Writes results.json, and small files for those that it names below `folder`; the folder."""
    content = small_results() if content is None else content
    for entry in content["videos"]:
        moving = torch.arange(entry["frames"]).mul(6).to(torch.uint8)[None, :, None, None]
        write_video(folder / entry["file"], moving.expand(3, -1, 32, 32) + entry["index"], fps=25, overwrite=True)
    for entry in content["nearest"]:
        (folder / "nearest").mkdir(exist_ok=True)
        Image.new("RGB", (64, 16), "teal").save(folder / entry["picture"])
    (folder / "results.json").write_text(json.dumps(content))
    return folder
