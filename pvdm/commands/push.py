"""`pvdm push`: uploads a model and its card to the Hugging Face Hub."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pvdm.generation.model_files import CARD, check_model, check_name, push_folder

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="exported folder, or training checkpoint (.ckpt) to export first")
    parser.add_argument("name", metavar="owner/name", help="name of the repository, which is created if necessary")
    parser.add_argument("--public", action="store_true", help="make a new repository public; by default it is private")
    parser.add_argument("--license", help="license of the model, for its card: mit, cc-by-4.0, ...")
    parser.add_argument("--half-precision", action="store_true", help="upload float16 weights, half the size")
    parser.add_argument("--message", default="", help="message of the commit")
    parser.add_argument("--overwrite", action="store_true", help="add a new version to an existing repository")


def run(options: argparse.Namespace) -> None:
    check_name(options.name)
    check_model(options.model)
    from pvdm.generation import VideoGenerator

    generator = VideoGenerator.load(options.model)  # a folder, too: what cannot be loaded is not pushed
    with TemporaryDirectory() as temporary:
        folder = _folder(options, generator, Path(temporary))
        address = push_folder(
            folder, options.name, private=not options.public, overwrite=options.overwrite, message=options.message
        )
    logger.info("the model is at %s; load it by VideoGenerator.from_pretrained(%r)", address, options.name)


def _folder(options: argparse.Namespace, generator: VideoGenerator, temporary: Path) -> Path:
    """The exported folder itself, whose card may have been edited, or an export with the given options."""
    given, is_asked_for = Path(options.model), options.license or options.half_precision
    if (given / CARD).is_file() and not is_asked_for:
        return given
    made = temporary / options.name.partition("/")[2]
    card = {"license": options.license}
    generator.save_pretrained(made, half_precision=options.half_precision, model_card_kwargs=card)
    return made
