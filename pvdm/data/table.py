"""The videos of a data set in packed form: some hundred bytes each, shared with forked workers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from pvdm.data.index import Video
from pvdm.video import VideoInfo

NO_LABEL = -1
"""Stands for the class of a video that has none, where a number is needed."""


def given_labels(labels: Iterable[int]) -> list[int | None]:
    """Labels with None in place of `NO_LABEL`."""
    return [None if label == NO_LABEL else label for label in labels]


class VideoTable(Sequence[Video]):
    """A read-only sequence of videos, each made when it is accessed.

    Python stores reference counts inside objects, so a forked worker that only reads a list of objects copies their
    memory; arrays and byte strings stay shared. `labels`, (n,) int64, are all classes, `NO_LABEL` for none.
    """

    def __init__(self, videos: Sequence[Video]) -> None:
        infos = [video.info for video in videos]
        self._paths = _Texts(os.fsencode(video.path) for video in videos)
        self._sizes = np.array([(info.frames, info.height, info.width) for info in infos], np.int64).reshape(-1, 3)
        self._rates = np.array([np.nan if info.fps is None else info.fps for info in infos])
        self._firsts = np.array([info.first_frame for info in infos], np.int64)
        self.labels = np.array([NO_LABEL if video.label is None else video.label for video in videos], np.int64)
        # Files of one length and codec mostly have the same index, and those of constant rate have no times.
        self._indices = _RepeatedTexts(info.index or "" for info in infos)
        self._times = _RepeatedTexts(info.times or "" for info in infos)
        self._captions = _RepeatedTexts("\n".join(video.captions) for video in videos)
        names = sorted({name for video in videos for name, _ in video.columns})
        self._columns = {name: np.array([dict(video.columns).get(name, np.nan) for video in videos]) for name in names}

    def __len__(self) -> int:
        return len(self.labels)

    def __eq__(self, other: object) -> bool:
        """Whether the other is a sequence of the same videos."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(here == there for here, there in zip(self, other, strict=True))

    __hash__ = None

    @overload
    def __getitem__(self, number: int) -> Video: ...

    @overload
    def __getitem__(self, number: slice) -> list[Video]: ...

    def __getitem__(self, number: int | slice) -> Video | list[Video]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        frames, height, width = self._sizes[number].tolist()
        rate, label = float(self._rates[number]), int(self.labels[number])
        index, times = self._indices[number] or None, self._times[number] or None
        first = int(self._firsts[number])
        info = VideoInfo(frames, height, width, None if np.isnan(rate) else rate, index, times, first)
        captions = tuple(self._captions[number].splitlines())
        known = ((name, float(values[number])) for name, values in self._columns.items())
        return Video(
            Path(os.fsdecode(self._paths[number])),
            info,
            None if label == NO_LABEL else label,
            captions,
            tuple((name, value) for name, value in known if not np.isnan(value)),
        )


class _Texts:
    """Many byte strings in one."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        parts = list(texts)
        self._all = b"".join(parts)
        self._ends = np.cumsum([len(part) for part in parts], dtype=np.int64)

    def __getitem__(self, number: int) -> bytes:
        number = range(len(self._ends))[number]
        return self._all[self._ends[number - 1] if number else 0 : self._ends[number]]


class _RepeatedTexts:
    """Many texts, of which equal ones are stored once."""

    def __init__(self, texts: Iterable[str]) -> None:
        numbers: dict[str, int] = {}
        self._numbers = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int32)
        self._distinct = _Texts(text.encode() for text in numbers)

    def __getitem__(self, number: int) -> str:
        return self._distinct[self._numbers[number]].decode()
