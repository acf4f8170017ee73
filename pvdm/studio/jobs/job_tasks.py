"""The tasks of the model as jobs: what each takes, refuses by name, and makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pvdm.conditions.keyframes import Keyframes
from pvdm.data.tracks.camera_path import orbit
from pvdm.data.tracks.sample_scores import FPS
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation.tasks.interpolation import Interpolation
from pvdm.generation.tasks.recombination import Recombination
from pvdm.generation.tasks.repair import Repair
from pvdm.generation.tasks.upscaling import Upscaling
from pvdm.runtime.progress_callback import Progress
from pvdm.studio.jobs.job_limits import JobLimits
from pvdm.studio.jobs.job_settings import COMMON, Number, Setting, Switch, Text, Whole, weight
from pvdm.studio.jobs.stored_frames import StoredFrames
from pvdm.studio.jobs.upload_checks import Reading
from pvdm.video import grid_video, near_square

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

MOST_VIDEOS, MOST_FRAMES = 16, 4096
PLANES = ("content_guidance", "motion_guidance")
"""Weights that are no sampler's."""


@dataclass(frozen=True)
class TaskInput:
    """What a job is given.

    Args:
        settings: All settings of its task.
        videos: The frames of uploads by the names of their fields.
        pictures: Pictures (3, h, w) uint8 of the model's size by the names of their fields.
        limits: Of the studio.
    """

    settings: Mapping[str, Any]
    videos: Mapping[str, StoredFrames] = field(default_factory=dict)
    pictures: Mapping[str, Tensor] = field(default_factory=dict)
    limits: JobLimits = field(default_factory=JobLimits)

    def checked(self, frames: int) -> int:
        """The frames of a result; InputError if they are too many."""
        if frames > (most := self.limits.frames):
            raise InputError(f"the result would have {frames} frames", f"this studio makes up to {most}, ask for less")
        return frames


@dataclass(frozen=True)
class Making:
    """A video on its way.

    Args:
        frames: How many it will have.
        fps: Their rate.
        parts: The frames in parts (3, n, h, w) uint8, made as they are asked for; None is a clip that one of them will
            hold, after which others have their turn.
        videos: How many are made for it.
    """

    frames: int
    fps: float
    parts: Iterator[Tensor | None]
    videos: int = 1


