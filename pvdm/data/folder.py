"""Any folder of videos: what is in it, and which of it is for training and which for validation."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pvdm.errors import InputError
from pvdm.video.frame_folder import is_frame
from pvdm.video.info import FRAME_SUFFIXES, VIDEO_SUFFIXES

VALIDATION_FOLDERS = ("val", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Paths of the videos for training and for validation; the latter may be empty."""

    train: list[Path]
    validation: list[Path]


def find_videos(root: str | Path) -> list[Path]:
    """All videos at any depth, sorted: video files, and folders that directly contain frames.

    Hidden names are passed over, and so are images beside video files (they are thumbnails).
    `InputError` if the folder is missing or holds no video.
    """
    root = Path(root)
    _check_folder(root)
    videos = [video for folder, names in _walk(root) for video in _videos_in(folder, names)]
    if not videos:
        files, frames = ", ".join(VIDEO_SUFFIXES), ", ".join(FRAME_SUFFIXES)
        raise InputError(f"{root} holds no videos; put video files ({files}) or folders of frames ({frames}) into it.")
    return sorted(videos)


def find_split(root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0) -> Split:
    """Sub-folders `train` and `val`, `validation` or `test` (the first there is) are the split.

    Without them, `split_by_file` divides what `find_videos` finds; the same errors.
    """
    root = Path(root)
    _check_folder(root)
    validation = next((root / name for name in VALIDATION_FOLDERS if (root / name).is_dir()), None)
    if validation is not None and (root / "train").is_dir():
        return Split(find_videos(root / "train"), find_videos(validation))
    paths = find_videos(root)
    return Split(*split_by_file(paths, root, validation_fraction=validation_fraction, seed=seed))


def split_by_file(
    paths: Sequence[Path], root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0
) -> tuple[list[Path], list[Path]]:
    """(train, validation): a video's part depends on its path below `root` and the seed alone.

    So neither the order nor the place nor other files matter, and the fraction is met on average; but with
    two or more videos and a fraction above 0, each part has at least one. A single video is for training.
    `InputError` if the fraction is not in [0, 1).
    """
    if not 0 <= validation_fraction < 1:
        raise InputError(f"The validation fraction is {validation_fraction}; give a number in [0, 1).")
    ranked = sorted(paths, key=lambda path: _position(path, root, seed))
    count = sum(_position(path, root, seed) < validation_fraction for path in ranked)
    if validation_fraction > 0 and len(ranked) > 1:
        count = min(max(count, 1), len(ranked) - 1)
    elif len(ranked) == 1:
        count = 0
    return sorted(ranked[count:]), sorted(ranked[:count])


def _position(path: Path, root: str | Path, seed: int) -> float:
    """A number in [0, 1) drawn by hashing the path below root and the seed."""
    name = f"{seed}/{Path(path).relative_to(root).as_posix()}"
    return int.from_bytes(sha256(name.encode()).digest()[:6], "big") / 2**48


def _check_folder(root: Path) -> None:
    if not root.exists():
        raise InputError(f"The folder {root} does not exist; give the folder that holds the videos.")
    if not root.is_dir():
        raise InputError(f"{root} is a file; give the folder that holds the videos.")


def _walk(root: Path) -> list[tuple[Path, list[str]]]:
    """(folder, names of its files) at any depth, through links, each real folder once."""
    found, seen = [], set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = Path(folder).resolve()
        subfolders[:] = [] if real in seen else sorted(name for name in subfolders if name[0] != ".")
        if real not in seen:
            found.append((Path(folder), [name for name in names if name[0] != "."]))
        seen.add(real)
    return found


def _videos_in(folder: Path, names: list[str]) -> list[Path]:
    """The video files directly in a folder, or, if there are none but frames, the folder itself."""
    files = [folder / name for name in names if name.lower().endswith(VIDEO_SUFFIXES)]
    if files:
        return files
    return [folder] if any(map(is_frame, names)) else []
