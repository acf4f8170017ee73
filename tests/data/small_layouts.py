"""Data sets of empty files in the published layouts: finding looks at names only."""

from __future__ import annotations

from collections.abc import Iterable
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
