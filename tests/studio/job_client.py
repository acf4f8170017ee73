"""A studio with jobs, and a client that waits for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import sleep
from typing import Any

from httpx import Response
from starlette.testclient import TestClient

from pvdm.generation import VideoGenerator
from pvdm.studio.access import Access
from pvdm.studio.app import Studio, studio_app
from pvdm.studio.jobs.job_limits import JobLimits
from pvdm.studio.limits import Limits

ADDRESS = "http://127.0.0.1"


@contextmanager
def studio_client(generator: VideoGenerator, name: str = "model", **limits: Any) -> Iterator[TestClient]:
    """A client of a studio of this model; `limits` are those of jobs. `client.studio` is the studio."""
    studio = Studio.of(generator, name, access=Access.of("127.0.0.1"), limits=Limits(jobs=JobLimits(**limits)))
    with TestClient(studio_app(studio), base_url=ADDRESS) as client:
        client.studio = studio
        yield client


def post(client: TestClient, task: str, files: Mapping[str, Any] | None = None, **settings: Any) -> Response:
    """The answer to a job; files by the names of their fields, as bytes or (name, bytes)."""
    described = {"task": task, "settings": settings}
    if not files:
        return client.post("/api/jobs", json=described)
    return client.post("/api/jobs", data={"job": json.dumps(described)}, files=files)


def refused(answer: Response, status: int = 400) -> str:
    """The sentence of a refusal."""
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def ended(client: TestClient, answer: Response) -> dict[str, Any]:
    """The last state of a job, once it has ended; with its address."""
    assert answer.status_code == 202, answer.text
    address = f"/api/jobs/{answer.json()['id']}"
    while (state := client.get(address).json())["state"] in ("waiting", "running"):
        sleep(0.005)
    return {**state, "address": address}


def done(client: TestClient, answer: Response) -> dict[str, bytes]:
    """The files of a job that succeeds, by their names."""
    state = ended(client, answer)
    assert state["state"] == "done" and state["progress"] == 1, state
    return {name: client.get(f"{state['address']}/files/{name}").content for name in state["files"]}
