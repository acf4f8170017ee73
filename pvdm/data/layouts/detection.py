"""The layouts of data sets that are understood, which code reads each, and how they are recognised."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pvdm.data.layouts.classes import find_classes
from pvdm.data.layouts.folder import SplitFolders, find_folder
from pvdm.data.layouts.skytimelapse import TRAINING, find_skytimelapse
from pvdm.data.layouts.split_folders import Division, divide
from pvdm.data.layouts.splits import Splits
from pvdm.data.layouts.ucf101 import LISTS, find_ucf101, has_lists
from pvdm.errors import InputError

Layout = Literal["folder", "classes", "ucf101", "skytimelapse"]
GivenLayout = Literal["auto", Layout]

UCF101_NAME = re.compile(r"v_[A-Za-z]+_g\d\d_c\d\d")


def layout_of(root: str | Path) -> Layout:
    """ucf101 where its lists are, skytimelapse where its folder for training is, and else folder."""
    root = Path(root)
    if has_lists(root):
        return "ucf101"
    return "skytimelapse" if (root / TRAINING[0]).is_dir() else "folder"


def find_parts(
    root: str | Path,
    layout: GivenLayout = "folder",
    *,
    split: int = 1,
    validation_fraction: float = 0.1,
    seed: int = 0,
    folders: SplitFolders | None = None,
) -> Splits:
    """The videos of a data set; `split` is that of UCF101, the other options are for `folder` and `classes`.

    `auto` recognises the published layouts, and says so in the notes; it takes no folders for classes. `InputError` if
    the folder is missing or empty, or not of this layout, or if it must be asked of which it is.
    """
    options = {"validation_fraction": validation_fraction, "seed": seed, "folders": folders}
    if layout == "auto":
        return _recognised(Path(root), split, options)
    if layout in ("ucf101", "skytimelapse") and folders:
        raise InputError(
            f"layout {layout} has its own parts",
            "leave out data.training_folders and data.validation_folders, or choose --data.layout folder",
        )
    if layout == "ucf101":
        return find_ucf101(root, split=split)
    if layout == "skytimelapse":
        return find_skytimelapse(root)
    return (find_classes if layout == "classes" else find_folder)(root, **options)


def _recognised(root: Path, split: int, options: dict) -> Splits:
    layout = "folder" if options["folders"] else layout_of(root)
    if layout != "folder":
        parts = find_parts(root, layout, split=split)
        official = f"the lists of split {split}" if layout == "ucf101" else "its folders"
        note = f"this is {layout}: parts by {official} (--data.layout folder reads it as any folder)"
        return replace(parts, notes=(note, *parts.notes))
    parts = find_parts(root, "folder", **options)
    paths = [entry.path for entry in (*parts.training, *parts.validation)]
    division = None if options["folders"] else divide(paths, root)
    if division and not (division.validation or division.test):
        _check_is_not_ucf101(root, paths)
    note = None if division is None else _of_classes(division)
    return replace(parts, notes=(*parts.notes, note)) if note else parts


def _check_is_not_ucf101(root: Path, paths: Sequence[Path]) -> None:
    """InputError for UCF101 without its lists, which a hash would divide within recordings."""
    if 2 * sum(bool(UCF101_NAME.fullmatch(path.stem)) for path in paths) > len(paths):
        raise InputError(
            f"{root} holds videos of UCF101, and its official lists ({LISTS}) are neither in it nor beside it",
            "put them there, or choose --data.layout folder or classes, with which clips of one recording are "
            "in both parts",
        )


def _of_classes(division: Division) -> str | None:
    """That folders which may be classes are not taken for such."""
    firsts = Counter(above[0] if above else None for above in division.above.values())
    if None in firsts or len(firsts) < 2 or min(firsts.values()) < 2:
        return None
    some = ", ".join(sorted(firsts)[:3]) + (", ..." if len(firsts) > 3 else "")
    return f"its {len(firsts)} folders ({some}) are not taken for classes (--data.layout classes would)"
