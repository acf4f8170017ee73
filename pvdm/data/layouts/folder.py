"""Any folder of videos: its contents and its splits."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from pvdm.data.layouts.split_folders import Division, divide, divide_by_folders
from pvdm.data.layouts.splits import Entry, SplitFolders, SplitOptions, Splits, split_by_file
from pvdm.errors import InputError
from pvdm.video.decoding.frame_folder import frame_names, is_animation
from pvdm.video.series.series_file import is_stack
from pvdm.video.suffixes import (
    ANIMATION_SUFFIXES,
    ARRAY_SUFFIXES,
    FRAME_SUFFIXES,
    OTHER_MEDIA_SUFFIXES,
    TIFF_SUFFIXES,
    VIDEO_SUFFIXES,
)

FILES = tuple(suffix for suffix in VIDEO_SUFFIXES if suffix not in ANIMATION_SUFFIXES)
SHOWN = FILES + FRAME_SUFFIXES + ANIMATION_SUFFIXES


@dataclass(frozen=True)
class FolderContent:
    """The videos of a folder, sorted, and how many other files look like videos or frames, by suffix.

    unread: no reader here reads them; beside: pictures beside video files, animations beside pictures, and arrays
    beside either.
    """

    videos: list[Path]
    unread: Mapping[str, int] = field(default_factory=Counter)
    beside: Mapping[str, int] = field(default_factory=Counter)

    @property
    def left_out(self) -> dict[str, int]:
        """How many by suffix."""
        return dict(sorted((Counter(self.unread) + Counter(self.beside)).items()))

    @property
    def notes(self) -> tuple[str, ...]:
        """One line that names such files, if there are any."""
        reasons = {"cannot be read": self.unread, "beside videos": self.beside}
        counts = [f"{counted(suffixes)} ({reason})" for reason, suffixes in reasons.items() if suffixes]
        return (f"left out: {', '.join(counts)}",) if counts else ()


def find_videos(root: str | Path, *, unreadable: Callable[[OSError], None] | None = None) -> list[Path]:
    """All videos at any depth, sorted: video files, and folders that directly contain frames.

    Hidden names are skipped, and so are images beside video files (they are thumbnails).
    `InputError` if the folder is missing, holds no video, or has a subfolder that cannot be listed, unless
    `unreadable` takes the error of such a one.
    """
    return scan_folder(root, unreadable=unreadable).videos


def scan_folder(root: str | Path, *, unreadable: Callable[[OSError], None] | None = None) -> FolderContent:
    """Like `find_videos`, with what is left out."""
    root = check_folder(root)
    videos, unread, beside = [], Counter(), Counter()
    folders = walk(root, unreadable)
    series = _series(folders)
    for folder, names in folders:
        taken = _taken(folder, names, series)
        frames = set(frame_names(names)) if taken == [folder] else set()
        videos += taken
        unread.update(suffixes_of(names, OTHER_MEDIA_SUFFIXES))
        rest = set(names) - {path.name for path in taken} - frames
        beside.update(suffixes_of(rest, FRAME_SUFFIXES + ANIMATION_SUFFIXES + ARRAY_SUFFIXES))
    if not videos:
        files, frames = ", ".join(VIDEO_SUFFIXES[:5]), ", ".join(FRAME_SUFFIXES[:3])
        but = f" that can be read, but {counted(unread)}" if unread else ""
        raise InputError(
            f"{root} holds no videos{but}",
            f"put video files ({files}, ...) or folders of frames ({frames}, ...) into it",
        )
    return FolderContent(sorted(videos), unread, beside)


def find_folder(root: Path, options: SplitOptions = SplitOptions()) -> Splits:
    """The splits are the folders whose names say so (`train`, `valid`, `Held-Out`, ...), or those of the options.

    Without them, or with a training folder alone, `split_by_file` divides the videos. `InputError` as of `find_videos`,
    and if it is unclear which videos are for what.
    """
    content, division = find_division(root, options.folders)
    return splits_of(division, content, root, options)


def find_division(root: Path, folders: SplitFolders | None) -> tuple[FolderContent, Division]:
    """The videos, and the split that their folders put each one into."""
    content = scan_folder(root)
    return content, divided(content, root, folders)


def divided(content: FolderContent, root: Path, folders: SplitFolders | None) -> Division:
    """The split that their folders put the videos into; InputError if it is unclear."""
    if folders:
        return divide_by_folders(content.videos, root, folders)
    division = divide(content.videos, root)
    _check_others(division, root)
    return division


def splits_of(division: Division, content: FolderContent, root: Path, options: SplitOptions) -> Splits:
    """A training and a validation split, with notes on the other videos.

    Without a training folder, all videos of no other split are for training; without a validation folder, the test
    videos take its place.
    """
    notes = list(content.notes)
    training, others = division.training, division.others
    if not training:
        training, others = others, []
    validation, test = (division.validation, division.test) if division.validation else (division.test, [])
    if training and not validation:
        training, validation = split_by_file(
            training, root, validation_fraction=options.validation_fraction, seed=options.seed
        )
    if test:
        notes.append(
            f"{len(test)} videos of the test split are used for neither training nor validation, such as {test[0]}"
        )
    if others:
        notes.append(f"{len(others)} videos lie in no folder of a split and are left out, such as {others[0]}")
    entries = ([Entry(path) for path in split] for split in (training, validation, test))
    return Splits(*entries, left_out=content.left_out, notes=tuple(notes))


def check_folder(root: str | Path) -> Path:
    """The path of a folder; `InputError` if there is none."""
    root = Path(root)
    if not root.exists():
        raise InputError(f"the folder {root} does not exist", "give the folder that holds the videos")
    if not root.is_dir():
        raise InputError(f"{root} is a file", "give the folder that holds the videos")
    return root


def counted(suffixes: Mapping[str, int]) -> str:
    """`3 .heic, 2 .psd`: the most frequent first."""
    return ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(suffixes.items(), key=lambda s: (-s[1], s[0])))


def _check_others(division: Division, root: Path) -> None:
    """InputError where `train` may be one folder among many, such as that of a class."""
    if division.training and division.others and not (division.validation or division.test):
        raise InputError(
            f"{root} holds {len(division.training)} videos in a folder for training (such as "
            f"{division.training[0]}) and {len(division.others)} in others (such as {division.others[0]})",
            "say which to train on (--data.training_folders '[train]', or '[.]' for all), or give the path "
            "of one of the folders",
        )


def walk(root: Path, unreadable: Callable[[OSError], None] | None = None) -> list[tuple[Path, list[str]]]:
    """(folder, names of its files) at any depth, through links, each real folder once.

    unreadable: Takes the error of a folder that cannot be listed; by default that is an InputError.
    """
    folders, seen = [], set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=unreadable or _refuse):
        real = Path(folder).resolve()
        subfolders[:] = [] if real in seen else sorted(name for name in subfolders if name[0] != ".")
        if real not in seen:
            folders.append((Path(folder), [name for name in names if name[0] != "."]))
        seen.add(real)
    return folders


def _refuse(error: OSError) -> None:
    """Refuses a folder that cannot be listed: skipping it would hide which videos were used."""
    raise InputError(
        f"{error.filename} cannot be read ({error.strerror})",
        "fix its permissions, or move it elsewhere",
    ) from error


def _taken(folder: Path, names: Sequence[str], series: Set[Path]) -> list[Path]:
    """The video files directly in a folder, or else its image series, or, if there are frames alone, the folder itself.

    GIFs among frames are videos where they move and there are more of them than of other pictures.
    """
    if files := [folder / name for name in names if name.lower().endswith(FILES)]:
        return files
    if found := [folder / name for name in names if folder / name in series]:
        return found
    frames = frame_names(names)
    animations = [folder / name for name in names if name.lower().endswith(ANIMATION_SUFFIXES)]
    is_of_animations = len(animations) > len(set(frames) - {path.name for path in animations})
    if is_of_animations and any(map(is_animation, animations[:1])):
        return animations
    return [folder] if frames else []


def _series(folders: Iterable[tuple[Path, Sequence[str]]]) -> Set[Path]:
    """The image series of a data set: the TIFF files of folders whose first one is a stack, and arrays.

    Arrays are no videos where there are video files, or as many pictures: beside those, in the same folder or in one of
    their own, they say something else, such as depth or the poses of a camera.
    """
    stacks: set[Path] = set()
    arrays: set[Path] = set()
    others: Counter[bool] = Counter()
    for folder, names in folders:
        tiffs = sorted(name for name in names if name.lower().endswith(TIFF_SUFFIXES))
        stacked = tiffs if any(is_stack(folder / name) for name in tiffs[:1]) else []
        stacks.update(folder / name for name in stacked)
        arrays.update(folder / name for name in names if name.lower().endswith(ARRAY_SUFFIXES))
        shown = set(names) - set(stacked)
        others.update(name.lower().endswith(FILES) for name in shown if name.lower().endswith(SHOWN))
    return stacks if others[True] or len(arrays) <= others[False] else stacks | arrays


def suffixes_of(names: Iterable[str], known: tuple[str, ...]) -> list[str]:
    """The suffixes of the names that end in one of them, in lower case."""
    return [Path(name).suffix.lower() for name in names if name.lower().endswith(known)]
