"""How much clients may ask of the studio."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvdm.studio.jobs.job_limits import JobLimits


@dataclass(frozen=True)
class Limits:
    """Limits of size, number, rate and time.

    Args:
        streams: The most streams that play at once; others wait for their turn.
        clients: The most streams that are open.
        clips: The most clips of a stream's timeline; the oldest are forgotten.
        batch: The most clips of a batch.
        pictures: The most uploaded pictures of a stream.
        picture_bytes: The largest file of a picture.
        picture_pixels: The most pixels of a picture.
        upload_bytes: The largest body of any request.
        message_bytes: The largest message of a stream's client.
        messages: Messages that a client may send in a second, on average over ten seconds.
        silence: Seconds without a frame shown after which a stream pauses.
        return_time: Seconds for which a stream is kept after its client has left.
        jobs: Those of jobs.
    """

    streams: int = 50
    clients: int = 200
    clips: int = 1000
    batch: int = 8
    pictures: int = 64
    picture_bytes: int = 16 * 2**20
    picture_pixels: int = 40_000_000
    upload_bytes: int = 256 * 2**20
    message_bytes: int = 64 * 2**10
    messages: float = 50.0
    silence: float = 15.0
    return_time: float = 60.0
    jobs: JobLimits = field(default_factory=JobLimits)
