"""Which part of a data set a video belongs to, told by the names of the folders that it lies in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pvdm.errors import InputError
from pvdm.video.suffixes import VIDEO_SUFFIXES

Role = Literal["training", "validation", "test"]
Folder = tuple[str, ...]
"""Names below the data set's own folder."""

ROLES: dict[str, Role] = {
    **dict.fromkeys(("train", "training", "trn"), "training"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "vali", "vld"), "validation"),
    **dict.fromkeys(("eval", "evaluate", "evaluation", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "heldout"), "test"),
}
PLAIN = frozenset(
    {"set", "sets", "data", "dataset", "split", "splits", "part", "parts", "partition", "subset", "folder", "files"}
    | {"video", "videos", "clip", "clips", "movie", "movies", "frame", "frames", "image", "images", "img"}
)
"""Words that tell nothing beside one of those."""


@dataclass(frozen=True)
class Division:
    """The videos of each part, and those of none, with the folders above each that name no part: for its class."""

    training: list[Path]
    validation: list[Path]
    test: list[Path]
    others: list[Path]
    above: dict[Path, Folder]


def divide(videos: Sequence[Path], root: Path, *, plain: Collection[str] = ()) -> Division:
    """By the names of folders at any depth below `root`, the uppermost counting; `plain`: more words that tell nothing.

    A name counts if it is that of a part in any case and spelling (`Held-Out`, `train_videos`), or if it has the same
    words beside it as its neighbour of another part (`train_480p` and `val_480p`). `InputError` asks what a neighbour
    of such a folder is whose name only resembles one (`val_old`).
    """
    folders = {video: _folders(video, root) for video in videos}
    roles = _roles(set(folders.values()), root, frozenset(plain) | PLAIN)
    parts: dict[Role | None, list[Path]] = defaultdict(list)
    above = {}
    for video, names in folders.items():
        depth = next((depth for depth in range(1, len(names) + 1) if names[:depth] in roles), None)
        parts[None if depth is None else roles[names[:depth]]].append(video)
        rest = names if depth is None else (*names[: depth - 1], *names[depth:])
        above[video] = rest
    return Division(parts["training"], parts["validation"], parts["test"], parts[None], above)


def divide_as_told(
    videos: Sequence[Path], root: Path, *, training: Sequence[str], validation: Sequence[str]
) -> Division:
    """By the folders that are given, as paths below `root`, of which the lowest above a video counts.

    `InputError` for a folder without videos.
    """
    given: dict[Folder, Role] = {_named(name): "training" for name in training}
    given |= {_named(name): "validation" for name in validation}
    parts: dict[Role | None, list[Path]] = defaultdict(list)
    above, used = {}, set()
    for video in videos:
        names = _folders(video, root)
        place = next((names[:depth] for depth in range(len(names), -1, -1) if names[:depth] in given), None)
        used.add(place)
        parts[given.get(place)].append(video)
        above[video] = names[len(place or ()) :]
    if empty := [folder for folder in given if folder not in used]:
        raise InputError(
            f"{root.joinpath(*empty[0])} holds no videos, and data.{given[empty[0]]}_folders names it",
            "correct the name",
        )
    return Division(parts["training"], parts["validation"], [], parts[None], above)


class _Name(NamedTuple):
    """What the name of a folder says: of which part, in which other words, and whether with a number."""

    role: Role
    beside: tuple[str, ...]
    numbered: bool


def _roles(folders: Collection[Folder], root: Path, plain: Collection[str]) -> dict[Folder, Role]:
    """The uppermost folders that are parts."""
    children: dict[Folder, set[str]] = defaultdict(set)
    for names in folders:
        for depth, name in enumerate(names):
            children[names[:depth]].add(name)
    roles: dict[Folder, Role] = {}
    for parent in sorted(children, key=len):
        if not any(parent[:depth] in roles for depth in range(1, len(parent) + 1)):
            roles |= {(*parent, name): role for name, role in _of_neighbours(children[parent], parent, root, plain)}
    return roles


def _of_neighbours(
    names: Collection[str], parent: Folder, root: Path, plain: Collection[str]
) -> list[tuple[str, Role]]:
    """Those of the folders in one folder that are parts."""
    read = {name: found for name in sorted(names) if (found := _read(name, plain))}
    roles: dict[tuple[str, ...], set[Role]] = defaultdict(set)
    for found in read.values():
        roles[found.beside].add(found.role)
    paired = {beside for beside, those in roles.items() if "training" in those and len(those) > 1}
    certain = {name for name, found in read.items() if found.beside in paired or found[1:] == ((), False)}
    parts = [(name, found.role) for name, found in read.items() if name in certain]
    unclear = [name for name in read if name not in certain]
    if parts and unclear:
        raise InputError(
            f"{root.joinpath(*parent)} holds {parts[0][0]} and {unclear[0]}, of which it is unclear whether it "
            "is a part of the data set, too",
            "say which folders are for what (data.training_folders, data.validation_folders), move it "
            "elsewhere, or give the path of one of them",
        )
    return parts


def _read(name: str, plain: Collection[str]) -> _Name | None:
    """What a name says; None if it names no part or several."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()
    words = re.findall(r"[^\W\d_]+", re.sub(r"\bh[eo]ld[\W_]*out", "holdout", spaced.replace("_", " ")))
    words = [word.removesuffix("set") if word.removesuffix("set") in ROLES else word for word in words]
    roles = [ROLES[word] for word in words if word in ROLES]
    beside = tuple(word for word in words if word not in ROLES and word not in plain)
    return _Name(roles[0], beside, any(map(str.isdecimal, name))) if len(roles) == 1 else None


def _folders(video: Path, root: Path) -> Folder:
    """Those below the root that a video lies in; a folder of frames lies in itself."""
    names = video.relative_to(root).parts
    return names[:-1] if video.suffix.lower() in VIDEO_SUFFIXES else names


def _named(name: str) -> Folder:
    return tuple(part for part in Path(name).parts if part != ".")
