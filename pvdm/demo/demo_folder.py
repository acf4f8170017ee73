"""A demo in a folder: what is in it, and the record of what has been done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.demo.demo_settings import DemoSettings
from pvdm.demo.source_videos import FRAMES, DemoVideo
from pvdm.diffusion import SamplerConfig
from pvdm.files.atomic_write import replacing
from pvdm.video import read_frames

SHOWN = 6
"""The number of videos that the page shows beside their reconstructions."""


PARTS = ("train", "val")
"""Folders of the frames that are trained on, and of those that are held out."""


@dataclass
class Demo:
    """The folder of a demo; `results` are those of the steps that are done, and are kept in `results.json`."""

    folder: Path
    settings: DemoSettings
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def page(self) -> Path:
        """The page."""
        return self.folder / "index.html"

    @property
    def media(self) -> Path:
        """The folder of the page's videos and pictures."""
        return self.folder / "media"

    @property
    def clips(self) -> Path:
        """The real videos as frames; see `prepare_clips`."""
        return self.folder / "clips"

    def frames_of(self, video: DemoVideo, part: str) -> Path:
        """The folder with the frames of a video for `train` or `val`, which is missing if there are none."""
        return self.clips / part / video.name / FRAMES

    @property
    def autoencoder(self) -> Path:
        """The exported autoencoder."""
        return self.folder / "autoencoder"

    @property
    def model(self) -> Path:
        """The exported model of both stages."""
        return self.folder / "model"

    @property
    def sampler(self) -> SamplerConfig:
        """The sampler of all generated videos: guided to their class, if they have one."""
        return SamplerConfig(steps=self.settings.sampling_steps, label_guidance=self.settings.guidance)

    @property
    def videos(self) -> list[DemoVideo]:
        """The real videos."""
        return [DemoVideo(**video) for video in self.results["videos"]]

    @property
    def shown(self) -> list[DemoVideo]:
        """At most `SHOWN` of the videos, evenly spaced, preferring those with held-out frames."""
        held_out = [video for video in self.videos if video.held_out]
        others = [video for video in self.videos if not video.held_out]
        found = held_out if len(held_out) > SHOWN else [*held_out, *others][:SHOWN]
        count = min(SHOWN, len(found))
        return [found[place * len(found) // count] for place in range(count)]

    @property
    def continued(self) -> DemoVideo:
        """The video whose held-out part is continued; of the built-in ones, the person in a car."""
        held_out = [video for video in self.videos if video.held_out]
        return next((video for video in held_out if not self.settings.data and video.name == "carphone"), held_out[0])

    @property
    def fps(self) -> float:
        """Frames per second of the real videos and of what is trained on them."""
        return self.results["fps"]

    def read(self) -> None:
        """Takes over the results of an earlier run, if there are any."""
        if self._file.is_file():
            self.results = json.loads(self._file.read_text(encoding="utf-8"))

    def write(self) -> None:
        """Writes the results."""
        with replacing(self._file, overwrite=True) as temporary:
            temporary.write_text(json.dumps(self.results, indent=2) + "\n", encoding="utf-8")

    @property
    def _file(self) -> Path:
        return self.folder / "results.json"


def read_part(demo: Demo, video: DemoVideo, part: str) -> Tensor | None:
    """The frames of a video for `train` or `val`, (3, t, h, w) uint8; None if there are none."""
    count = video.trained if part == "train" else video.held_out
    if not count:
        return None
    return torch.from_numpy(read_frames(demo.frames_of(video, part), range(count))).permute(3, 0, 1, 2)
