"""`pvdm studio`: a page that plays and steers endless video while it is made."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from pvdm.cli_parser import whole
from pvdm.commands.terminal.shared_options import (
    add_adapters,
    add_cuda_graphs,
    add_model,
    load_model,
    positive,
)
from pvdm.errors import InputError
from pvdm.generation.model_files import check_model
from pvdm.studio.limits import Limits

PACKAGED = "pvdm/sprites-64"
MOST_PORT = 65535
NEEDED = ("fastapi", "uvicorn", "websockets", "python_multipart")


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
    parser.add_argument(
        "--max-streams", type=positive, default=Limits.streams, help="streams that play at once; others wait in a queue"
    )
    parser.add_argument("--max-clients", type=positive, default=Limits.clients, help="pages that are open at once")
    parser.add_argument("--max-batch", type=positive, default=Limits.batch, help="clips that are made at once")
    parser.add_argument(
        "--max-clips", type=positive, default=Limits.clips, help="clips of a timeline; the oldest are forgotten"
    )


def run(options: argparse.Namespace) -> None:
    check_model(options.model)  # first, because it is quick
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(f"the studio needs {missing[0].replace('_', '-')}", "pip install 'pvdm[studio]'")
    from pvdm.studio.access import Access
    from pvdm.studio.app import Studio
    from pvdm.studio.server import bound_socket, serve

    bound = bound_socket(options.host, options.port)
    limits = Limits(
        streams=options.max_streams,
        clients=max(options.max_clients, options.max_streams),
        clips=options.max_clips,
        batch=options.max_batch,
    )
    access = Access.of(options.host, tuple(options.name or ()))
    generator = load_model(options)
    serve(Studio.of(generator, options.model, access=access, limits=limits, precision=options.precision), bound)
