"""Data sets in the published layouts, most of them of empty files: finding looks at names only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

CLASSES = ("ApplyEyeMakeup", "Archery", "Bowling")


def touch(root: Path, *names: str) -> list[Path]:
    """Empty files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return [root / name for name in names]


def clip_name(label: int, group: int) -> str:
    """`Class/v_Class_gXX_c01.avi`"""
    return f"{CLASSES[label]}/v_{CLASSES[label]}_g{group:02}_c01.avi"


def make_ucf101(make_video: Callable[..., Path], folder: Path) -> Path:
    """`folder`/ucf: two classes of three, of 3 videos for training and 1 for validation each, of 16 frames.

    `make_video`: the fixture of tests/conftest.py, which writes into the same folder.
    """
    for label in (0, 2):
        for group in (1, 2, 3, 4):
            make_video(f"ucf/{clip_name(label, group)}", 16, 16, 24, codec="mpeg4")
    write_lists(folder / "ucf" / "ucfTrainTestlist")
    return folder / "ucf"


def write_lists(folder: Path, newline: str = "\r\n") -> None:
    """The lists of three splits: group N of each class is the test part of split N, groups 1 to 4 are all there is."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "classInd.txt", (f"{label + 1} {name}" for label, name in enumerate(CLASSES)), newline)
    labels = range(len(CLASSES))
    for split in (1, 2, 3):
        train = [f"{clip_name(n, g)} {n + 1}" for n in labels for g in (1, 2, 3, 4) if g != split]
        _write(folder / f"trainlist0{split}.txt", train, newline)
        _write(folder / f"testlist0{split}.txt", (clip_name(n, split) for n in labels), newline)


def _write(path: Path, lines: Iterable[str], newline: str) -> None:
    path.write_bytes((newline.join(lines) + newline + newline).encode())
