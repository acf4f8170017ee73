"""`pvdm export`: a training checkpoint to a model folder, or a model to graphs for other runtimes and the web."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm.cli_parser import finite
from pvdm.commands.terminal.shared_options import add_output, natural, positive
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output
from pvdm.generation.model_files import check_model

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

FORMATS = ("safetensors", "torch-export", "onnx", "web")
NODE_PACKAGE = "node_modules/onnxruntime-web"
EXAMPLES = 4
"""Examples of prompts that a page offers, where none are given."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="training checkpoint (.ckpt) of either stage, or an exported folder")
    add_output(parser, "folder for config.json and model.safetensors (averaged weights, autoencoder included)")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        help="safetensors: weights; torch-export or onnx: encode, decode and denoise as graphs that run without the "
        "networks' code; web: a static page on which the visitor's own machine generates video; default: %(default)s",
    )
    parser.add_argument(
        "--quantize", choices=["int8"], help="multiply by 8-bit integers in the linear layers of ONNX graphs"
    )
    parser.add_argument(
        "--runtime-dir",
        help=f"the npm package onnxruntime-web, whose files the page of --format web needs; default: {NODE_PACKAGE}",
    )
    parser.add_argument(
        "--prompts",
        nargs="+",
        metavar="PROMPT",
        help="what the page of --format web offers, by default captions of the training data; a model of the encoder "
        "`words` takes any other of its words, too",
    )
    parser.add_argument(
        "--license", help="license of the model, for its card, as the Hub spells it: mit, cc-by-4.0, ..."
    )
    parser.add_argument(
        "--ema-length",
        type=finite,
        help="length of the average, relative to the training, such as 0.1; for a checkpoint of a run with "
        "averaging.power (default: the average in the checkpoint)",
    )
    parser.add_argument(
        "--search-steps",
        type=positive,
        nargs="+",
        metavar="STEPS",
        help="search the timesteps at which this model makes clips best in these numbers of steps, such as 4 8; the "
        "exported model takes them",
    )
    parser.add_argument(
        "--skip-block",
        type=natural,
        metavar="N",
        help="block of the joint transformer, counted from 0, without which the exported model guides itself",
    )
    parser.add_argument(
        "--autoguidance",
        type=finite,
        metavar="WEIGHT",
        help="weight by which --skip-block guides (default: 1)",
    )
    parser.add_argument("--half-precision", action="store_true", help="store float16 weights, half the size")


def run(options: argparse.Namespace) -> None:
    _check_format(options)
    check_output(options.output, overwrite=options.overwrite)
    check_model(options.model)
    from pvdm.generation import VideoGenerator

    generator = VideoGenerator.load(options.model)
    if options.ema_length is not None:
        _average_anew(generator, options.model, options.ema_length)
    if options.skip_block is not None or options.autoguidance is not None:
        _guide(generator, options)
    if options.search_steps:
        _search(generator, options.search_steps)
    WRITERS[options.format](generator, options)
    logger.info("the model is in %s", options.output)


def _check_format(options: argparse.Namespace) -> None:
    """InputError for options that the format does not take."""
    if options.half_precision and options.format != "safetensors":
        raise InputError("--half-precision is for --format safetensors", "leave it out, or give --quantize int8")
    if options.quantize and options.format not in ("onnx", "web"):
        raise InputError("--quantize is for --format onnx and web", "leave it out, or choose one of these")
    for name in ("runtime_dir", "prompts"):
        if getattr(options, name) and options.format != "web":
            raise InputError(f"--{name.replace('_', '-')} is for --format web", "leave it out, or choose that")
    if options.license and options.format == "web":
        raise InputError("--license is for a model's card, and a page has none", "leave it out")


def _write_weights(generator: VideoGenerator, options: argparse.Namespace) -> None:
    card = {"license": options.license}
    half, overwrite = options.half_precision, options.overwrite
    generator.save_pretrained(options.output, half_precision=half, overwrite=overwrite, model_card_kwargs=card)


def _write_graphs(generator: VideoGenerator, options: argparse.Namespace) -> None:
    from pvdm.generation.runtimes.graph_export import export_graphs

    written = {"quantize": options.quantize, "license": options.license, "overwrite": options.overwrite}
    export_graphs(generator, options.output, options.format, **written)


def _write_page(generator: VideoGenerator, options: argparse.Namespace) -> None:
    from pvdm.generation.runtimes.web_export import export_web

    prompts = options.prompts or (generator.text.examples[:EXAMPLES] if generator.text else ())
    name = Path(options.model).stem if Path(options.model).exists() else options.model  # a page tells no path
    written = {"name": name, "runtime_dir": options.runtime_dir or NODE_PACKAGE, "prompts": prompts}
    export_web(generator, options.output, quantize=options.quantize, overwrite=options.overwrite, **written)
    logger.info("python -m http.server --directory %s serves it at http://localhost:8000", options.output)


WRITERS = {
    "safetensors": _write_weights,
    "torch-export": _write_graphs,
    "onnx": _write_graphs,
    "web": _write_page,
}
"""What writes each of `FORMATS`."""


def _search(generator: VideoGenerator, counts: Sequence[int]) -> None:
    """Stores the timesteps found for each number of steps in the model; InputError for one without a denoiser."""
    from pvdm.generation.acceleration.step_search import search_times

    if generator.denoiser is None:
        raise InputError("--search-steps is for a model that samples", "leave it out, or give a model of stage 2")
    kept = {len(times): times for times in generator.diffusion.searched_times}
    for count in sorted(set(counts)):
        found = search_times(generator, count)
        kept[count] = found.times
        logger.info("%d steps: %s, error %.4f, and %.4f before", count, found.times, found.error, found.usual)
    times = tuple(kept[count] for count in sorted(kept))
    generator.diffusion = replace(generator.diffusion, searched_times=times)


def _guide(generator: VideoGenerator, options: argparse.Namespace) -> None:
    """Makes the model guide itself by leaving out a block; InputError if it cannot."""
    if options.skip_block is None:
        raise InputError("--autoguidance is given without --skip-block", "give both, or leave it out")
    weight = 1.0 if options.autoguidance is None else options.autoguidance
    if weight <= 0:
        raise InputError(f"--autoguidance is {weight:g}", "give a weight above 0")
    generator.guide_without(options.skip_block, weight)


def _average_anew(generator: VideoGenerator, checkpoint: str, length: float) -> None:
    """Replaces the trained weights by their average of another length; InputError without its snapshots."""
    from pvdm.files.power_averages import FOLDER, average_of_length

    path = Path(checkpoint)
    if not path.is_file():
        raise InputError("--ema-length is for a training checkpoint", "give one (.ckpt), or leave it out")
    found = average_of_length(path.parent.parent / FOLDER, length, generator.training_step)
    weights = {name.removeprefix("generator."): value for name, value in found.items()}
    generator.load_weights({**generator.state_dict(), **weights})
