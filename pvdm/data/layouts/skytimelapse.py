"""SkyTimelapse (Xiong et al., CVPR 2018): folders of frames, `sky_train` or `sky_test`/video/clip/frames.jpg."""

from dataclasses import replace
from pathlib import Path

from pvdm.data.layouts.folder import check_folder, find_videos, look_through, parts_of
from pvdm.data.layouts.split_folders import divide
from pvdm.data.layouts.splits import Splits, first_folder
from pvdm.errors import InputError

TRAINING = ("sky_train", "train")


def find_skytimelapse(root: str | Path) -> Splits:
    """Every folder of frames is a video: of `sky_train` or `train` for training; of `val`, or else of `sky_test` or
    `test`, for validation.

    `InputError` if there is no folder for training, or it is empty.
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
    found = look_through(root)
    division = divide(found.videos, root, plain={"sky"})
    parts = parts_of(division, found, root, validation_fraction=0.0, seed=0)
    return replace(parts, layout="skytimelapse")
