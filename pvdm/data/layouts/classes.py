"""A folder with one sub-folder per class, as people keep their own labelled videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pvdm.data.layouts.folder import SplitFolders, find_division, parts_of
from pvdm.data.layouts.split_folders import Folder
from pvdm.data.layouts.splits import Entry, Splits
from pvdm.errors import InputError


def find_classes(
    root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0, folders: SplitFolders | None = None
) -> Splits:
    """`<class>/...`, or `train/<class>/...` and `val/<class>/...`; parts as for any folder, classes by name.

    A video may lie at any depth below its class. `InputError` as for any folder, and if a video is in no class.
    """
    found, division = find_division(root, folders=folders)
    parts = parts_of(division, found, Path(root), validation_fraction=validation_fraction, seed=seed)
    entries = {"training": parts.training, "validation": parts.validation, "test": parts.test}
    names = {
        entry.path: _class_of(entry.path, division.above[entry.path]) for part in entries.values() for entry in part
    }
    classes = tuple(sorted(set(names.values())))
    label = {name: index for index, name in enumerate(classes)}
    labelled = {role: [Entry(entry.path, label[names[entry.path]]) for entry in part] for role, part in entries.items()}
    return replace(parts, **labelled, classes=classes, layout="classes")


def _class_of(path: Path, above: Folder) -> str:
    """The uppermost folder that is no part; that of the frames of a video is the video itself."""
    folders = above[:-1] if above and path.name == above[-1] else above
    if not folders:
        raise InputError(f"{path} lies in no folder of a class", "move it into one, or choose --data.layout folder")
    return folders[0]
