"""The layouts that a data set may have, and how `auto` recognizes the published ones.

To add a layout:

1. write `pvdm/data/layouts/<name>.py` with a function `find_<name>` that keeps to `FindSplits`;
2. name it in `Layout` and in `LAYOUTS` below, where the other fields say whether `auto` recognizes it;
3. describe it in the help of `layout` (`pvdm/data/data_options.py`) and run `make docs`;
4. test it in `tests/data/test_<name>.py`.

`ucf101.py` is an example with classes and official lists, `skytimelapse.py` one without.

Every command then takes it as `layout`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from pvdm.data.layouts.catalogue import find_catalogue, is_catalogue
from pvdm.data.layouts.classes import find_classes
from pvdm.data.layouts.folder import find_folder
from pvdm.data.layouts.picture_folder import find_pictures
from pvdm.data.layouts.scenes import find_scenes, is_scenes
from pvdm.data.layouts.skytimelapse import find_skytimelapse, is_skytimelapse
from pvdm.data.layouts.split_folders import Division, divide
from pvdm.data.layouts.splits import SplitOptions, Splits
from pvdm.data.layouts.ucf101 import LISTS, find_ucf101, is_ucf101
from pvdm.errors import InputError

Layout = Literal["folder", "classes", "ucf101", "skytimelapse", "scenes", "pictures", "catalogue"]
GivenLayout = Literal["auto", Layout]


class FindSplits(Protocol):
    """Finds the videos below `root` and decides which are for training, for validation and for testing.

    It looks at names alone and opens no video. Equal folders and options give equal splits, in a fixed order. It
    reports listed videos that are absent, and files that are left out, in the result. An official test split is the
    validation split here; `Splits.test` is for a third one. `InputError` if the folder is missing, holds no video or
    has another layout.
    """

    def __call__(self, root: Path, options: SplitOptions) -> Splits: ...


class Recognize(Protocol):
    """Whether a folder has this layout; it must not hold for a folder of any other videos."""

    def __call__(self, root: Path) -> bool: ...


@dataclass(frozen=True)
class KnownLayout:
    """A layout: its function and its properties.

    Args:
        find: Finds its splits.
        recognize: How `auto` recognizes it; None if it must be named.
        split_by: What decides on the splits, if the layout itself does; may name `{split}`. None if folders and a
            random split do, as the options say.
        has_classes: Whether its videos have labels.
    """

    find: FindSplits
    recognize: Recognize | None = None
    split_by: str | None = None
    has_classes: bool = False


LAYOUTS: dict[Layout, KnownLayout] = {
    "folder": KnownLayout(find_folder),
    "classes": KnownLayout(find_classes, has_classes=True),
    "ucf101": KnownLayout(find_ucf101, is_ucf101, "its official lists of split {split}", has_classes=True),
    "skytimelapse": KnownLayout(find_skytimelapse, is_skytimelapse, "its folders"),
    "scenes": KnownLayout(find_scenes, is_scenes, "the numbers of the scenes", has_classes=True),
    "pictures": KnownLayout(find_pictures),
    "catalogue": KnownLayout(find_catalogue, is_catalogue),
}
"""Every layout; `auto` takes the first that recognizes the folder, and `folder` if none does."""

UCF101_NAME = re.compile(r"v_[A-Za-z]+_g\d\d_c\d\d")


def layout_of(root: str | Path) -> Layout:
    """The published layout of a folder, or else `folder`."""
    root = Path(root)
    recognized = (name for name, layout in LAYOUTS.items() if layout.recognize and layout.recognize(root))
    return next(recognized, "folder")


def find_splits(root: str | Path, layout: GivenLayout = "folder", options: SplitOptions = SplitOptions()) -> Splits:
    """The videos of a data set.

    `auto` recognizes the published layouts, and says so in the notes; it takes no folders for classes. `InputError` as
    of `FindSplits`, and if it is unclear which videos are for what.
    """
    root = Path(root)
    if layout == "auto":
        return _find_recognized(root, options)
    known = LAYOUTS[layout]
    if known.split_by and options.folders:
        raise InputError(
            f"layout {layout} defines its own splits",
            "leave out data.training_folders and data.validation_folders, or choose --data.layout folder",
        )
    return replace(known.find(root, options), layout=layout)


def _find_recognized(root: Path, options: SplitOptions) -> Splits:
    layout = "folder" if options.folders else layout_of(root)
    splits = find_splits(root, layout, options)
    if layout in ("scenes", "catalogue"):
        return splits  # there is no folder that could be read otherwise
    if layout != "folder":
        split_by = (LAYOUTS[layout].split_by or "its folders or at random").format(split=options.split)
        note = f"recognized as {layout}, split by {split_by} (--data.layout folder treats it as any folder)"
        return replace(splits, notes=(note, *splits.notes))
    if options.folders:
        return splits
    paths = [entry.path for entry in (*splits.training, *splits.validation)]
    division = divide(paths, root)
    if not (division.validation or division.test):
        _check_is_not_ucf101(root, paths)
    note = _note_on_classes(division)
    return replace(splits, notes=(*splits.notes, note)) if note else splits


def _check_is_not_ucf101(root: Path, paths: Sequence[Path]) -> None:
    """InputError for UCF101 without its lists: a random split would put clips of one recording into both splits."""
    if 2 * sum(bool(UCF101_NAME.fullmatch(path.stem)) for path in paths) > len(paths):
        raise InputError(
            f"{root} holds videos of UCF101, and its official lists ({LISTS}) are neither in it nor beside it",
            "put them there, or choose --data.layout folder or classes, with which clips of one recording are "
            "in both splits",
        )


def _note_on_classes(division: Division) -> str | None:
    """Logs that folders that may be classes are not treated as classes."""
    first_folders = Counter(above[0] if above else None for above in division.above.values())
    if None in first_folders or len(first_folders) < 2 or min(first_folders.values()) < 2:
        return None
    named = ", ".join(sorted(first_folders)[:3]) + (", ..." if len(first_folders) > 3 else "")
    return f"its {len(first_folders)} folders ({named}) are not taken for classes (--data.layout classes would)"
