"""Starts the studio: takes its port, serves until a signal ends it."""

from __future__ import annotations

import errno
import logging
import socket
from contextlib import suppress

import uvicorn

from pvdm.errors import InputError
from pvdm.studio.access import is_loopback
from pvdm.studio.app import Studio, studio_app

GRACE_SECONDS = 1
PING_SECONDS, ANSWER_SECONDS = 10.0, 20.0
QUEUED_MESSAGES = 16
"""Messages of a client that wait to be read."""

logger = logging.getLogger(__name__)


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that is bound to an address; InputError if it is taken or not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()  # whoever comes while the model is loaded waits
    except (OSError, OverflowError) as error:
        bound.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use", f"give another, such as {{port={port + 1}}}") from error
        if getattr(error, "errno", None) == errno.EACCES:
            raise InputError(f"port {port} needs more rights than this user has", "give {port=7860}") from error
        raise InputError(
            f"{host} is no address of this machine", "pass {host} 127.0.0.1, or 0.0.0.0 for all"
        ) from error
    return bound


def address_of(studio: Studio, port: int) -> str:
    """What to open in a browser, with the token if there is one."""
    host = studio.access.host
    shown = "127.0.0.1" if is_loopback(host) and ":" not in host else host
    if host in ("0.0.0.0", "::"):
        shown = socket.gethostname()
    shown = f"[{shown}]" if ":" in shown else shown
    return f"http://{shown}:{port}/" + (f"?token={studio.access.token}" if studio.access.token else "")


def serve(studio: Studio, bound: socket.socket) -> None:
    """Serves at a bound socket until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        studio_app(studio),
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=studio.limits.message_bytes,
        ws_max_queue=QUEUED_MESSAGES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=ANSWER_SECONDS,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    logger.info("open %s; Ctrl-C ends the studio", address_of(studio, bound.getsockname()[1]))
    with bound, suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[bound])
    logger.info("the studio is closed")
