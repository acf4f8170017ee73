"""Putting a sound into the file of a video that was written without."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing
from pvdm.video.sound.soundtrack import EARLIER

CODECS = {".mp4": "aac", ".webm": "libopus"}
"""Of the files that can hold sound."""

RATE = 48_000


def add_sound(
    video: Path, sound: str | Path, *, start: float = 0.0, finish: Callable[[Path, str], None] | None = None
) -> None:
    """Puts the first track of a file into a video, .mp4 or .webm, no longer than the video is.

    Its pictures stay bit for bit. A file of another format is left as it is, as it cannot hold sound. InputError if one
    of the files cannot be read or written.

    Args:
        video: The file to put it into.
        sound: A file with sound.
        start: Seconds of the file's own pictures at which the sound begins, to within a frame of its codec.
        finish: Called with the complete file and its suffix before it gets its name.
    """
    suffix = video.suffix.lower()
    if suffix not in CODECS:
        return
    try:
        with (
            av.open(str(video)) as pictures,
            av.open(str(sound)) as source,
            replacing(video, overwrite=True) as temporary,
        ):
            with av.open(str(temporary), "w", format=suffix[1:]) as target:
                target.metadata.update({"comment": said} if (said := pictures.metadata.get("comment")) else {})
                _copy(pictures, source, target, CODECS[suffix], start)
            if finish is not None:
                finish(temporary, suffix)
    except (OSError, IndexError, av.error.FFmpegError) as error:
        reason = "it has none" if isinstance(error, IndexError) else error.strerror or error
        problem = f"the sound of {sound} cannot be put into {video} ({reason})"
        raise InputError(problem, "give a video with sound, or a file such as .wav") from error


def _copy(
    pictures: av.container.InputContainer,
    source: av.container.InputContainer,
    target: av.container.OutputContainer,
    codec: str,
    start: float,
) -> None:
    seen, heard = pictures.streams.video[0], source.streams.audio[0]
    to_see, to_hear = target.add_stream_from_template(seen), target.add_stream(codec, rate=RATE)
    end = 0.0
    for packet in pictures.demux(seen):
        if packet.dts is None:
            continue
        end = max(end, float((packet.pts + packet.duration) * packet.time_base))
        packet.stream = to_see
        target.mux(packet)
    context = to_hear.codec_context
    resampler = av.AudioResampler(context.format, context.layout, RATE, frame_size=context.frame_size or None)
    place = 0
    for frame in _between(source, heard, (start, end), resampler):
        frame.pts, frame.time_base = place, Fraction(1, RATE)  # from which the delay of the codec is told
        place += frame.samples
        target.mux(to_hear.encode(frame))
    target.mux(to_hear.encode(None))


def _between(
    source: av.container.InputContainer,
    track: av.audio.AudioStream,
    span: tuple[float, float],
    resampler: av.AudioResampler,
) -> list[av.AudioFrame]:
    """Resampled frames from a start, in seconds of the pictures, for some seconds more."""
    found: list[av.AudioFrame] = []
    count, (start, seconds) = 0, span
    zero = _zero(source) if start else None
    if start > EARLIER:
        source.seek(int((zero + start - EARLIER) / track.time_base), stream=track)
    for frame in source.decode(track):
        if zero is not None and frame.time is not None and frame.time + frame.samples / track.rate / 2 < zero + start:
            continue
        frame.pts = None
        found += resampler.resample(frame)
        count += frame.samples
        if count >= seconds * track.rate:
            break
    return [frame for frame in [*found, *resampler.resample(None)] if frame is not None]


def _zero(source: av.container.InputContainer) -> float:
    """The time of the first picture, or of the beginning of a file without any."""
    timed = next(iter(source.streams.video), None)
    return float((timed.start_time or 0) * timed.time_base) if timed else 0.0
