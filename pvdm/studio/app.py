"""The studio as a FastAPI application: the page, streams, pictures and jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response, UploadFile, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException

from pvdm.errors import InputError, sentence
from pvdm.files.web_page import STYLE
from pvdm.generation import VideoGenerator
from pvdm.studio.access import Access, Guard
from pvdm.studio.jobs.api_page import api_page
from pvdm.studio.jobs.job_queue import JobQueue
from pvdm.studio.jobs.job_routes import job_routes
from pvdm.studio.limits import Limits
from pvdm.studio.picture_upload import read_upload
from pvdm.studio.stream_model import StreamModel
from pvdm.studio.stream_socket import serve_stream
from pvdm.studio.streams.clip_batch import ClipRequest
from pvdm.studio.streams.clip_engine import ClipEngine
from pvdm.studio.streams.clip_sender import Workshop
from pvdm.studio.streams.seats import Seats
from pvdm.studio.streams.stream_registry import StreamRegistry
from pvdm.studio.streams.stream_settings import StreamSettings

PAGE = Path(__file__).parent / "page"
BROKEN = "the studio has a fault here; its log says more"


class Studio:
    """What all parts of the application share.

    Args:
        model: What clients know of the model.
        engine: What makes clips, and does jobs.
        access: Who may use it.
        limits: How much.
        loaded_with: The options of commands with which the model was loaded, for those that exports name.
    """

    def __init__(
        self,
        model: StreamModel,
        engine: ClipEngine,
        *,
        access: Access,
        limits: Limits | None = None,
        loaded_with: Sequence[str] = (),
    ) -> None:
        self.loaded_with = loaded_with
        self.model, self.engine, self.access, self.limits = model, engine, access, limits or Limits()
        self.jobs = JobQueue(engine, self.limits.jobs)
        own = {"clips": self.limits.clips, "patience": self.limits.return_time}
        self.streams = StreamRegistry(most=self.limits.clients, settings=StreamSettings.usual(model), **own)
        self.encoders = ThreadPoolExecutor(2, thread_name_prefix="frame-encoder")
        self.workshop = Workshop(
            model, engine, Seats(self.limits.streams), self.encoders, lambda: len(self.streams), self.limits.silence
        )

    @classmethod
    def of(
        cls,
        generator: VideoGenerator,
        name: str,
        *,
        access: Access,
        limits: Limits | None = None,
        precision: str = "32",
        loaded_with: Sequence[str] = (),
    ) -> Studio:
        """The studio of a model; InputError if it holds no denoiser."""
        model, limits = StreamModel.of(generator, name), limits or Limits()
        generator.overlap = False  # a thread that samples ahead would do so in the turns of others
        engine = ClipEngine(generator, max_batch=limits.batch, precision=precision)
        return cls(model, engine, access=access, limits=limits, loaded_with=loaded_with)


def studio_app(studio: Studio) -> FastAPI:
    """The application; it starts the engine when it starts, and ends it when it ends.

    The engine first makes a clip for nobody, which takes longer than those after it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        studio.engine.start()
        first = asyncio.ensure_future(
            studio.engine.clip(ClipRequest("warm-up", StreamSettings.usual(studio.model), (0, 0, 0)))
        )
        try:
            yield
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            studio.engine.close()
            studio.jobs.close()
            studio.encoders.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(title="pvdm studio", lifespan=lifespan, docs_url=None, redoc_url=None)
    _add_page(app, studio)
    _add_streams(app, studio)
    named = (studio.model.name, *studio.loaded_with)
    app.include_router(job_routes(studio.jobs, studio.engine.generator, named, studio.streams.__getitem__))
    app.include_router(api_page(app, studio.jobs.limits))
    _add_errors(app)
    app.add_middleware(Guard, access=studio.access, most_bytes=studio.limits.upload_bytes)
    return app


def _add_page(app: FastAPI, studio: Studio) -> None:
    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return _file("index.html")

    @app.get("/page/{name}", include_in_schema=False)
    async def page(name: str) -> FileResponse:
        return _file(name)

    @app.get("/api/model")
    async def model() -> dict[str, Any]:
        """What the model is and takes."""
        return studio.model.to_json()


def _file(name: str) -> FileResponse:
    """A file of the page; no other can be named."""
    known = {
        path.name: path for path in (STYLE, *PAGE.iterdir()) if path.suffix in (".html", ".css", ".js", ".svg", ".png")
    }
    if name not in known:
        raise HTTPException(404, "there is no such file")
    return FileResponse(known[name], media_type=guess_type(name)[0])


def _add_streams(app: FastAPI, studio: Studio) -> None:
    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await serve_stream(studio, socket)

    @app.post("/api/streams/{stream}/picture")
    async def picture(stream: str, picture: UploadFile) -> dict[str, Any]:
        """Uploads a picture for a stream's settings `first_picture`, `last_picture` and `anchor`."""
        owner, limits = studio.streams[stream], studio.limits
        data = await picture.read(limits.picture_bytes + 1)
        if len(data) > limits.picture_bytes:
            raise InputError(f"the file has more than {limits.picture_bytes // 2**20} MB", "give a smaller picture")
        size = studio.model.height, studio.model.width
        found = await asyncio.to_thread(read_upload, data, size, most_pixels=limits.picture_pixels)
        name = owner.add_picture(found.pixels, limits.pictures)
        return {"picture": name, "height": found.size[0], "width": found.size[1], "cut": found.cut}


def _add_errors(app: FastAPI) -> None:
    """Every error is JSON with one sentence."""

    def told(status: Callable[[Any], int], text: Callable[[Any], str]) -> Callable[..., Awaitable[Response]]:
        async def answer(request: Request, error: Exception) -> Response:
            return JSONResponse({"error": text(error)}, status(error))

        return answer

    app.add_exception_handler(InputError, told(lambda error: 400, str))
    app.add_exception_handler(HTTPException, told(lambda error: error.status_code, lambda error: str(error.detail)))
    app.add_exception_handler(RequestValidationError, told(lambda error: 422, _invalid))
    app.add_exception_handler(Exception, told(lambda error: 500, lambda error: sentence(error) or BROKEN))


def _invalid(error: RequestValidationError) -> str:
    first = error.errors()[0]
    place = " ".join(str(part) for part in first.get("loc", ()))
    return f"the request is incomplete or wrong ({place}: {first.get('msg', 'invalid')}); see /openapi.json"
