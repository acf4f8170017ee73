"""Which split of a data set a video belongs to, by the names of the folders that it lies in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pvdm.data.layouts.splits import SplitFolders
from pvdm.errors import InputError
from pvdm.video.suffixes import FRAME_SUFFIXES, SERIES_SUFFIXES, VIDEO_SUFFIXES

Role = Literal["training", "validation", "test"]
Folder = tuple[str, ...]
"""Names below the data set's own folder."""

ROLES: dict[str, Role] = {
    **dict.fromkeys(("train", "training", "trn"), "training"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "vali", "vld"), "validation"),
    **dict.fromkeys(("eval", "evaluate", "evaluation", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "heldout"), "test"),
}
NEUTRAL = frozenset(
    {"set", "sets", "data", "dataset", "split", "splits", "part", "parts", "partition", "subset", "folder", "files"}
    | {"video", "videos", "clip", "clips", "movie", "movies", "frame", "frames", "image", "images", "img"}
)
"""Words without meaning next to one of those."""


@dataclass(frozen=True)
class Division:
    """The videos of each split, those of none, and the folders above each video that name no split, for its class."""

    training: list[Path]
    validation: list[Path]
    test: list[Path]
    others: list[Path]
    above: dict[Path, Folder]


def divide(videos: Sequence[Path], root: Path, *, neutral: Collection[str] = ()) -> Division:
    """The splits by the names of folders at any depth below `root`; the uppermost counts.

    A name counts if it is that of a split in any case and spelling (`Held-Out`, `train_videos`), or if it has the same
    other words as a neighbor of another split (`train_480p` and `val_480p`). `InputError` asks about a neighbor of
    such a folder whose name only resembles a split (`val_old`).

    neutral: More words that say nothing.
    """
    folders = {video: _folders(video, root) for video in videos}
    roles = _roles(set(folders.values()), root, frozenset(neutral) | NEUTRAL)
    splits: dict[Role | None, list[Path]] = defaultdict(list)
    above = {}
    for video, names in folders.items():
        depth = next((depth for depth in range(1, len(names) + 1) if names[:depth] in roles), None)
        splits[None if depth is None else roles[names[:depth]]].append(video)
        above[video] = names if depth is None else (*names[: depth - 1], *names[depth:])
    return Division(splits["training"], splits["validation"], splits["test"], splits[None], above)


def divide_by_folders(videos: Sequence[Path], root: Path, given: SplitFolders) -> Division:
    """The splits by the given folders; the lowest above a video counts. `InputError` for one without videos."""
    roles: dict[Folder, Role] = {_names(folder): "training" for folder in given.training}
    roles |= {_names(folder): "validation" for folder in given.validation}
    splits: dict[Role | None, list[Path]] = defaultdict(list)
    above, used = {}, set()
    for video in videos:
        names = _folders(video, root)
        place = next((names[:depth] for depth in range(len(names), -1, -1) if names[:depth] in roles), None)
        used.add(place)
        splits[roles.get(place)].append(video)
        above[video] = names[len(place or ()) :]
    if empty := [folder for folder in roles if folder not in used]:
        raise InputError(
            f"{root.joinpath(*empty[0])} holds no videos, and data.{roles[empty[0]]}_folders names it",
            "correct the name",
        )
    return Division(splits["training"], splits["validation"], [], splits[None], above)


class _Meaning(NamedTuple):
    """The meaning of a folder's name: its split, the other words, and whether it has a number."""

    role: Role
    other_words: tuple[str, ...]
    numbered: bool


def _roles(folders: Collection[Folder], root: Path, neutral: Collection[str]) -> dict[Folder, Role]:
    """The uppermost folders that are splits."""
    children: dict[Folder, set[str]] = defaultdict(set)
    for names in folders:
        for depth, name in enumerate(names):
            children[names[:depth]].add(name)
    roles: dict[Folder, Role] = {}
    for parent in sorted(children, key=len):
        if not any(parent[:depth] in roles for depth in range(1, len(parent) + 1)):
            roles |= {(*parent, name): role for name, role in _of_neighbours(children[parent], parent, root, neutral)}
    return roles


def _of_neighbours(
    names: Collection[str], parent: Folder, root: Path, neutral: Collection[str]
) -> list[tuple[str, Role]]:
    """The folders in one folder that are splits."""
    meanings = {name: meaning for name in sorted(names) if (meaning := _read(name, neutral))}
    roles: dict[tuple[str, ...], set[Role]] = defaultdict(set)
    for meaning in meanings.values():
        roles[meaning.other_words].add(meaning.role)
    paired = {words for words, those in roles.items() if "training" in those and len(those) > 1}
    certain = {
        name for name, meaning in meanings.items() if meaning.other_words in paired or meaning[1:] == ((), False)
    }
    splits = [(name, meaning.role) for name, meaning in meanings.items() if name in certain]
    unclear = [name for name in meanings if name not in certain]
    if splits and unclear:
        raise InputError(
            f"{root.joinpath(*parent)} holds {splits[0][0]} and {unclear[0]}, and it is unclear whether "
            "that is a split, too",
            "name the folders of each split (data.training_folders, data.validation_folders), move it "
            "elsewhere, or give the path of one of them",
        )
    return splits


def _read(name: str, neutral: Collection[str]) -> _Meaning | None:
    """What a name says; None if it names no split or several."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()
    words = re.findall(r"[^\W\d_]+", re.sub(r"\bh[eo]ld[\W_]*out", "holdout", spaced.replace("_", " ")))
    words = [word.removesuffix("set") if word.removesuffix("set") in ROLES else word for word in words]
    roles = [ROLES[word] for word in words if word in ROLES]
    other_words = tuple(word for word in words if word not in ROLES and word not in neutral)
    return _Meaning(roles[0], other_words, any(map(str.isdecimal, name))) if len(roles) == 1 else None


def _folders(video: Path, root: Path) -> Folder:
    """The folders below the root that a video lies in; a folder of frames lies in itself."""
    names = video.relative_to(root).parts
    return names[:-1] if video.suffix.lower() in (*VIDEO_SUFFIXES, *SERIES_SUFFIXES, *FRAME_SUFFIXES) else names


def _names(path: str) -> Folder:
    return tuple(part for part in Path(path).parts if part != ".")
