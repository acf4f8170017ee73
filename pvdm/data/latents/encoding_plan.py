"""The contents of a folder of latents: clips, autoencoder, shards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pvdm.data.index import Video
from pvdm.data.latents.clip_grid import ClipGrid
from pvdm.data.table import VideoTable
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.video import ClipShape, VideoInfo

GROUPS = {**dict.fromkeys(("scores", "cameras", "sound"), "data."), "blur_factors": "model.given_frames."}
"""Where settings are given that are not options of `pvdm encode` itself."""

FORMAT, VERSION = "pvdm-latents", 1
SHARDS = "latents-*.safetensors"
NAMED = 3
"""How many differences a message lists."""


def are_latents(folder: Path) -> bool:
    """Whether `pvdm encode` has written to a folder."""
    return any(folder.glob(SHARDS))


class Shard(NamedTuple):
    """Rows first, ..., stop - 1 of the clips; the first `mirrored` of them are stored mirrored, too."""

    number: int
    first: int
    stop: int
    mirrored: int

    @property
    def file(self) -> str:
        """Name of its file in the folder."""
        return f"latents-{self.number:06d}.safetensors"


@dataclass(frozen=True)
class LatentPlan:
    """All that is needed to rebuild the order of the clips without their videos.

    Args:
        autoencoder: {"sha256": digest of weights and sizes, "config": sizes}.
        settings: {"stride", "flips", "dtype", "precision", "clips_per_shard"} as `pvdm encode` takes them, and "hints",
            a list of kinds of given frames (`CACHED`), if hints of these are stored, too, with "blur_factors", the
            least and the greatest, if blurred clips are among them; likewise "scores", a list of those that need
            pixels, and "cameras" (true) and "sound" (its encoder) of videos' frames.
        clip: Shape and pace of a clip.
        latent: (c, l), the shape of a flat latent.
        videos: The training videos, and then those that are for validation only.
        training: How many of them are training videos.
        validation: The numbers of the validation videos.
        classes: Names of the labels; None if there are none.
        data: The description of the data set, for the card of a model.
    """

    autoencoder: Mapping[str, Any]
    settings: Mapping[str, Any]
    clip: ClipShape
    latent: tuple[int, int]
    videos: Sequence[Video]
    training: int
    validation: Sequence[int]
    classes: tuple[str, ...] | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def grid(self) -> ClipGrid:
        """Which clips a video has."""
        return ClipGrid(self.clip, self.settings["stride"])

    @cached_property
    def ends(self) -> np.ndarray:
        """(videos,) int64: one past the last row of each video."""
        return np.cumsum([self.grid.rows(video.info) for video in self.videos], dtype=np.int64)

    @property
    def clips(self) -> int:
        """How many clips there are, not counting mirrored ones."""
        return int(self.ends[-1])

    @property
    def mirrored(self) -> int:
        """How many of the clips, from the first, are stored mirrored, too: those of training."""
        return int(self.ends[self.training - 1]) if self.settings["flips"] else 0

    @property
    def hints(self) -> tuple[str, ...]:
        """The kinds of given frames whose hints are stored beside each clip."""
        return tuple(self.settings.get("hints", ()))

    @property
    def blur_factors(self) -> tuple[float, float] | None:
        """Between which factors the clips of blurred hints are scaled down and up again."""
        factors = self.settings.get("blur_factors")
        return None if factors is None else (float(factors[0]), float(factors[1]))

    @property
    def measured(self) -> tuple[str, ...]:
        """The scores that are stored beside each clip."""
        return tuple(self.settings.get("scores", ()))

    @property
    def tracks(self) -> FrameTracks:
        """The vectors of frames that are stored beside each clip."""
        return FrameTracks(bool(self.settings.get("cameras")), self.settings.get("sound"))

    @property
    def track_values(self) -> int:
        """How many numbers of the frames are stored beside a clip, not counting those of mirrored cameras."""
        zeros = self.tracks.absent(self.clip.frames)
        return sum(zeros[name].numel() for name in self.tracks.names)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that the latents depend on; stored in every shard."""
        content = {"version": VERSION, **self._content()}
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def shards(self) -> list[Shard]:
        """All shards, of `clips_per_shard` clips each but for the last."""
        size = self.settings["clips_per_shard"]
        firsts = range(0, self.clips, size)
        return [Shard(i, first, *self._bounds(first, first + size)) for i, first in enumerate(firsts)]

    def shard_of(self, row: int) -> Shard:
        """The shard that holds a row."""
        size = self.settings["clips_per_shard"]
        number = row // size
        return Shard(number, number * size, *self._bounds(number * size, (number + 1) * size))

    def rows_of(self, number: int) -> range:
        """The rows of a video."""
        return range(int(self.ends[number - 1]) if number else 0, int(self.ends[number]))

    def videos_in(self, shard: Shard) -> Iterator[tuple[Video, range]]:
        """The videos that have clips in a shard, and the rows of these clips, counted within the video."""
        number = int(np.searchsorted(self.ends, shard.first, side="right"))
        while number < len(self.videos) and (rows := self.rows_of(number)).start < shard.stop:
            first, stop = max(rows.start, shard.first), min(rows.stop, shard.stop)
            yield self.videos[number], range(first - rows.start, stop - rows.start)
            number += 1

    def differences(self, other: LatentPlan) -> list[str]:
        """How the latents of another plan differ from these, a clause each: the value there, and here."""
        there, here = other._content(), self._content()
        differences = []
        for group, prefix in (("settings", "--"), ("clip", "data.")):
            for name in {**here[group], **there[group]}:
                before, now = there[group].get(name), here[group].get(name)
                if before != now:
                    clause = f"is {_shown(before)} there and {_shown(now)} here"
                    differences.append(f"{_option(GROUPS.get(name, prefix), name)} {clause}")
        if there["autoencoder"] != here["autoencoder"]:
            differences.append("they are of another autoencoder")
        names = ("videos", "training", "validation", "classes", "latent")
        if any(there[name] != here[name] for name in names):
            differences.append(f"they are of other videos ({len(other.videos)} there and {len(self.videos)} here)")
        return differences[:NAMED]

    def to_json(self) -> dict[str, Any]:
        """The content of the index, JSON-able."""
        said = {"captions": [list(video.captions) for video in self.videos]}
        said["columns"] = [dict(video.columns) for video in self.videos]
        own = {name: each for name, each in said.items() if any(each)}
        return {"format": FORMAT, "version": VERSION, **self._content(), "data": dict(self.data), **own}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> LatentPlan:
        """Inverse of `to_json`; KeyError, TypeError, ValueError, IndexError or InputError for anything else."""
        plan = cls(
            stored["autoencoder"],
            stored["settings"],
            ClipShape(**stored["clip"]),
            tuple(stored["latent"]),
            _described(_videos(stored["videos"]), stored),
            stored["training"],
            stored["validation"],
            None if stored["classes"] is None else tuple(stored["classes"]),
            stored["data"],
        )
        if not 0 < plan.training <= len(plan.videos) or not plan.clips > 0 or len(plan.latent) != 2:
            raise ValueError("there are no clips")
        if "blurred" in plan.hints and plan.blur_factors is None:
            raise ValueError("there are no factors of blurred hints")
        return plan

    def _bounds(self, first: int, stop: int) -> tuple[int, int]:
        """(stop, mirrored) of the shard that begins with a row."""
        stop = min(stop, self.clips)
        return stop, min(max(self.mirrored - first, 0), stop - first)

    def _content(self) -> dict[str, Any]:
        """Everything that the latents depend on, which excludes the location of the videos."""
        infos = [video.info for video in self.videos]
        has_times, are_spans = any(info.times for info in infos), any(info.first_frame for info in infos)
        are_series = any(info.values for info in infos)
        return {
            "autoencoder": dict(self.autoencoder),
            "settings": dict(self.settings),
            "clip": self.clip.to_dict(),
            "latent": list(self.latent),
            "videos": {
                "path": [Path(video.path).as_posix() for video in self.videos],
                "label": [video.label for video in self.videos],
                **{name: [getattr(info, name) for info in infos] for name in ("frames", "height", "width", "fps")},
                **({"times": [info.times for info in infos]} if has_times else {}),
                **({"first_frame": [info.first_frame for info in infos]} if are_spans else {}),
                **({"values": [info.values and info.values.pack() for info in infos]} if are_series else {}),
            },
            "training": self.training,
            "validation": list(self.validation),
            "classes": None if self.classes is None else list(self.classes),
        }


