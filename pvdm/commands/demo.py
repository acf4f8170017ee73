"""`pvdm demo`: train a small model on real clips and show what it makes."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path

from pvdm.commands.options import positive
from pvdm.errors import InputError

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder of the demo")
    parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on with what is there")
    parser.add_argument(
        "--autoencoder-steps", type=positive, help="updates of stage 1; the demo's own number if not given"
    )
    parser.add_argument(
        "--diffusion-steps", type=positive, help="updates of stage 2; the demo's own number if not given"
    )


def run(options: argparse.Namespace) -> None:
    from pvdm.demo.page import write_page
    from pvdm.demo.steps import Demo, DemoSettings

    chosen = {"autoencoder_steps": options.autoencoder_steps, "diffusion_steps": options.diffusion_steps}
    settings = DemoSettings(**{name: value for name, value in chosen.items() if value is not None})
    _claim(options.output, asdict(settings), fresh=options.fresh)
    demo = Demo(options.output, settings)
    demo.run()
    page = write_page(demo)
    logger.info("PSNR of reconstruction %.2f dB; open %s", demo.mean_psnr(), page)


def _claim(folder: Path, settings: dict[str, int], *, fresh: bool) -> None:
    """Marks the folder as a demo of these settings; InputError if it is another's."""
    mark = folder / "settings.json"
    if folder.exists() and not mark.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something else than a demo; choose another --output")
    if fresh and folder.is_dir():
        shutil.rmtree(folder)
    if mark.is_file() and json.loads(mark.read_text()) != settings:
        raise InputError(f"{folder} holds a demo of other settings; pass --fresh or choose another --output")
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(settings, indent=2) + "\n")
