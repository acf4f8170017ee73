"""The layouts of data sets that are understood, and which code reads each."""

from pathlib import Path
from typing import Literal

from pvdm.data.classes import find_classes
from pvdm.data.folder import find_folder
from pvdm.data.parts import Parts
from pvdm.data.skytimelapse import find_skytimelapse
from pvdm.data.ucf101 import find_ucf101

Layout = Literal["folder", "classes", "ucf101", "skytimelapse"]


def find_parts(
    root: str | Path, layout: Layout = "folder", *, split: int = 1, validation_fraction: float = 0.1, seed: int = 0
) -> Parts:
    """The videos of a data set; `split` is that of UCF101, fraction and seed are for `folder` and `classes`.

    `InputError` if the folder is missing or empty, or not of this layout.
    """
    if layout == "ucf101":
        return find_ucf101(root, split=split)
    if layout == "skytimelapse":
        return find_skytimelapse(root)
    find = find_classes if layout == "classes" else find_folder
    return find(root, validation_fraction=validation_fraction, seed=seed)
