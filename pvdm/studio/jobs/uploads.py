"""What a request brings, received within limits: a description in JSON, and files that keep none of their names."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from pvdm.errors import InputError
from pvdm.studio.jobs.job_limits import JobLimits, RefusedRequest, check_names

FILES = ("video", "content", "motion", "first_frame", "last_frame")
DESCRIPTION = "job"
LONGEST_JSON = 1 << 20
"""Bytes of a description."""

EXAMPLE = 'send a form with the field job, such as {"task": "sample", "settings": {"steps": 4}}, and its files'


async def receive(request: Request, folder: Path, limits: JobLimits) -> tuple[Mapping[str, Any], dict[str, Path]]:
    """The description in a request, and its files by the names of their fields, under names of ours in `folder`.

    The body is a form (multipart), or the description alone (JSON). InputError if it is anything else,
    RefusedRequest if it is too large or too slow.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/json"):
        raise RefusedRequest(f"the request is of the type {kind[:40] or 'none'}", EXAMPLE, status=415)
    read = _form if kind == "multipart/form-data" else _description_alone
    try:
        return await asyncio.wait_for(read(request, folder, limits), limits.upload_seconds)
    except (asyncio.TimeoutError, TimeoutError) as error:
        raise RefusedRequest(
            f"the upload took longer than {limits.upload_seconds:g} s", "send less", status=408
        ) from error
    except MultiPartException as error:
        raise InputError(f"the form cannot be read ({error.message.rstrip('.')})", EXAMPLE) from error


def parsed(text: str | bytes) -> Mapping[str, Any]:
    """The object of a JSON text; InputError if it is none, is too long or has numbers that are not finite."""
    if len(text) > LONGEST_JSON:
        raise RefusedRequest(f"the description has {len(text)} bytes", f"send at most {LONGEST_JSON}", status=413)
    try:
        found = json.loads(text, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise InputError("the description is not JSON", EXAMPLE) from error
    if not isinstance(found, Mapping):
        raise InputError("the description is no JSON object", EXAMPLE)
    return found


async def _form(request: Request, folder: Path, limits: JobLimits) -> tuple[Mapping[str, Any], dict[str, Path]]:
    body = _within(request.stream(), limits.upload_bytes)
    options = {"max_files": len(FILES), "max_fields": 1, "max_part_size": LONGEST_JSON}
    form = await MultiPartParser(request.headers, body, **options).parse()
    try:
        parts = form.multi_items()
        files = {name: part for name, part in parts if isinstance(part, UploadFile)}
        texts = {name: part for name, part in parts if isinstance(part, str)}
        check_names("file", files, FILES)
        check_names("field", texts, (DESCRIPTION,))
        if len(files) + len(texts) < len(parts):
            raise InputError("a field of the form is given twice", "give each once")
        if not texts:
            raise InputError("the form has no field job", EXAMPLE)
        paths = {name: folder / f"upload-{name}" for name in files}
        for name, path in paths.items():
            await run_in_threadpool(_save, files[name], path)
        return parsed(texts[DESCRIPTION]), paths
    finally:
        await form.close()


async def _description_alone(request: Request, _folder: Path, _limits: JobLimits) -> tuple[Mapping[str, Any], dict]:
    return parsed(b"".join([part async for part in _within(request.stream(), LONGEST_JSON)])), {}


async def _within(parts: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """The parts of a body as they come; RefusedRequest as soon as they are more than `most` bytes."""
    total = 0
    async for part in parts:
        total += len(part)
        if total > most:
            raise RefusedRequest(
                f"the request has more than {most >> 20} MB", "send a shorter or smaller video", status=413
            )
        yield part


def _save(upload: UploadFile, path: Path) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(upload.file, file)


def _not_finite(text: str) -> NoReturn:
    raise ValueError(text)
