"""A study of gray clips, whose level tells source and sample."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pvdm.evaluation.preferences.study_folder import StudyVideo, write_study
from pvdm.studio.study.study_server import StudyServer

LEVELS = {"curated": 20, "heap": 150}
QUESTIONS = {"quality": "Which looks better?", "motion": "Which moves better?"}


def small_study(folder: Path, *, samples: int = 6, size: tuple[int, int] = (16, 16), **options: Any) -> Path:
    """Samples of `LEVELS`, 10 gray levels apart, at 8 frames a second for half a second."""
    clips = (
        [
            StudyVideo.of(torch.full((3, 4, *size), level + 10 * sample, dtype=torch.uint8), 8)
            for level in LEVELS.values()
        ]
        for sample in range(samples)
    )
    write_study(folder, list(LEVELS), clips, **{"questions": QUESTIONS, **options})
    return folder


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[StudyServer]:
    with StudyServer(folder, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Person:
    """A browser, with its cookie."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies = port, {}

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        sent |= {} if body is None else {"Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body and json.dumps(body), {**sent, **headers})
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie", ()):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        content = answer.read()
        connection.close()
        return answer.status, content

    def tasks(self) -> dict[str, Any]:
        """The tasks given until now."""
        return json.loads(self.ask("/tasks", {"begin": True})[1])

    def vote(self, place: int, choice: str, question: str = "quality") -> int:
        """The status."""
        return self.ask("/votes", {"place": place, "question": question, "choice": choice, "seconds": 1.23})[0]
