"""A folder with one sub-folder per class, as people keep their own labeled videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pvdm.data.layouts.folder import find_division, splits_of
from pvdm.data.layouts.split_folders import Folder
from pvdm.data.layouts.splits import Entry, SplitOptions, Splits
from pvdm.errors import InputError

UNLABELED = ("unlabeled", "unlabelled")
"""Names, in lower case, of the folder whose videos have no class."""


def find_classes(root: Path, options: SplitOptions = SplitOptions()) -> Splits:
    """`<class>/...`, or `train/<class>/...` and `val/<class>/...`: split like any folder, classes sorted by name.

    A video may lie at any depth below its class. One in no class folder, or in one that is named as `UNLABELED`, has no
    label, which a note says. `InputError` as of `find_folder`, and if no video has a label.
    """
    content, division = find_division(root, options.folders)
    splits = splits_of(division, content, root, options)
    videos = {"training": splits.training, "validation": splits.validation, "test": splits.test}
    names = {
        entry.path: _class_of(entry.path, division.above[entry.path]) for split in videos.values() for entry in split
    }
    classes = tuple(sorted({name for name in names.values() if name is not None}))
    if not classes:
        raise InputError(
            f"none of the {len(names)} videos of {root} lies in a class folder (such as {next(iter(names))})",
            "move those with a class into a folder of its name, or choose --data.layout folder",
        )
    label = {name: index for index, name in enumerate(classes)}
    labelled = {
        role: [Entry(entry.path, label.get(names[entry.path])) for entry in split] for role, split in videos.items()
    }
    notes = (*splits.notes, *_note_on_unlabelled(names))
    return replace(splits, **labelled, classes=classes, notes=notes)


def _class_of(path: Path, above: Folder) -> str | None:
    """The uppermost folder that names no split; a folder of frames is the video itself, not its class."""
    folders = above[:-1] if above and path.name == above[-1] else above
    return None if not folders or folders[0].lower() in UNLABELED else folders[0]


def _note_on_unlabelled(names: Mapping[Path, str | None]) -> list[str]:
    """Says how many videos have no label, so that none is left out of its class by mistake."""
    without = [path for path, name in names.items() if name is None]
    if not without:
        return []
    return [f"{len(without)} of {len(names)} videos lie in no class folder and have no label, such as {without[0]}"]
