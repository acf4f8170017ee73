"""SkyTimelapse (Xiong et al., CVPR 2018): folders of frames, `sky_train` or `sky_test`/video/clip/frames.jpg."""

from pathlib import Path

from pvdm.data.folder import VALIDATION_FOLDERS, check_folder, find_videos
from pvdm.data.parts import Entry, Parts, first_folder
from pvdm.errors import InputError

TRAINING, VALIDATION = ("sky_train", "train"), ("sky_test", *VALIDATION_FOLDERS)


def find_skytimelapse(root: str | Path) -> Parts:
    """Every folder of frames is a video: of `sky_train` or `train` for training, of `sky_test`, `val`,
    `validation` or `test` (the first there is) for validation.

    `InputError` if there is no folder for training, or one of the two is empty.
    """
    root = check_folder(root)
    training, validation = first_folder(root, TRAINING), first_folder(root, VALIDATION)
    if training is None:
        raise InputError(
            f"{root} holds neither sky_train nor train; give the folder of SkyTimelapse that holds "
            "sky_train/<video>/<clip>/<frames>.jpg, or choose --data.layout folder"
        )
    parts = [[] if part is None else [Entry(path) for path in find_videos(part)] for part in (training, validation)]
    return Parts(*parts)
