"""The page that describes the API: made from the routes and the settings themselves, without any outside address."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse

from pvdm.files.web_page import page_parts, page_templates
from pvdm.studio.jobs import stream_export
from pvdm.studio.jobs.job_limits import JobLimits
from pvdm.studio.jobs.job_settings import COMMON, Setting
from pvdm.studio.jobs.job_tasks import TASKS

TEMPLATES = Path(__file__).with_name("templates")
CLIENT = TEMPLATES / "client.txt"
"""A client of ten lines; docs/studio_api.md has the same."""


def api_page(app: FastAPI, limits: JobLimits) -> APIRouter:
    """The route of `/api`."""
    router = APIRouter()

    @router.get("/api", include_in_schema=False)
    async def page() -> HTMLResponse:
        parts = page_parts(TEMPLATES, scripts=(), allowed="frame-ancestors 'none'")
        content = {
            "client": CLIENT.read_text(encoding="utf-8").rstrip(),
            "requests": [*_requests(app)],
            "tasks": [*_tasks()],
            "common": _settings(COMMON),
            "limits": _limits(limits),
        }
        text = page_templates(TEMPLATES).get_template("page.html").render(**content, **parts)
        return HTMLResponse(text, headers={"content-security-policy": str(parts["policy"])})

    return router


def _requests(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """(method, path, what it does) of each request that the schema has."""
    for path, methods in app.openapi()["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path, described.get("description", "").partition("\n")[0]


def _tasks() -> Iterator[dict[str, Any]]:
    for name, task in TASKS.items():
        files = [f"{file}{'' if is_needed else ' (optional)'}" for file, (_, is_needed) in task.videos.items()]
        files += [f"{file} (optional)" for file in task.pictures]
        yield {
            "name": name,
            "summary": task.summary,
            "files": ", ".join(files),
            "settings": _settings(task.settings),
        }
    summary = "writes clips of a stream as a video, as JSON that makes them again bit for bit, or as a command"
    settings = _settings(stream_export.SETTINGS)
    yield {"name": stream_export.EXPORT, "summary": summary, "files": "", "settings": settings}


def _settings(settings: Mapping[str, Setting]) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "help": setting.help,
            "range": setting.range,
            "default": "" if setting.default is None else json.dumps(setting.default),
        }
        for name, setting in settings.items()
    ]


def _limits(limits: JobLimits) -> list[tuple[str, str]]:
    return [
        ("a request with its files", f"{limits.upload_bytes >> 20} MB in {limits.upload_seconds:g} seconds"),
        ("a frame of an upload", f"{limits.pixels / 1e6:.1f} megapixels"),
        ("frames of an upload, and of a result", str(limits.frames)),
        ("work on a job", f"{limits.seconds:g} seconds"),
        ("jobs of a client that wait or run", str(limits.waiting)),
        ("finished jobs and their files are kept for", f"{limits.age / 60:g} minutes"),
    ]
