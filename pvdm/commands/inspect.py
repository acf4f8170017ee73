"""`pvdm inspect`: reports on a data set before training."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from pvdm.commands.terminal.shared_options import natural, positive, rate, size
from pvdm.data import GivenLayout, Part, find_damage
from pvdm.data.data_options import parse_options
from pvdm.data.inspection.contact_sheet import contact_sheet
from pvdm.data.inspection.report import data_report, table
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output, replacing
from pvdm.training.cli.config_files import find_configs
from pvdm.video import Reader

REPORT, SHEET = "report.json", "contact_sheet.jpg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, nargs="?", help="folder of the data set; not for --layout scenes")
    parser.add_argument("-c", "--config", action="append", default=[], help="as for pvdm fit; only data.* is used")
    data = parser.add_argument_group("data", "the same as data.* of pvdm fit; they override the configs")
    data.add_argument("--layout", choices=get_args(GivenLayout), help="layout of the folder; by default auto")
    for part in ("training", "validation"):
        data.add_argument(
            f"--{part}-folders", nargs="+", metavar="NAME", help=f"folders of the {part} videos, below path"
        )
    data.add_argument("--split", type=positive, choices=(1, 2, 3), help="split of UCF101; by default 1")
    data.add_argument("--part", choices=get_args(Part), help="part used for training; by default train")
    data.add_argument("--frames", type=positive, help="frames of a clip; by default 16")
    data.add_argument("--size", type=size, metavar="HxW", help="size of a clip in pixels; by default 256x256")
    data.add_argument("--stride", type=positive, help="frame stride: 4 takes every fourth frame; by default 1")
    data.add_argument("--fps", type=rate, help="frame rate of a clip, frames per second, instead of a stride")
    data.add_argument("--loop", action="store_true", default=None, help="the videos are cycles: clips wrap round")
    data.add_argument(
        "--clips", type=positive, choices=(1, 2), help="clips of a sample: 1 (stage 1, the default) or 2 (stage 2)"
    )
    data.add_argument("--captions", action="store_true", default=None, help="also check the captions of the videos")
    data.add_argument("--reader", choices=get_args(Reader), help="decoder of video files; by default auto")
    data.add_argument("--seed", type=natural, help="seed of the run, which decides the parts of a plain folder")
    parser.add_argument("--all-frames", action="store_true", help="decode every frame to find damage, which is slow")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--output", type=Path, help=f"folder for {REPORT} and {SHEET}")
    parser.add_argument("--overwrite", action="store_true", help="replace existing output")
    parser.add_argument("--videos", type=positive, default=24, help="most videos on the contact sheet")


def run(options: argparse.Namespace) -> None:
    if options.output:
        check_output(options.output, overwrite=options.overwrite, own=(REPORT, SHEET))
    data = VideoCollection.of(parse_options({**_of_configs(options.config), **_given(options)}))
    _, index = data.find()
    damaged = find_damage(index.videos, progress=True) if options.all_frames else []
    report = data_report(data, damaged)
    sys.stdout.write((json.dumps(report, indent=2) if options.json else table(report)) + "\n")
    if options.output:
        _write(options, data, report)


def _write(options: argparse.Namespace, data: VideoCollection, report: dict[str, Any]) -> None:
    _, index = data.find()
    with replacing(options.output, overwrite=options.overwrite, own=(REPORT, SHEET)) as folder:
        folder.mkdir()
        (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        if index.videos:
            sheet = contact_sheet(index.videos, data.find()[0].classes, count=options.videos)
            sheet.save(folder / SHEET, quality=90)


def _of_configs(names: Sequence[str]) -> dict[str, Any]:
    """`data` of all configs; later ones override earlier ones."""
    files = find_configs([argument for name in names for argument in ("-c", name)])[1::2]
    try:
        merged = OmegaConf.to_container(OmegaConf.merge({}, *map(_read_config, files)))
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        raise InputError(f"the configs {', '.join(names)} do not fit together ({error})", "correct them") from error
    seed = {"seed": int(merged["seed_everything"])} if merged.get("seed_everything") is not None else {}
    data = merged.get("data") or {}
    if not isinstance(data, dict):
        raise InputError(
            f"data is {data} in the configs, where keys such as layout are expected below it",
            "correct them",
        )
    return {**seed, **data}


def _read_config(file: str) -> DictConfig:
    """A YAML file with its interpolations resolved."""
    try:
        config = OmegaConf.load(file)
        OmegaConf.resolve(config)
    except FileNotFoundError as error:
        raise InputError(f"there is no config {file}", "check --config") from error
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise InputError(f"{file} cannot be read as a config ({' '.join(str(error).split())})", "correct it") from error
    return config


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The options given, by the names of `DataOptions`; a stride replaces a config's fps, and vice versa."""
    folders = ("training_folders", "validation_folders")
    names = (
        "path",
        "layout",
        "split",
        "part",
        "frames",
        "stride",
        "fps",
        "loop",
        "clips",
        "captions",
        "reader",
        "seed",
    )
    found = {name: getattr(options, name) for name in (*names, *folders)}
    values = {name: value for name, value in found.items() if value is not None}
    if options.size:
        values["height"], values["width"] = options.size
    if options.stride and not options.fps:
        values["fps"] = None
    if options.fps and not options.stride:
        values["stride"] = 1
    return values
