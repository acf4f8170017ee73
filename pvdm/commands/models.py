"""`pvdm models`: the models that come with the package, listed, or their cards."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from pvdm.generation.model_files import CARD, CONFIG
from pvdm.generation.packaged_models import PackagedModel, find_packaged, packaged_models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="models whose cards are printed; without a name all are listed"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> None:
    models = [find_packaged(name) for name in options.names] or [*packaged_models().values()]
    if options.json:
        sys.stdout.write(json.dumps([record(model) for model in models], indent=2) + "\n")
    elif options.names:
        sys.stdout.write("\n".join((model.folder / CARD).read_text(encoding="utf-8") for model in models))
    elif models:
        sys.stdout.write("\n".join(map(_listed, models)))
    else:
        sys.stdout.write("no model comes with this version of pvdm\n")


def record(model: PackagedModel) -> dict[str, Any]:
    """What `--json` prints of a model: its entry in the manifest, its clips, its size in bytes and its folder."""
    config = json.loads((model.folder / CONFIG).read_text(encoding="utf-8"))
    clip = {name: config["autoencoder"][name] for name in ("frames", "height", "width")}
    return {
        **asdict(model),
        "folder": str(model.folder),
        "bytes": model.size,
        "clip": {**clip, "fps": config["fps"]},
        "samples": config["denoiser"] is not None,
        "classes": config.get("classes"),
    }


def _listed(model: PackagedModel) -> str:
    """The lines of a model in the list."""
    found = record(model)
    clip = found["clip"]
    pace = f" at {clip['fps']:g} frames per second" if clip["fps"] else ""
    rows = {
        "clips": f"{clip['frames']} frames of {clip['height']}x{clip['width']} pixels{pace}",
        "classes": ", ".join(found["classes"] or []),
        "size": f"{found['bytes'] / (1 << 20):.1f} MiB",
        "data": model.data,
        "license": model.license,
        "figures": ", ".join(f"{name} {value}" for name, value in model.figures.items()),
    }
    lines = [f"  {name:8} {text}" for name, text in rows.items() if text]
    return "\n".join([f"{model.name}: {model.makes}", *lines, ""])
