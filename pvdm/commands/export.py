"""`pvdm export`: exports a training checkpoint to a model folder."""

from __future__ import annotations

import argparse
import logging

from pvdm.commands.terminal.shared_options import add_output
from pvdm.files.atomic_write import check_output
from pvdm.generation.model_files import check_model

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="training checkpoint (.ckpt) of either stage, or an exported folder")
    add_output(parser, "folder for config.json and model.safetensors (averaged weights, autoencoder included)")
    parser.add_argument(
        "--license", help="license of the model, for its card, as the Hub spells it: mit, cc-by-4.0, ..."
    )
    parser.add_argument("--half-precision", action="store_true", help="store float16 weights, half the size")


def run(options: argparse.Namespace) -> None:
    check_output(options.output, overwrite=options.overwrite)
    check_model(options.model)
    from pvdm.generation import VideoGenerator

    generator = VideoGenerator.load(options.model)
    generator.save_pretrained(
        options.output,
        half_precision=options.half_precision,
        overwrite=options.overwrite,
        model_card_kwargs={"license": options.license},
    )
    logger.info("the model is in %s", options.output)
