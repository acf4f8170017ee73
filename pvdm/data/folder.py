"""Any folder of videos: what is in it, and which of it is for training and which for validation."""

import os
from pathlib import Path

from pvdm.data.parts import Entry, Parts, first_folder, split_by_file
from pvdm.errors import InputError
from pvdm.video.frame_folder import is_frame
from pvdm.video.info import FRAME_SUFFIXES, VIDEO_SUFFIXES

VALIDATION_FOLDERS = ("val", "validation", "test")


def find_videos(root: str | Path) -> list[Path]:
    """All videos at any depth, sorted: video files, and folders that directly contain frames.

    Hidden names are passed over, and so are images beside video files (they are thumbnails).
    `InputError` if the folder is missing or holds no video.
    """
    root = check_folder(root)
    videos = [video for folder, names in _walk(root) for video in _videos_in(folder, names)]
    if not videos:
        files, frames = ", ".join(VIDEO_SUFFIXES), ", ".join(FRAME_SUFFIXES)
        raise InputError(f"{root} holds no videos; put video files ({files}) or folders of frames ({frames}) into it")
    return sorted(videos)


def find_folder(root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0) -> Parts:
    """Sub-folders `train` and `val`, `validation` or `test` (the first there is) are the two parts.

    Without them, `split_by_file` divides what `find_videos` finds; the same errors.
    """
    training, validation = find_split(root, validation_fraction=validation_fraction, seed=seed)
    return Parts([Entry(path) for path in training], [Entry(path) for path in validation])


def find_split(root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0) -> tuple[list[Path], list[Path]]:
    """(training, validation) as paths, see `find_folder`."""
    root = check_folder(root)
    validation = first_folder(root, VALIDATION_FOLDERS)
    if validation is not None and (root / "train").is_dir():
        return find_videos(root / "train"), find_videos(validation)
    return split_by_file(find_videos(root), root, validation_fraction=validation_fraction, seed=seed)


def check_folder(root: str | Path) -> Path:
    """The path of a folder; `InputError` if there is none."""
    root = Path(root)
    if not root.exists():
        raise InputError(f"the folder {root} does not exist; give the folder that holds the videos")
    if not root.is_dir():
        raise InputError(f"{root} is a file; give the folder that holds the videos")
    return root


def _walk(root: Path) -> list[tuple[Path, list[str]]]:
    """(folder, names of its files) at any depth, through links, each real folder once."""
    found, seen = [], set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_refuse):
        real = Path(folder).resolve()
        subfolders[:] = [] if real in seen else sorted(name for name in subfolders if name[0] != ".")
        if real not in seen:
            found.append((Path(folder), [name for name in names if name[0] != "."]))
        seen.add(real)
    return found


def _refuse(error: OSError) -> None:
    """A folder that cannot be looked into is not left out: it would not be known which videos were taken."""
    raise InputError(
        f"{error.filename} cannot be read ({error.strerror}); mend its permissions, or move it elsewhere"
    ) from error


def _videos_in(folder: Path, names: list[str]) -> list[Path]:
    """The video files directly in a folder, or, if there are none but frames, the folder itself."""
    files = [folder / name for name in names if name.lower().endswith(VIDEO_SUFFIXES)]
    if files:
        return files
    return [folder] if any(map(is_frame, names)) else []
