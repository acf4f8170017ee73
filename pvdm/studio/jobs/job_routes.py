"""The requests on jobs: POST one, watch it, fetch its file, cancel it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.routing import APIRoute

from pvdm.errors import InputError
from pvdm.studio.jobs.job_limits import told_in_settings
from pvdm.studio.jobs.job_queue import Job, JobQueue
from pvdm.studio.jobs.job_tasks import TASKS
from pvdm.studio.jobs.job_work import read_input, work_of
from pvdm.studio.jobs.stream_export import EXPORT, FindStream, export_work
from pvdm.studio.jobs.uploads import DESCRIPTION, FILES, receive

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [DESCRIPTION],
                    "properties": {
                        DESCRIPTION: {"type": "string", "description": "JSON with task and settings, see /api"},
                        **{name: {"type": "string", "format": "binary"} for name in FILES},
                    },
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["task"],
                    "properties": {"task": {"enum": [*TASKS, EXPORT]}, "settings": {"type": "object"}},
                }
            },
        },
    }
}
"""The body of a request for a job, as OpenAPI describes it."""


class SentenceRoute(APIRoute):
    """A route whose refusals are JSON with one sentence, whatever application includes it."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except InputError as error:
                return JSONResponse({"error": str(told_in_settings(error))}, getattr(error, "status", 400))

        return answer


def client_of(request: Request) -> str:
    """The client of a request: its address."""
    return request.client.host if request.client else ""


def job_routes(queue: JobQueue, generator: VideoGenerator, model: Sequence[str], find_stream: FindStream) -> APIRouter:
    """The routes of `/api/jobs`.

    Args:
        queue: The jobs.
        generator: The model, of which only what it is and takes is read here.
        model: The model's name, as commands are given it, and the options with which it was loaded.
        find_stream: The stream of a name that only its client knows; InputError if there is none.
    """
    router = APIRouter(prefix="/api/jobs", route_class=SentenceRoute, tags=["jobs"])

    @router.post("", status_code=202, openapi_extra=FORM)
    async def post_job(request: Request) -> dict[str, Any]:
        """Puts a job into the queue: its id, and its place, 0 if it runs already."""
        with queue.place_for(client_of(request)) as job:
            described, files = await receive(request, job.folder, queue.limits)
            task, settings = task_of(described)
            job.task = task
            if task == EXPORT:
                if files:
                    raise InputError("an export takes no file", "send the description alone")
                work = export_work(settings, find_stream, model)
            else:
                given = await queue.read(lambda: read_input(TASKS[task], settings, files, generator, queue.limits))
                work = work_of(TASKS[task], given)
            queue.add(job, work)
        return {"id": job.id, "place": queue.place(job)}

    @router.get("/{name}")
    async def get_job(name: str) -> dict[str, Any]:
        """The state of a job: waiting, running, done, failed or cancelled; its progress from 0 to 1, and its files."""
        return state_of(queue, queue.get(name))

    @router.get("/{name}/files/{file}")
    async def get_file(name: str, file: str) -> FileResponse:
        """A file that a job has made."""
        path = queue.file(queue.get(name), file)
        return FileResponse(path, media_type=guess_type(file)[0], filename=file)

    @router.delete("/{name}")
    async def delete_job(name: str) -> dict[str, Any]:
        """Cancels a job that waits or runs; forgets one that has finished, and its files."""
        job = queue.get(name)
        queue.cancel(job)
        return state_of(queue, job)

    return router


def task_of(described: Any) -> tuple[str, Any]:
    """The task and the settings of a description; InputError for anything else."""
    if unknown := [name for name in described if name not in ("task", "settings")]:
        raise InputError(f"there is no {str(unknown[0])[:40]!r} in a description", "send task and settings")
    task = described.get("task")
    if not isinstance(task, str) or task not in (*TASKS, EXPORT):
        raise InputError(f"there is no task {str(task)[:40]!r}", f"choose one of {', '.join((*TASKS, EXPORT))}")
    return task, described.get("settings") or {}


def state_of(queue: JobQueue, job: Job) -> dict[str, Any]:
    """What a client is told of its job."""
    return {
        "task": job.task,
        "state": job.state,
        "progress": job.progress,
        "place": queue.place(job),
        "error": job.error,
        "files": list(job.files),
        "seconds": round(job.seconds, 3),
    }
