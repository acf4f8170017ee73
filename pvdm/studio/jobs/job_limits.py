"""What a client may ask of the studio, and how a job learns that it asks for too much."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pvdm.errors import InputError


@dataclass(frozen=True)
class JobLimits:
    """Limits of jobs.

    Args:
        upload_bytes: Of one request with all of its files.
        upload_seconds: For receiving one request.
        pixels: Of a frame of an upload.
        frames: Of an upload and of a result.
        seconds: Of work on one job, without the turns of others.
        waiting: Jobs of a client that wait or run.
        jobs: Jobs of all clients that wait or run.
        running: Jobs that take turns on the model.
        kept: Finished jobs of all clients whose files are kept; the oldest go first.
        age: Seconds after which a finished job is forgotten, and its files are removed.
    """

    upload_bytes: int = 64 << 20
    upload_seconds: float = 120.0
    pixels: int = 3840 * 2160
    frames: int = 1024
    seconds: float = 600.0
    waiting: int = 4
    jobs: int = 64
    running: int = 4
    kept: int = 256
    age: float = 3600.0


class RefusedRequest(InputError):
    """A request that is refused with an HTTP status of its own."""

    def __init__(self, problem: str, remedy: str = "", *, status: int = 400, option: str | None = None) -> None:
        super().__init__(problem, remedy, option=option)
        self.status = status


def check_names(what: str, given: Collection[str], known: Collection[str]) -> None:
    """InputError for a name that is none of the known ones."""
    if unknown := [name for name in given if name not in known]:
        remedy = f"it takes {', '.join(known)}" if known else "it takes none"
        raise InputError(f"there is no {what} {str(unknown[0])[:40]!r}", remedy)


def told_in_settings(error: InputError) -> InputError:
    """The error with the options in its remedy as settings of a job."""
    return error.written(lambda name, value: f"{name} {value}" if value else name)
