"""The record beside samples: everything that is needed to make them again."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.files.atomic_write import replacing

if TYPE_CHECKING:
    from pvdm.diffusion import SamplerConfig
    from pvdm.generation import VideoGenerator

RECORD = "samples.json"


def record(
    options: argparse.Namespace, generator: VideoGenerator, sampler: SamplerConfig, sha256: str, videos: Sequence[Any]
) -> dict[str, Any]:
    """JSON-able, and independent of the machine, the time and the number of processes.

    Args:
        options: The options of the command.
        generator: The model.
        sampler: The sampler.
        sha256: Digest of the file of weights.
        videos: One entry for each: file, seed, index and label.
    """
    config = generator.autoencoder.config
    return {
        "command": shlex.join(["pvdm", *_without_place(options.arguments)]),
        "versions": {name: version(name) for name in ("pvdm", "torch")},
        "model": {"path": str(options.model), "sha256": sha256, "training_step": generator.training_step},
        **({"adapters": [list(file) for file in generator.adapted.files]} if generator.adapted else {}),
        "sampler": asdict(generator.completed(sampler)),
        "precision": options.precision,
        "clip": {name: getattr(config, name) for name in ("frames", "height", "width")},
        "fps": options.fps or generator.fps,
        "videos": list(videos),
    }


def write_record(path: Path, content: dict[str, Any], *, overwrite: bool = False) -> None:
    """Writes JSON atomically."""
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _without_place(arguments: Sequence[str]) -> list[str]:
    """The command line with the output's name only, since the record is in the same folder."""
    shown = list(arguments)
    for index, argument in enumerate(shown):
        option, equals, value = argument.partition("=")
        if option == "--output" and equals:
            shown[index] = f"--output={Path(value).name}"
        elif option == "--output" and index + 1 < len(shown):
            shown[index + 1] = Path(shown[index + 1]).name
    return shown
