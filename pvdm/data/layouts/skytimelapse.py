"""SkyTimelapse (Xiong et al., CVPR 2018): folders of frames, `sky_train` or `sky_test`/video/clip/frames.jpg."""

from __future__ import annotations

from pathlib import Path

from pvdm.data.layouts.folder import check_folder, find_videos, scan_folder, splits_of
from pvdm.data.layouts.split_folders import divide
from pvdm.data.layouts.splits import SplitOptions, Splits, first_folder
from pvdm.errors import InputError

TRAINING = ("sky_train", "train")


def find_skytimelapse(root: Path, options: SplitOptions = SplitOptions()) -> Splits:
    """Every folder of frames is a video: of `sky_train` or `train` for training; of `val`, or else of `sky_test` or
    `test`, for validation. No option changes that.

    `InputError` if there is no training folder, or it is empty.
    """
    root = check_folder(root)
    training = first_folder(root, TRAINING)
    if training is None:
        raise InputError(
            f"{root} holds neither sky_train nor train",
            "give the folder of SkyTimelapse that holds sky_train/<video>/<clip>/<frames>.jpg, or choose "
            "--data.layout folder",
        )
    find_videos(training)
    content = scan_folder(root)
    division = divide(content.videos, root, neutral={"sky"})
    return splits_of(division, content, root, SplitOptions(validation_fraction=0.0))


def is_skytimelapse(root: Path) -> bool:
    """Whether a folder holds `sky_train`."""
    return (root / TRAINING[0]).is_dir()