def _option(prefix: str, name: str) -> str:
    """The name of a setting on the command line."""
    return f"--{name.replace('_', '-')}" if prefix == "--" else prefix + name


def _shown(value: Any) -> str:
    """A setting as it is given on the command line."""
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _described(videos: VideoTable, stored: Mapping[str, Any]) -> VideoTable:
    """The videos with the captions and the columns that an index has of them."""
    absent = {"captions": (), "columns": ()}
    said = (stored.get(name) or [none] * len(videos) for name, none in absent.items())
    return VideoTable(
        [
            replace(video, captions=tuple(told), columns=tuple(dict(known).items()))
            for video, told, known in zip(videos, *said, strict=True)
        ]
    )


def _videos(columns: Mapping[str, Sequence[Any]]) -> VideoTable:
    names = ("path", "label", "frames", "height", "width", "fps")
    times = columns.get("times") or [None] * len(columns["path"])
    firsts = columns.get("first_frame") or [0] * len(columns["path"])
    values = columns.get("values") or [None] * len(columns["path"])
    rows = zip(*(columns[name] for name in names), times, firsts, values, strict=True)
    return VideoTable(
        [
            Video(Path(path), VideoInfo(*info, index=packed, times=time, first_frame=first), label)
            for path, label, *info, time, first, packed in rows
        ]
    )
