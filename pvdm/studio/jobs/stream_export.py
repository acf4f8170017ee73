"""Clips of a stream as a file: a video, what makes them again as JSON, or the command that makes them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from pvdm.studio.jobs.job_queue import Job, JobWork
from pvdm.studio.jobs.job_settings import Choice, Clips, Setting, Text, checked_settings
from pvdm.studio.jobs.job_work import WorkClock
from pvdm.studio.replays.replay_clips import Replay, rendered, replay_of
from pvdm.studio.replays.replay_file import replay_json
from pvdm.studio.streams.stream_settings import StreamSettings
from pvdm.video import VideoWriter

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator
    from pvdm.studio.streams.stream_registry import Stream

EXPORT = "export"
MOST_CLIPS = 1000
REPLAY, COMMAND, ANCHOR = "stream.json", "command.txt", "anchor.png"
ONCE = ("first_picture", "last_picture")
SETTINGS: dict[str, Setting] = {
    "stream": Text("the name of the stream, which its page was told"),
    "clips": Clips(MOST_CLIPS, "the numbers of its clips in the order in which they are shown"),
    "format": Choice(("mp4", "gif", "json", "command"), "format of the result", "mp4"),
}
"""The settings of the task `export`."""

FindStream = Callable[[str], "Stream"]
"""The stream of a name; InputError if there is none."""


def export_work(settings: Any, find_stream: FindStream, model: Sequence[str]) -> JobWork:
    """The work of an export; what it needs of the stream is taken now. InputError for whatever is wrong.

    model: The model's name, as commands are given it, and the options with which it was loaded.
    """
    chosen = checked_settings(settings, SETTINGS, needed=("stream", "clips"))
    replay, kind = replay_of(find_stream(chosen["stream"]), chosen["clips"]), chosen["format"]

    def work(generator: VideoGenerator, job: Job) -> Generator[None, None, tuple[str, ...]]:
        if kind in ("json", "command"):
            return (_write_json if kind == "json" else _write_command)(replay, generator, model, job)
        name, clock = f"stream.{kind}", WorkClock(job)
        clock.frames = len(replay.clips) * generator.frames
        told = {"provenance": generator.provenance and generator.provenance.made_from(replay.pictures)}
        with VideoWriter(job.folder / name, fps=generator.fps, **told) as writer:
            for frames in rendered(generator, replay):
                writer.write(frames)
                clock.written(frames.shape[1])
                yield
                clock.resume()
        return (name,)

    return work


def beyond_command(replay: Replay) -> str | None:
    """Why `pvdm extend` does not make these clips, half a sentence; None if it does.

    It makes one scene from its beginning, of which the prompt alone may change, with at most an anchor as its picture.
    """
    first, before = replay.clips[0], None
    for place, clip in enumerate(replay.clips):
        if clip.parent != before:
            return f"clip {clip.id} {'begins a new scene' if clip.parent is None else f'continues clip {clip.parent}'}"
        if changed := _changed(clip.settings, first.settings):
            return f"the setting {changed[0]} of clip {clip.id} is another"
        if clip.noise != (first.noise[0], 0, place):
            return f"clip {clip.id} has the noise of another seed or branch"
        before = clip.id
    used = first.settings.given_pictures()
    return next((f"{name} is of one clip" for name in ONCE if name in used), None)


def _changed(settings: StreamSettings, first: StreamSettings) -> list[str]:
    """The names of settings that differ, but for the seed, which the noise tells, and one prompt after another."""
    pairs = {name: (value, getattr(first, name)) for name, value in settings.to_json().items() if name != "seed"}
    pairs["prompt"] = (settings.prompt is None, first.prompt is None)
    return [name for name, (own, others) in pairs.items() if own != others]


def command_of(replay: Replay, model: Sequence[str], frames: int) -> list[str]:
    """The command `pvdm extend` that makes clips which are not `beyond_command`; frames: Of a clip."""
    length, seed = len(replay.clips) * frames, replay.clips[0].noise[0]
    return ["pvdm", "extend", *model, "--frames", str(length), "--seeds", str(seed), *_options(replay, frames)]


def _options(replay: Replay, frames: int) -> list[str]:
    """The options of the settings."""
    settings, sampler = replay.clips[0].settings, replay.clips[0].settings.sampler()
    prompts = {place * frames: clip.settings.prompt for place, clip in enumerate(replay.clips)}
    changes = {start: text for start, text in prompts.items() if text != prompts.get(start - frames)}
    options = ["--steps", str(sampler.steps)]
    weights = {name: getattr(sampler, name) for name in ("guidance", "prompt_guidance", "label_guidance")}
    for name, weight in weights.items():
        options += [f"--{name.replace('_', '-')}", _exact(weight)] if weight else []
    options += ["--label", settings.label] if settings.label is not None else []
    options += ["--score", f"motion={_exact(settings.motion)}"] if settings.motion is not None else []
    options += ["--anchor", ANCHOR] if settings.anchor is not None else []
    if settings.prompt is not None:
        several = ["--prompt-at", *(f"{start}={text}" for start, text in changes.items())]
        options += ["--prompt", settings.prompt] if len(changes) == 1 else several
        options += ["--negative-prompt", settings.negative_prompt] if settings.negative_prompt else []
    return options


def _exact(number: float) -> str:
    """A number as short as it can be without being another."""
    return short if float(short := f"{number:g}") == number else repr(number)


def _write_json(replay: Replay, generator: VideoGenerator, model: Sequence[str], job: Job) -> tuple[str, ...]:
    content = json.dumps(replay_json(replay, generator, model[0]), allow_nan=False)
    (job.folder / REPLAY).write_text(content, encoding="utf-8")
    return (REPLAY,)


def _write_command(replay: Replay, generator: VideoGenerator, model: Sequence[str], job: Job) -> tuple[str, ...]:
    """Writes the command, and the files that it needs; a comment says why it needs the JSON file, if it does."""
    lines, files = [], ()
    if reason := beyond_command(replay):
        lines.append(f"# pvdm extend cannot make this video ({reason}), but {REPLAY} makes it again:")
        command, files = ["pvdm", "studio", *model, "--replay", REPLAY], _write_json(replay, generator, model, job)
    else:
        command = command_of(replay, model, generator.frames)
        if picture := replay.clips[0].settings.anchor:
            Image.fromarray(replay.pictures[picture].movedim(0, -1).contiguous().numpy()).save(job.folder / ANCHOR)
            files = (ANCHOR,)
    lines.append(shlex.join([*command, "--output", "stream.mp4"]))
    (job.folder / COMMAND).write_text("\n".join([*lines, ""]), encoding="utf-8")
    return (COMMAND, *files)
