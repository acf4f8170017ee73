"""Which videos a data set is made of: its training part, its validation part, and the class of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pvdm.errors import InputError

Part = Literal["train", "test", "both"]


@dataclass(frozen=True)
class Entry:
    """A video file or a folder of frames, and the index of its class, if there are classes."""

    path: Path
    label: int | None = None


@dataclass(frozen=True)
class Splits:
    """Videos for training and for validation (there may be none), in a fixed order.

    test: those of a part of their own, neither trained nor validated on; classes: names in the order of the labels, or
    None; absent: videos that a list names and that are not there; listed: how many the lists name; left_out: files
    that look like videos or frames and are not taken, counted by suffix; notes: what is to be said of the data set, a
    line each; layout: as which it was read.
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

    @property
    def entries(self) -> list[Entry]:
        """All of training and validation, each once."""
        return list(dict.fromkeys([*self.training, *self.validation]))

    def train_on(self, part: Part) -> Splits:
        """The same, but training is on the videos of `part`; those for validation stay what they are."""
        test = self.test or self.validation
        chosen = {"train": self.training, "test": test, "both": [*self.training, *test]}
        return replace(self, training=list(dict.fromkeys(chosen[part])))


def split_by_file(
    paths: Sequence[Path], root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0
) -> tuple[list[Path], list[Path]]:
    """(training, validation): a video's part depends on its path below `root` and the seed alone.

    So neither the order nor the place nor other files matter, and the fraction is met on average; but with
    two or more videos and a fraction above 0, each part has at least one. A single video is for training.
    `InputError` if the fraction is not in [0, 1).
    """
    if not 0 <= validation_fraction < 1:
        raise InputError(f"the validation fraction is {validation_fraction}", "give a number in [0, 1)")
    ranked = sorted(paths, key=lambda path: _position(path, root, seed))
    count = sum(_position(path, root, seed) < validation_fraction for path in ranked)
    if validation_fraction > 0 and len(ranked) > 1:
        count = min(max(count, 1), len(ranked) - 1)
    elif len(ranked) == 1:
        count = 0
    return sorted(ranked[count:]), sorted(ranked[:count])


def first_folder(root: Path, names: Sequence[str]) -> Path | None:
    """The first of these sub-folders that exists."""
    return next((root / name for name in names if (root / name).is_dir()), None)


def _position(path: Path, root: str | Path, seed: int) -> float:
    """A number in [0, 1) drawn by hashing the path below root and the seed."""
    name = f"{seed}/{Path(path).relative_to(root).as_posix()}"
    return int.from_bytes(sha256(os.fsencode(name)).digest()[:6], "big") / 2**48
