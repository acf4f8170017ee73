"""`pvdm export`: exports a training checkpoint to a model folder."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm.cli_parser import finite
from pvdm.commands.terminal.shared_options import add_output
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output
from pvdm.generation.model_files import check_model

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="training checkpoint (.ckpt) of either stage, or an exported folder")
    add_output(parser, "folder for config.json and model.safetensors (averaged weights, autoencoder included)")
    parser.add_argument(
        "--license", help="license of the model, for its card, as the Hub spells it: mit, cc-by-4.0, ..."
    )
    parser.add_argument(
        "--ema-length",
        type=finite,
        help="length of the average, relative to the training, such as 0.1; for a checkpoint of a run with "
        "averaging.power (default: the average in the checkpoint)",
    )
    parser.add_argument("--half-precision", action="store_true", help="store float16 weights, half the size")


def run(options: argparse.Namespace) -> None:
    check_output(options.output, overwrite=options.overwrite)
    check_model(options.model)
    from pvdm.generation import VideoGenerator

    generator = VideoGenerator.load(options.model)
    if options.ema_length is not None:
        _average_anew(generator, options.model, options.ema_length)
    generator.save_pretrained(
        options.output,
        half_precision=options.half_precision,
        overwrite=options.overwrite,
        model_card_kwargs={"license": options.license},
    )
    logger.info("the model is in %s", options.output)


def _average_anew(generator: VideoGenerator, checkpoint: str, length: float) -> None:
    """Replaces the trained weights by their average of another length; InputError without its snapshots."""
    from pvdm.files.power_averages import FOLDER, average_of_length

    path = Path(checkpoint)
    if not path.is_file():
        raise InputError("--ema-length is for a training checkpoint", "give one (.ckpt), or leave it out")
    found = average_of_length(path.parent.parent / FOLDER, length, generator.training_step)
    weights = {name.removeprefix("generator."): value for name, value in found.items()}
    generator.load_weights({**generator.state_dict(), **weights})
