"""Which videos a data set has for training, for validation and for testing, and the class of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pvdm.errors import InputError, check_range
from pvdm.video import VideoInfo

Part = Literal["train", "test", "both"]
"""Values of the option `part`: which splits training takes, or which are measured."""


@dataclass(frozen=True)
class SplitFolders:
    """Folders of a split, by their paths below the data set's folder, if their names do not identify them.

    Args:
        training: Folders of the training videos; `.` is all of them that are not for validation.
        validation: Folders of the validation videos.
    """

    training: Sequence[str] = (".",)
    validation: Sequence[str] = ()


@dataclass(frozen=True)
class SceneOptions:
    """Which scenes the layout `scenes` has; each is a function of the seed and its number alone.

    Args:
        seed: Of the world, so that runs with other seeds have the same scenes.
        videos: Scenes of a training epoch.
        held_out: Scenes for validation, and as many others for testing.
        endless: Take new scenes for training in every epoch, instead of the same ones again.
        frames: Length of a scene at 25 frames per second; by default 100, or as long as a sample is. With 1, the scenes
            are stills, which give clips of any length.
        bodies: How many bodies a scene has, 1 to 4; by default it varies.
        camera: What the camera of all scenes does; by default it varies.
        turntable: Time stands still in a scene, and the camera goes around it by 90 to 360 degrees, as multi-view
            models train on; a scene is then as long as a clip.
    """

    seed: int = 0
    videos: int = 4096
    held_out: int = 512
    endless: bool = True
    frames: int | None = None
    bodies: int | None = None
    camera: Literal["still", "orbit", "dolly"] | None = None
    turntable: bool = False

    def __post_init__(self) -> None:
        check_range(0, 2**32 - 1, seed=self.seed)
        check_range(1, 4, bodies=self.bodies)
        check_range(1, 10**8, videos=self.videos, held_out=self.held_out, frames=self.frames)


@dataclass(frozen=True)
class SplitOptions:
    """How a data set is divided, as far as its layout leaves that open; a layout ignores what it does not need.

    Args:
        split: Which of UCF101's three official splits.
        validation_fraction: Share of the videos for validation, in [0, 1), where no folder holds validation videos.
        folders: The folders of each split; None to decide by their names.
        seed: Of the random split.
        scenes: The scenes of the layout `scenes`.
        columns: Names of the columns of a catalogue whose numbers its clips are to have.
    """

    split: int = 1
    validation_fraction: float = 0.1
    folders: SplitFolders | None = None
    seed: int = 0
    scenes: SceneOptions = field(default_factory=SceneOptions)
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_range(1, 3, split=self.split)


@dataclass(frozen=True)
class KnownClip:
    """What a catalogue says of a clip, so that its file need not be opened to index it.

    Args:
        info: Of its span of the file.
        file_frames: Frames of the whole file; None if they were not recorded.
        mark: `IndexCache.mark` of the file that was curated.
        captions: Of the clip.
        columns: The numbers of `SplitOptions.columns` that it has, by name in alphabetical order.
    """

    info: VideoInfo
    file_frames: int | None
    mark: str
    captions: tuple[str, ...] = ()
    columns: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Entry:
    """A video file or a folder of frames, the index of its class, and what is known of a clip that is a span of it."""

    path: Path
    label: int | None = None
    known: KnownClip | None = None

    @property
    def key(self) -> tuple[Path, int]:
        """The path and the first frame, which identify a video."""
        return self.path, self.known.info.first_frame if self.known else 0


@dataclass(frozen=True)
class Splits:
    """The videos of a data set, each split in a fixed order.

    Args:
        training: Videos to train on.
        validation: Videos to validate on; there may be none.
        test: Videos of a third split, neither trained nor validated on.
        classes: Names in the order of the labels; None if there are no classes.
        absent: Videos that an official list names and that are not there.
        listed: How many videos the official lists name.
        left_out: Files that look like videos or frames and are not used, counted by suffix.
        notes: What the user should know about the data set, a line each.
        layout: The layout that found them.
        root: The folder of the videos, if it is not that of the data set.
        selection: What a catalogue's clips were selected by, for the card of a model.
    """

    training: list[Entry]
    validation: list[Entry]
    test: list[Entry] = field(default_factory=list)
    classes: tuple[str, ...] | None = None
    absent: tuple[Path, ...] = ()
    listed: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    layout: str = "folder"
    root: Path | None = None
    selection: Mapping[str, Any] | None = None

    @property
    def entries(self) -> list[Entry]:
        """All videos of training and validation, each once."""
        return list(dict.fromkeys([*self.training, *self.validation]))

    def train_on(self, part: Part) -> Splits:
        """The same with another training split; validation stays what it is."""
        test = self.test or self.validation
        training = {"train": self.training, "test": test, "both": [*self.training, *test]}[part]
        return replace(self, training=list(dict.fromkeys(training)))


def split_by_file(
    paths: Sequence[Path], root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0
) -> tuple[list[Path], list[Path]]:
    """(training, validation), a random split in which each video depends on its path below `root` and the seed alone.

    So neither the order nor the location nor other files matter, and the fraction is met on average; but of two or
    more videos, with a fraction above 0, each split gets at least one. A single video is for training. `InputError` if
    the fraction is not in [0, 1).
    """
    if not 0 <= validation_fraction < 1:
        raise InputError(f"the validation fraction is {validation_fraction}", "give a number in [0, 1)")
    ranked = sorted(paths, key=lambda path: _hash(path, root, seed))
    count = sum(_hash(path, root, seed) < validation_fraction for path in ranked)
    if validation_fraction > 0 and len(ranked) > 1:
        count = min(max(count, 1), len(ranked) - 1)
    elif len(ranked) == 1:
        count = 0
    return sorted(ranked[count:]), sorted(ranked[:count])


def first_folder(root: Path, names: Sequence[str]) -> Path | None:
    """The first of these sub-folders that exists."""
    return next((root / name for name in names if (root / name).is_dir()), None)


def _hash(path: Path, root: str | Path, seed: int) -> float:
    """A number in [0, 1): the hash of the path below root and the seed."""
    name = f"{seed}/{Path(path).relative_to(root).as_posix()}"
    return int.from_bytes(sha256(os.fsencode(name)).digest()[:6], "big") / 2**48
