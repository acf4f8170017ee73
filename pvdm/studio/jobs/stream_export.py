"""Clips of a stream as a file: a video, what makes them again as JSON, or the command that makes them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pvdm.studio.jobs.job_queue import Job, JobWork
from pvdm.studio.jobs.job_settings import Choice, Clips, Setting, Text, checked_settings
from pvdm.studio.jobs.job_work import WorkClock
from pvdm.studio.replays.replay_clips import Replay, rendered, replay_of
from pvdm.studio.replays.replay_file import replay_json
from pvdm.video import VideoWriter

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator
    from pvdm.studio.streams.stream_registry import Stream

EXPORT = "export"
MOST_CLIPS = 1000
REPLAY, COMMAND = "stream.json", "command.txt"
SETTINGS: dict[str, Setting] = {
    "stream": Text("the name of the stream, which its page was told"),
    "clips": Clips(MOST_CLIPS, "the numbers of its clips in the order in which they are shown"),
    "format": Choice(("mp4", "gif", "json", "command"), "format of the result", "mp4"),
}
"""The settings of the task `export`."""

FindStream = Callable[[str], "Stream"]
"""The stream of a name; InputError if there is none."""


def export_work(settings: Any, find_stream: FindStream, model: str) -> JobWork:
    """The work of an export; what it needs of the stream is taken now. InputError for whatever is wrong.

    model: The model's name, as commands are given it.
    """
    chosen = checked_settings(settings, SETTINGS, needed=("stream", "clips"))
    replay, kind = replay_of(find_stream(chosen["stream"]), chosen["clips"]), chosen["format"]

    def work(generator: VideoGenerator, job: Job) -> Generator[None, None, tuple[str, ...]]:
        if kind in ("json", "command"):
            return _write_texts(replay, generator, model, job, is_command=kind == "command")
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


def command_of(replay: Replay, model: str, frames: int) -> list[str] | None:
    """The command `pvdm extend` that makes these clips; None if only their JSON file does.

    It makes one scene from its beginning, whose prompt alone may change. frames: Of a clip.
    """
    first = replay.clips[0]
    common, seed = replace(first.settings, prompt=None), first.noise[0]
    parents = [None, *(clip.id for clip in replay.clips[:-1])]
    for place, (clip, parent) in enumerate(zip(replay.clips, parents, strict=True)):
        is_next = clip.parent == parent and clip.noise == (seed, 0, place)
        has_prompt = (clip.settings.prompt is None) == (first.settings.prompt is None)
        if (
            not is_next
            or not has_prompt
            or replace(clip.settings, prompt=None, seed=seed) != replace(common, seed=seed)
        ):
            return None
    if common.given_pictures():
        return None
    length = len(replay.clips) * frames
    return ["pvdm", "extend", model, "--frames", str(length), "--seeds", str(seed), *_options(replay, frames)]


def _options(replay: Replay, frames: int) -> list[str]:
    """The options of the settings."""
    settings, sampler = replay.clips[0].settings, replay.clips[0].settings.sampler()
    prompts = {place * frames: clip.settings.prompt for place, clip in enumerate(replay.clips)}
    changes = {start: text for start, text in prompts.items() if text != prompts.get(start - frames)}
    options = ["--steps", str(sampler.steps)]
    weights = {name: getattr(sampler, name) for name in ("guidance", "prompt_guidance", "label_guidance")}
    for name, weight in weights.items():
        options += [f"--{name.replace('_', '-')}", f"{weight:g}"] if weight else []
    options += ["--label", settings.label] if settings.label is not None else []
    options += ["--score", f"motion={settings.motion:g}"] if settings.motion is not None else []
    if settings.prompt is not None:
        several = ["--prompt-at", *(f"{start}={text}" for start, text in changes.items())]
        options += ["--prompt", settings.prompt] if len(changes) == 1 else several
        options += ["--negative-prompt", settings.negative_prompt] if settings.negative_prompt else []
    return options


def _write_texts(
    replay: Replay, generator: VideoGenerator, model: str, job: Job, *, is_command: bool
) -> tuple[str, ...]:
    """Writes the JSON file, the command or both, and returns their names."""
    command = command_of(replay, model, generator.frames) if is_command else None
    files = [COMMAND] * is_command
    if command is None:
        files.append(REPLAY)
        content = json.dumps(replay_json(replay, generator, model), allow_nan=False)
        (job.folder / REPLAY).write_text(content, encoding="utf-8")
        command = ["pvdm", "studio", model, "--replay", REPLAY]
    if is_command:
        text = shlex.join([*command, "--output", "stream.mp4"])
        (job.folder / COMMAND).write_text(f"{text}\n", encoding="utf-8")
    return tuple(files)
