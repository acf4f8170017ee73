"""A folder with one sub-folder per class, as people keep their own labeled videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pvdm.data.layouts.folder import find_division, splits_of
from pvdm.data.layouts.split_folders import Folder
from pvdm.data.layouts.splits import Entry, SplitOptions, Splits
from pvdm.errors import InputError


def find_classes(root: Path, options: SplitOptions = SplitOptions()) -> Splits:
    """`<class>/...`, or `train/<class>/...` and `val/<class>/...`: split like any folder, classes sorted by name.

    A video may lie at any depth below its class. `InputError` as of `find_folder`, and if a video is in no class.
    """
    content, division = find_division(root, options.folders)
    splits = splits_of(division, content, root, options)
    videos = {"training": splits.training, "validation": splits.validation, "test": splits.test}
    names = {
        entry.path: _class_of(entry.path, division.above[entry.path]) for split in videos.values() for entry in split
    }
    classes = tuple(sorted(set(names.values())))
    label = {name: index for index, name in enumerate(classes)}
    labelled = {
        role: [Entry(entry.path, label[names[entry.path]]) for entry in split] for role, split in videos.items()
    }
    return replace(splits, **labelled, classes=classes)


def _class_of(path: Path, above: Folder) -> str:
    """The uppermost folder that names no split; a folder of frames is the video itself, not its class."""
    folders = above[:-1] if above and path.name == above[-1] else above
    if not folders:
        raise InputError(f"{path} lies in no class folder", "move it into one, or choose --data.layout folder")
    return folders[0]