@dataclass(frozen=True)
class JobTask:
    """A task.

    Args:
        summary: What it does, for the page that describes the API.
        make: Begins to make the video; in the thread that owns the model.
        videos: The videos that it takes, how it reads each, and whether it must be given.
        pictures: The pictures that it takes.
        settings: Its settings beside the common ones.
        needs_file: Whether it needs at least one of its files.
        check: InputError if the model was not trained for it; reads nothing but the model's configuration.
    """

    summary: str
    make: Callable[[VideoGenerator, TaskInput, Progress], Making]
    videos: Mapping[str, tuple[Reading, bool]] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    needs_file: bool = False
    check: Callable[[VideoGenerator], None] = lambda generator: generator.check_can_continue(None)

    @property
    def all_settings(self) -> dict[str, Setting]:
        """Those of its own and the common ones."""
        return {**self.settings, **COMMON}

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the fields of uploads."""
        return (*self.videos, *self.pictures)

    def check_files(self, given: Mapping[str, Any]) -> None:
        """InputError if a file that it needs is missing, or one is given that it does not take."""
        for name, (_, is_needed) in self.videos.items():
            if is_needed and name not in given:
                raise InputError(f"the file {name} is missing", f"send it in a field {name} of the form")
        if unknown := [name for name in given if name not in self.files]:
            remedy = f"it takes {' and '.join(self.files)}" if self.files else "it takes none"
            raise InputError(f"this task takes no file {unknown[0]}", remedy)
        if self.needs_file and not given:
            raise InputError("no file is given", f"send {' or '.join(self.files)} in a field of the form, or both")


def _new_video(generator: VideoGenerator, given: TaskInput, progress: Progress) -> Making:
    return _streamed(generator, given, progress, given.settings["frames"] or generator.frames)


def _views(generator: VideoGenerator, given: TaskInput, progress: Progress) -> Making:
    settings, frames = given.settings, given.checked(given.settings["frames"] or generator.frames)
    tracks = generator.tracks(frames, camera=orbit(settings["from"], settings["to"], frames, settings["elevation"]))
    return _streamed(generator, given, progress, frames, tracks=tracks)


def _extend(generator: VideoGenerator, given: TaskInput, progress: Progress) -> Making:
    source, settings = given.videos["video"], given.settings
    generator.check_can_continue(source.read(0, generator.frames))
    frames = given.checked(settings["frames"] or source.frames + generator.frames)
    if (missing := frames - source.frames) < 1:
        raise InputError(f"frames is {frames}, and the video has {source.frames} already", "give more frames")
    new = _streamed(generator, given, progress, missing, context=source.last(generator.frames))
    if settings["only_new"]:
        return new

    def whole() -> Iterator[Tensor]:
        yield from source.runs(generator.frames)
        yield from new.parts

    return Making(frames, new.fps, whole())


def _streamed(
    generator: VideoGenerator,
    given: TaskInput,
    progress: Progress,
    frames: int,
    *,
    context: Tensor | None = None,
    **more: Any,
) -> Making:
    """So many new frames, clip by clip; several videos in a grid."""
    settings, frames = given.settings, given.checked(frames)
    options = {name: settings[name] for name in ("negative_prompt", "scores")}
    options |= {"labels": settings["label"], "prompts": settings["prompt"], "sampler": _sampler(settings, generator)}
    options |= {"keep_given": settings.get("keep_given", False), "progress": progress, "context": context}
    if given.pictures:
        options["keyframes"] = Keyframes.of(frames, generator.size, **given.pictures)
    videos = [[(settings["seed"], index)] for index in range(settings.get("videos", 1))]
    streams = [generator.stream(num_frames=frames, videos=video, **options, **more) for video in videos]
    rate = None if context is not None else (settings["scores"] or {}).get(FPS)
    return Making(frames, rate or generator.fps, _in_turns(streams), len(streams))


def _in_turns(streams: Sequence[Iterator[Tensor]]) -> Iterator[Tensor | None]:
    """The clips of streams (1, 3, t, h, w) in a grid, after each clip but the last of a grid None."""
    columns = near_square(len(streams))[1]
    for clip in streams[0]:
        clips = [clip]
        for stream in streams[1:]:
            yield None
            clips.append(next(stream))
        yield clip[0] if len(clips) == 1 else grid_video(torch.cat(clips), columns)


def _interpolate(generator: VideoGenerator, given: TaskInput, progress: Progress) -> Making:
    settings, source, factor = given.settings, given.videos["video"], given.settings["factor"]
    task = Interpolation(
        generator, factor, **_told(settings, generator), batch_size=1, keep_given=settings["keep_given"]
    )
    frames = given.checked((source.frames - 1) * factor + 1)
    fps = (source.fps or generator.fps) * (1 if settings["slow"] else factor)
    return Making(frames, fps, task.run(source.runs(generator.frames), progress))


def _repair(generator: VideoGenerator, given: TaskInput, progress: Progress) -> Making:
    task, source = Repair(generator, **_told(given.settings, generator)), given.videos["video"]
    parts = task.run(source.runs(generator.frames), source.missing, progress)
    return Making(source.frames, source.fps or generator.fps, parts)


def _upscale(generator: VideoGenerator, given: TaskInput, progress: Progress) -> Making:
    settings, source = given.settings, given.videos["video"]
    task = Upscaling(generator, **_told(settings, generator), keep_given=settings["keep_given"])
    return Making(source.frames, source.fps or generator.fps, task.run(source.runs(generator.frames), progress))


def _recombine(generator: VideoGenerator, given: TaskInput, progress: Progress) -> Making:
    settings = given.settings
    kept = (*PLANES, "content_noise", "motion_noise")
    task = Recombination(
        generator,
        **{name: source.read(0, source.frames) for name, source in given.videos.items()},
        **{name: settings[name] for name in kept if settings[name] is not None},
        **{name: settings[name] for name in ("label", "prompt", "scores")},
        sampler=_sampler(settings, generator),
    )
    clips = task.run([(settings["seed"], 0)], progress)
    return Making(task.frames, generator.fps, (clip[0] for clip in clips))


def _told(settings: Mapping[str, Any], generator: VideoGenerator) -> dict[str, Any]:
    """Sampler, seed, class, prompts and scores."""
    names = ("seed", "label", "prompt", "negative_prompt", "scores")
    return {"sampler": _sampler(settings, generator), **{name: settings[name] for name in names}}


def _sampler(settings: Mapping[str, Any], generator: VideoGenerator) -> SamplerConfig:
    """InputError for more steps than the model has timesteps."""
    steps, timesteps = settings["steps"], generator.diffusion.timesteps
    if steps and steps > timesteps:
        raise InputError(f"steps is {steps}", f"this model has {timesteps} timesteps, give at most as many")
    weights = {name: value for name, value in settings.items() if name.endswith("guidance") and name not in PLANES}
    return SamplerConfig(steps=steps, **weights)


FRAMES = Whole(1, MOST_FRAMES, "frames of the result; by default those of a clip")
HINTED: dict[str, Setting] = {"hint_guidance": weight("given frames")}
TASKS: dict[str, JobTask] = {
    "sample": JobTask(
        "makes new videos, several in a grid",
        _new_video,
        settings={"videos": Whole(1, MOST_VIDEOS, "how many videos", 1), "frames": FRAMES},
    ),
    "image-to-video": JobTask(
        "makes a video that begins or ends with a picture, or both",
        _new_video,
        pictures=("first_frame", "last_frame"),
        settings={
            "frames": FRAMES,
            "keep_given": Switch("whether the pictures come out exactly, and not as the autoencoder gives them"),
            **HINTED,
        },
        needs_file=True,
        check=lambda generator: generator.check_takes_frames(),
    ),
    "extend": JobTask(
        "continues a video, towards a picture if one is given",
        _extend,
        videos={"video": ("paced", True)},
        pictures=("last_frame",),
        settings={
            "frames": Whole(1, MOST_FRAMES, "frames of the result; by default a clip more than the video has"),
            "only_new": Switch("whether the video's own frames are left out"),
            **HINTED,
        },
    ),
    "interpolate": JobTask(
        "puts new frames between those of a video",
        _interpolate,
        videos={"video": ("every", True)},
        settings={
            "factor": Whole(2, 64, "frames for each of the video", 2),
            "slow": Switch("whether the frame rate stays: slow motion"),
            "keep_given": Switch("whether the video's own frames stay exactly", True),
            **HINTED,
        },
        check=lambda generator: generator.check_takes_frames(),
    ),
    "repair": JobTask(
        "makes missing or damaged frames of a video anew",
        _repair,
        videos={"video": ("damaged", True)},
        settings={
            "missing": Text("their numbers and spans, such as 40-47 60; by default damaged and repeated frames"),
            **HINTED,
        },
        check=lambda generator: generator.check_takes_frames(),
    ),
    "upscale": JobTask(
        "makes a small video as large as the model's clips",
        _upscale,
        videos={"video": ("whole", True)},
        settings={"keep_given": Switch("whether the coarse content stays, and only details are new", True), **HINTED},
        check=lambda generator: generator.check_upscales(),
    ),
    "recombine": JobTask(
        "makes a video of the content of one video and the motion of another; without one of them, it is new",
        _recombine,
        videos={"content": ("paced", False), "motion": ("paced", False)},
        settings={
            **dict.fromkeys(
                ("content_noise", "motion_noise"),
                Number(0, 10, "noise, sigma / alpha, up to which it is kept; 0 keeps it exactly"),
            ),
            "content_guidance": Number(0, 20, "weight of guidance by the content"),
            "motion_guidance": Number(0, 20, "weight of guidance by the motion"),
        },
        needs_file=True,
        check=lambda generator: generator.check_recombines(),
    ),
    "views": JobTask(
        "makes a video of a camera that turns around, of a picture if one is given",
        _views,
        pictures=("first_frame",),
        settings={
            "from": Number(-720, 720, "azimuth of the first frame in degrees", 0.0),
            "to": Number(-720, 720, "azimuth of the last frame in degrees", 360.0),
            "elevation": Number(-90, 90, "elevation of the camera in degrees"),
            "frames": FRAMES,
            "camera_guidance": weight("camera"),
            **HINTED,
        },
        check=lambda generator: generator.check_takes(["camera"]),
    ),
}
"""All tasks by name."""
