"""`pvdm models`: the models that come with the package, listed; or what a model is and takes, or its card."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pvdm.generation.model_files import CARD, CONFIG, check_model, read_model_config, resolve_folder
from pvdm.generation.packaged_models import PackagedModel, find_packaged, is_packaged_name, packaged_models

WIDTH = 110
"""Of the longest lines of text."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="MODEL",
        help="models to describe: exported folder, training checkpoint (.ckpt), pvdm/NAME, or owner/name on the Hub; "
        "without one, those that come with the package are listed",
    )
    parser.add_argument("--card", action="store_true", help="print the cards of the models instead")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> None:
    if options.names:
        shown = (
            [*map(described, options.names)]
            if options.json
            else [*map(_card if options.card else _text, options.names)]
        )
    else:
        shown = [*map(record if options.json else _listed, packaged_models().values())]
    if options.json:
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(shown) or "no model comes with this version of pvdm\n")


def record(model: PackagedModel) -> dict[str, Any]:
    """What `--json` prints of a packaged model: its entry in the manifest, its clips, its bytes and its folder."""
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


def described(name: str) -> dict[str, Any]:
    """What `--json` prints of any model: what it is and takes, and a command for each thing that it takes.

    InputError if there is no such model.
    """
    check_model(name)
    from pvdm.generation.model_card import example_commands, properties

    config = read_model_config(name)
    own = record(find_packaged(name)) if is_packaged_name(name) else {}
    rows = dict(properties(config, whole=True))
    return {"name": name, **own, "properties": rows, "commands": [*example_commands(config, name)]}


def _text(name: str) -> str:
    """What `described` has, as text."""
    found = described(name)
    makes = {"makes": found["makes"]} if "makes" in found else {}
    lines = _rows({**makes, **found["properties"], **_origin(found)})
    return "\n".join([name, *lines, "", *(f"  {command}" for command in found["commands"]), ""])


def _origin(found: dict[str, Any]) -> dict[str, str]:
    """Data, license and figures of a packaged model; nothing of any other."""
    if "figures" not in found:
        return {}
    figures = ", ".join(f"{name} {value}" for name, value in found["figures"].items())
    return {"data": found["data"], "license": found["license"], "figures": figures}


def _card(name: str) -> str:
    """The card that lies with an exported model, or the one that it would have."""
    check_model(name)
    from pvdm.generation.model_card import model_card

    path = Path(name) if Path(name).is_file() else resolve_folder(name) / CARD
    if path.name == CARD and path.is_file():
        return path.read_text(encoding="utf-8")
    return model_card(read_model_config(name))


def _listed(model: PackagedModel) -> str:
    """The lines of a model in the list."""
    found = record(model)
    clip = found["clip"]
    pace = f" at {clip['fps']:g} frames per second" if clip["fps"] else ""
    rows = {
        "clips": f"{clip['frames']} frames of {clip['height']}x{clip['width']} pixels{pace}",
        "classes": ", ".join(found["classes"] or []),
        "size": f"{found['bytes'] / (1 << 20):.1f} MiB",
        **_origin(found),
    }
    lines = [f"  {name:8} {text}" for name, text in rows.items() if text]
    return "\n".join([f"{model.name}: {model.makes}", *lines, ""])


def _rows(rows: dict[str, Any]) -> Iterable[str]:
    """Names and values in two columns, wrapped."""
    indent = 4 + max(map(len, rows))
    for name, value in rows.items():
        begin = f"  {name}".ljust(indent)
        yield from textwrap.wrap(str(value), WIDTH, initial_indent=begin, subsequent_indent=" " * indent)
