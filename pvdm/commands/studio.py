"""`pvdm studio`: a page that plays and steers endless video while it is made."""

from __future__ import annotations

import argparse
import logging
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from pvdm.cli_parser import whole
from pvdm.commands.terminal.progress_bars import Bars
from pvdm.commands.terminal.provenance_options import add_provenance
from pvdm.commands.terminal.shared_options import (
    add_adapters,
    add_cuda_graphs,
    add_model,
    load_model,
    positive,
    shared_work,
)
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output
from pvdm.generation.input_video import check_input
from pvdm.generation.model_files import check_model
from pvdm.studio.jobs.job_limits import JobLimits
from pvdm.studio.limits import Limits

PACKAGED = "pvdm/sprites-64"
MOST_PORT = 65535
NEEDED = ("fastapi", "uvicorn", "websockets", "python_multipart")

logger = logging.getLogger(__name__)


def port(text: str) -> int:
    """A port, 0 ... 65535."""
    number = whole(text, 0)
    if number > MOST_PORT:
        raise InputError(f"{text} is not a port", f"give a number from 0, for any that is free, to {MOST_PORT}")
    return number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    model = next(action for action in parser._actions if action.dest == "model")
    model.nargs, model.required, model.default = "?", False, PACKAGED
    add_adapters(parser)
    add_cuda_graphs(parser)
    parser.add_argument("--port", type=port, default=7860, help="port of the page; 0 takes one that is free")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address of the page; any but that of this machine alone needs the token that is then printed",
    )
    parser.add_argument(
        "--name", action="append", metavar="HOST", help="further name by which it is reached; may be repeated"
    )
    _add_limits(parser)
    add_provenance(parser)
    group = parser.add_argument_group("clips again")
    group.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="instead of opening a page, make the clips of a JSON file that it has exported, bit for bit",
    )
    group.add_argument("--output", type=Path, help="their video (.mp4, .webm, .gif, .webp, or a folder of png frames)")
    group.add_argument("--overwrite", action="store_true", help="replace existing output")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """How much clients may ask for."""
    group, jobs = parser.add_argument_group("limits"), JobLimits()
    limits = {
        "streams": (Limits.streams, "streams that play at once; others wait in a queue"),
        "clients": (Limits.clients, "pages that are open at once"),
        "batch": (Limits.batch, "clips that are made at once"),
        "clips": (Limits.clips, "clips of a timeline; the oldest are forgotten"),
        "messages": (int(Limits.messages), "messages that a page may send in a second"),
        "jobs": (jobs.waiting, "jobs of an address that wait or run"),
        "seconds": (int(jobs.seconds), "seconds of work on a job"),
        "frames": (jobs.frames, "frames of a job's upload, and of its result"),
        "upload": (jobs.upload_bytes >> 20, "megabytes of a job's request with its files"),
    }
    for name, (default, text) in limits.items():
        group.add_argument(f"--max-{name}", type=positive, default=default, metavar="N", help=text)


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits that the options set, and those that follow from them."""
    upload = options.max_upload << 20
    jobs = JobLimits(
        upload_bytes=upload,
        frames=options.max_frames,
        seconds=float(options.max_seconds),
        waiting=options.max_jobs,
        jobs=max(JobLimits.jobs, options.max_jobs),
    )
    return Limits(
        streams=options.max_streams,
        clients=max(options.max_clients, options.max_streams),
        clips=options.max_clips,
        batch=options.max_batch,
        messages=float(options.max_messages),
        picture_bytes=min(Limits.picture_bytes, upload),
        upload_bytes=max(Limits.upload_bytes, upload),
        jobs=jobs,
    )


def run(options: argparse.Namespace) -> None:
    check_model(options.model)  # first, because it is quick
    if options.replay or options.output:
        _replay(options)
    else:
        _serve(options)


def _serve(options: argparse.Namespace) -> None:
    """Opens the page until a signal ends it."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(f"the studio needs {missing[0].replace('_', '-')}", "pip install 'pvdm[studio]'")
    from pvdm.studio.access import Access
    from pvdm.studio.app import Studio
    from pvdm.studio.server import bound_socket, serve

    bound = bound_socket(options.host, options.port)
    access = Access.of(options.host, tuple(options.name or ()))
    generator = load_model(options)
    told = {"precision": options.precision, "loaded_with": loaded_with(options)}
    serve(Studio.of(generator, options.model, access=access, limits=limits_of(options), **told), bound)


def loaded_with(options: argparse.Namespace) -> list[str]:
    """The options that change what the model makes, for commands that make it again."""
    given = [part for path, weight in options.adapter or () for part in ("--adapter", f"{path}:{weight!r}")]
    given += ["--precision", options.precision] if options.precision != "32" else []
    given += ["--watermark", str(options.watermark)] if options.watermark is not None else []
    return given + ["--no-provenance"] * options.no_provenance


def _replay(options: argparse.Namespace) -> None:
    """Makes the clips of a JSON file again."""
    if not options.replay or not options.output:
        given, lacking = ("--replay", "--output") if options.replay else ("--output", "--replay")
        raise InputError(f"{given} is given without {lacking}", "give both, or neither to open the page")
    check_input(options.replay)
    check_output(options.output, overwrite=options.overwrite)
    generator = load_model(options)
    from pvdm.studio.replays.replay_file import replay_video

    bars, more = Bars(), {"precision": options.precision, "overwrite": options.overwrite}
    with shared_work():
        frames = replay_video(
            generator, options.model, options.replay, options.output, progress=partial(bars, "making"), **more
        )
    logger.info("%d frames in %s", frames, options.output)
