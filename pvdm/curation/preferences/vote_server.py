"""The server of a blind comparison: the page, its videos and the votes, for this machine alone."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pvdm.curation.preferences.blind_pairs import PAGE, PAIRS, Pair, read_key
from pvdm.curation.preferences.votes import VOTES, Vote, VoteLog
from pvdm.errors import InputError

HOST = "127.0.0.1"
VIDEO = re.compile(r"/pairs/(\d{4,}-(?:left|right)\.mp4)")
LONGEST = 4096
"""Bytes of a request's body."""

logger = logging.getLogger(__name__)


def vote_server(folder: Path, *, port: int, voter: str) -> ThreadingHTTPServer:
    """A server of the page that `write_pairs` wrote, at 127.0.0.1 and a port, 0 for any; start it by `serve_forever`.

    Votes go to `votes.jsonl` in the folder and are on the disk before the page goes on to the next pair. InputError if
    the folder holds no comparison or the port is taken.
    """
    _, pairs = read_key(folder)
    log = VoteLog(folder / VOTES)
    handler = partial(_Handler, folder=folder, pairs={pair.number: pair for pair in pairs}, log=log, voter=voter)
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"port {port} cannot be used ({reason})", "give another {port}", option="port") from error


class _Handler(BaseHTTPRequestHandler):
    """Answers requests of this machine's own pages alone: other sites that are open in the browser are refused."""

    def __init__(self, *request: Any, folder: Path, pairs: dict[int, Pair], log: VoteLog, voter: str) -> None:
        self.folder, self.pairs, self.log, self.voter = folder, pairs, log, voter
        super().__init__(*request)

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _answer(self, method: Callable[[], tuple[HTTPStatus, str, bytes]]) -> None:
        port = self.server.server_port
        own = {f"{host}:{port}" for host in (HOST, "localhost")}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in own or (origin and origin.removeprefix("http://") not in own):
            status, kind, body = HTTPStatus.FORBIDDEN, "text/plain", b""
        else:
            status, kind, body = method()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _get(self) -> tuple[HTTPStatus, str, bytes]:
        if self.path == "/":
            return HTTPStatus.OK, "text/html; charset=utf-8", (self.folder / PAGE).read_bytes()
        if self.path == "/votes":
            mine = {vote.pair: vote.choice for vote in self.log.votes() if vote.voter == self.voter}
            return HTTPStatus.OK, "application/json", json.dumps(mine).encode()
        if (found := VIDEO.fullmatch(self.path)) and (file := self.folder / PAIRS / found[1]).is_file():
            return HTTPStatus.OK, "video/mp4", file.read_bytes()
        return HTTPStatus.NOT_FOUND, "text/plain", b""

    def _post(self) -> tuple[HTTPStatus, str, bytes]:
        if self.path != "/votes" or self.headers.get("Content-Type") != "application/json":
            return HTTPStatus.NOT_FOUND, "text/plain", b""
        try:
            length = int(self.headers.get("Content-Length", ""))
            given = json.loads(self.rfile.read(length)) if 0 < length <= LONGEST else None
            time = datetime.now(timezone.utc).isoformat(timespec="seconds")
            vote = Vote(given["pair"], given["choice"], self.voter, time, round(float(given["seconds"]), 1))
            if vote.pair not in self.pairs:
                raise ValueError(vote.pair)
        except (ValueError, TypeError, KeyError, OverflowError):
            return HTTPStatus.BAD_REQUEST, "text/plain", b""
        try:
            self.log.add(vote)
        except OSError as error:
            logger.error("a vote could not be saved: %s", error.strerror)
            return HTTPStatus.INSUFFICIENT_STORAGE, "text/plain; charset=utf-8", str(error.strerror).encode()
        return HTTPStatus.NO_CONTENT, "text/plain", b""

    def log_message(self, *_: Any) -> None:
        """Nothing: requests are of no interest."""
