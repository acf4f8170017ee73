"""`pvdm convert`: converts the released checkpoints to a model folder."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from pvdm.commands.terminal.shared_options import add_output, rate
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--autoencoder", type=Path, required=True, help="state dict of the released autoencoder (.pth)")
    parser.add_argument("--diffusion", type=Path, help="state dict of the released diffusion model (.pth)")
    parser.add_argument("--fps", type=rate, default=25.0, help="frame rate of the generated videos, frames per second")
    parser.add_argument("--half-precision", action="store_true", help="store float16 weights, half the size")
    add_output(parser, "folder for config.json and model.safetensors")


def run(options: argparse.Namespace) -> None:
    check_output(options.output, overwrite=options.overwrite)
    for path in filter(None, (options.autoencoder, options.diffusion)):
        if not path.is_file():
            raise InputError(f"there is no file {path}", "check the path")
    from pvdm.generation.released import convert_released

    generator = convert_released(options.autoencoder, options.diffusion)
    generator.fps = options.fps
    generator.save_pretrained(options.output, half_precision=options.half_precision, overwrite=options.overwrite)
    logger.info("the model is in %s", options.output)
