"""The server of a study: the page with pairs for many people, their videos and votes, and the live result."""

from __future__ import annotations

import json
import logging
import math
import re
import socket
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from pvdm.errors import InputError
from pvdm.evaluation.preferences.study_records import StudySettings
from pvdm.evaluation.preferences.study_results import study_result, votes_csv
from pvdm.evaluation.preferences.study_store import StudyStore
from pvdm.files.web_page import page_data, page_parts, page_templates
from pvdm.studio.study.study_access import StudyAccess

HOST = "127.0.0.1"
PAGES = {"vote": "vote_page", "results": "result_page"}
VIDEO = re.compile(r"/videos/(\d{1,6})/(left|right)\.mp4")
LONGEST = 4096
"""Bytes of a request's body."""

PATIENCE = 30.0
"""Seconds without a byte after which a connection is given up."""

OWNERS = ("/results", "/results.json", "/votes.csv")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What is sent: body, its media type, further headers, and the status."""

    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    status: int = HTTPStatus.OK


def refusal(status: int, text: str) -> Answer:
    """A status, and a sentence that the page shows."""
    return Answer(json.dumps({"error": text}).encode(), "application/json", (), status)


class StudyServer(ThreadingHTTPServer):
    """Serves the study in a folder; start it by `serve_forever`, and leave it as a context manager.

    Votes are on the disk before the page goes on. Several servers may serve one study. InputError if the folder has no
    study or the address cannot be used.

    Args:
        folder: What `write_study` made.
        host, port: The address; port 0 is any.
        voter: Name of everybody who votes here; without it each browser is a person.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path, *, host: str = HOST, port: int = 0, voter: str | None = None) -> None:
        self.store = StudyStore(folder)
        self.access = StudyAccess(self.store.settings, host, person=voter)
        self.pages = {name: _page(name, self.store.settings) for name in PAGES}
        self._result, self._result_lock = (None, b""), Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            self.store.__exit__()
            reason = getattr(error, "strerror", None) or error
            problem = f"{host} cannot be served at port {port} ({reason})"
            raise InputError(problem, "give another {port} or host") from error

    @property
    def links(self) -> tuple[str, str]:
        """The addresses for people and for the owner."""
        return self.access.links(self.server_port)

    def server_bind(self) -> None:
        """Without asking the network for this machine's name, as the base class does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def server_close(self) -> None:
        super().server_close()
        self.store.__exit__()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Closed tabs and slow clients are nobody's fault."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def result(self) -> bytes:
        """The result as JSON, computed once for each state of the votes."""
        with self._result_lock:
            state = self.store.state()
            if self._result[0] != state:
                found = asdict(study_result(self.store.settings, self.store.votes()))
                self._result = (state, json.dumps(found).encode())
            return self._result[1]


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: StudyServer
    timeout = PATIENCE

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _answer(self, method: Callable[[str, str], Answer]) -> None:
        address = urlsplit(self.path)
        token, access = parse_qs(address.query).get("token", [""])[0], self.server.access
        if address.path in OWNERS and self.command == "GET" and access.is_own(self.headers):
            answer = self._for_owner(address.path, token)
        elif refused := access.refusal(self.command, self.path, self.headers):
            answer = refusal(*refused)
        else:
            answer = method(address.path, token)
        self.send_response(answer.status)
        for name, value in (*HEADERS.items(), *answer.headers, ("Content-Type", answer.kind)):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _get(self, path: str, token: str) -> Answer:
        if path != "/":
            return self._video(path)
        page, cookie = self.server.pages["vote"], self.server.access.invitation_cookie() if token else None
        return page._replace(headers=(*page.headers, ("Set-Cookie", cookie))) if cookie else page

    def _for_owner(self, path: str, token: str) -> Answer:
        if not self.server.access.is_owner(token):
            return refusal(HTTPStatus.FORBIDDEN, "the result needs the link that pvdm study has printed")
        if path == "/results":
            return self.server.pages["results"]
        if path == "/results.json":
            return Answer(self.server.result(), "application/json")
        attached = (("Content-Disposition", 'attachment; filename="votes.csv"'),)
        return Answer(votes_csv(self.server.store.votes()).encode(), "text/csv; charset=utf-8", attached)

    def _video(self, path: str) -> Answer:
        """A video of a task that was given to who asks; nobody can ask for others."""
        store, found = self.server.store, VIDEO.fullmatch(path)
        person = found and store.person(self.server.access.person(self.headers) or "")
        task = store.task(person, int(found[1])) if person else None
        file = task and store.video(task, found[2])
        if not file or not file.is_file():
            return refusal(HTTPStatus.NOT_FOUND, "there is no such video")
        return Answer(file.read_bytes(), "video/mp4")

    def _post(self, path: str, _: str) -> Answer:
        given = self._body()
        if path not in ("/tasks", "/votes") or self.headers.get("Content-Type") != "application/json":
            return refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        try:
            return self._tasks() if path == "/tasks" else self._vote(given)
        except (LookupError, TypeError, ValueError, OverflowError):
            return refusal(HTTPStatus.BAD_REQUEST, "that is no vote on a pair of yours")
        except sqlite3.Error as error:
            logger.error("a vote could not be saved: %s", error)
            return refusal(HTTPStatus.INSUFFICIENT_STORAGE, str(error))

    def _body(self) -> Any:
        """The JSON of a request; None if it is none, or too long."""
        try:
            length = int(self.headers.get("Content-Length", ""))
            return json.loads(self.rfile.read(length)) if 0 < length <= LONGEST else None
        except (ValueError, RecursionError):
            return None

    def _tasks(self) -> Answer:
        """The tasks of who asks; a new browser becomes a person."""
        name, cookie = self.server.access.person(self.headers), ()
        if name is None:
            name, header = self.server.access.new_person()
            cookie = (("Set-Cookie", header),)
        total, tasks = self.server.store.tasks(name)
        content = {"total": total, "tasks": [task.answers for task in tasks]}
        return Answer(json.dumps(content).encode(), "application/json", cookie)

    def _vote(self, given: Mapping[str, Any]) -> Answer:
        person = self.server.store.person(self.server.access.person(self.headers) or "")
        if person is None:
            return refusal(HTTPStatus.FORBIDDEN, "allow the cookie of this page, and load it again")
        place, seconds = given["place"], round(float(given["seconds"]), 1)
        if type(place) is not int or not math.isfinite(seconds):
            raise ValueError(place, seconds)
        self.server.store.add_vote(person, place, str(given["question"]), given["choice"], seconds)
        return self._tasks()

    def log_message(self, *_: Any) -> None:
        """Nothing: requests are of no interest."""


def _page(name: str, settings: StudySettings) -> Answer:
    """A page that carries everything inside itself."""
    folder = Path(__file__).with_name(PAGES[name])
    parts = page_parts(folder, scripts=[f"{name}.js"], allowed="connect-src 'self'")
    height, width = settings.size
    content = {"questions": [{"name": name, "text": text} for name, text in settings.questions.items()]}
    page = page_templates(folder).get_template("page.html")
    text = page.render(content=page_data(content), ratio=f"{width} / {height}", is_wide=width > 1.3 * height, **parts)
    policy = (("Content-Security-Policy", f"{parts['policy']}; frame-ancestors 'none'"),)
    return Answer(text.encode(), "text/html; charset=utf-8", policy)
