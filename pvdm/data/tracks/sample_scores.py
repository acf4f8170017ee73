"""Scores of a sample's clip, a number each: how much moves in it, its frame rate, and what a catalogue says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.data.index import Video
from pvdm.data.tracks.frame_tracks import lacking
from pvdm.errors import InputError
from pvdm.video import ClipShape

if TYPE_CHECKING:
    from torch import Tensor

MOTION, FPS = "motion", "fps"
"""The scores that need no catalogue: see `motion_of`, and frames per second."""

LEVELS = 255
"""The range of the values of pixels."""


@dataclass(frozen=True)
class SampleScores:
    """Which scores samples have.

    Args:
        names: `motion`, `fps`, or columns of a catalogue, whose `motion` is called `flow` here.
    """

    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if repeated := [name for name in self.names if self.names.count(name) > 1]:
            raise InputError(f"data.scores names {repeated[0]} twice", "name it once")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that are columns of a catalogue."""
        return tuple(name for name in self.names if name not in (MOTION, FPS))

    @classmethod
    def union(cls, scores: Iterable[SampleScores]) -> SampleScores:
        """What any of them has."""
        return cls(tuple(dict.fromkeys(name for each in scores for name in each.names)))

    def of(self, video: Video, fps: float | None, motion: Callable[[], float]) -> dict[str, Any]:
        """scores: {name: float32 scalar} of a clip of a video, NaN for those that it lacks; nothing without names.

        Args:
            video: The video.
            fps: Frames per second of the clip; None if its video records none.
            motion: Measures its motion, only if it is asked for.
        """
        known = {**columns_of(video), FPS: fps}
        return self._entry({**known, MOTION: motion()} if MOTION in self.names else known)

    def filled(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """`of` for a sample that may lack some of these names."""
        return self._entry(sample.get("scores", {}))

    def notes(self, videos: Sequence[Video], clip: ClipShape, root: Path) -> Sequence[str]:
        """Sentences about videos that lack a score; InputError if all do."""
        counts = {name: sum(_has(video, name, clip) for video in videos) for name in self.names}
        if missing := [name for name, count in counts.items() if not count]:
            problem = f"none of the {len(videos)} videos of {root} has a score {missing[0]}"
            raise InputError(problem, f"name {MOTION}, {FPS} or a column of their catalogue in data.scores")
        return [note for name, count in counts.items() for note in lacking(len(videos), count, f"score {name}")]

    def _entry(self, known: Mapping[str, Any]) -> dict[str, Any]:
        import torch

        if not self.names:
            return {}
        values = {name: known.get(name) for name in self.names}
        nan = float("nan")
        scores = {name: torch.as_tensor(nan if value is None else value).float() for name, value in values.items()}
        return {"scores": scores}


def columns_of(video: Video) -> dict[str, float]:
    """The numbers that a catalogue says of a video, by their columns; those that it does not know are not in it."""
    return dict(video.columns)


def motion_of(video: Tensor) -> Tensor:
    """(..., t, h, w) uint8 of a clip, (3, t, h, w), or of several, (b, 3, t, h, w) -> float64, () or (b,).

    The mean absolute difference of neighboring frames, in percent of the range of values: 0 for a still, NaN for a
    single frame.
    """
    import torch

    exact = torch.float64 if video.is_floating_point() else torch.int64
    values = video if video.is_floating_point() else video.to(torch.int16)
    changes = (values[..., 1:, :, :] - values[..., :-1, :, :]).abs().flatten(-4)
    return changes.sum(-1, dtype=exact).double() * (100 / LEVELS) / changes.shape[-1]


def _has(video: Video, name: str, clip: ClipShape) -> bool:
    """Whether a video has a score."""
    if name == MOTION:
        return clip.frames > 1
    return clip.output_fps(video.info) is not None if name == FPS else name in columns_of(video)
