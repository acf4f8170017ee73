"""A model's record of its training data: the user's card and a fingerprint of the files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

MOST = 512
"""Files in a fingerprint: all of a small data set, a random choice of a large one."""

HEAD = 1 << 14
"""Bytes of a file that are compared."""

DIGITS = 8
"""Hexadecimal digits of the hash of a name, and of that of its content."""


@dataclass(frozen=True)
class DataCard:
    """The user's description of the data, as free text.

    Args:
        name: Name of the data set.
        source: Origin of the data set, and whom to cite.
        license: Terms of use.
        preprocessing: Previous processing of the videos.
        people: Who can be seen in the videos, and whether they agreed to this use.
    """

    name: str | None = None
    source: str | None = None
    license: str | None = None
    preprocessing: str | None = None
    people: str | None = None

    def described(self) -> dict[str, str | None]:
        """By name; without `people` where nothing is said of them, as in models of before there was such an entry."""
        return {name: value for name, value in asdict(self).items() if name != "people" or value is not None}


def fingerprint(paths: Iterable[Path]) -> str:
    """Hashes of the names and first bytes of the files (videos, or folders of frames), in one string.

    With more than `MOST` files, only those whose names have the smallest hashes: equal data sets choose the same ones.
    """
    chosen = sorted(paths, key=lambda path: (_name_mark(path), path))[:MOST]
    return "".join(f"{_name_mark(path)}{_content_mark(path)}" for path in chosen)


def known_share(marks: str, paths: Iterable[Path]) -> float | None:
    """The share of these files that belong to the data set with this fingerprint; None if none is comparable.

    Only files whose names would have been chosen are comparable.
    """
    size = 2 * DIGITS
    known = {marks[i : i + size] for i in range(0, len(marks), size)}
    if not known:
        return None
    names = {mark[:DIGITS] for mark in known}
    last = max(names) if len(marks) >= MOST * size else "g"  # above all digits
    comparable = [path for path in paths if _name_mark(path) <= last]
    if not comparable:
        return None
    matches = sum((name := _name_mark(path)) in names and name + _content_mark(path) in known for path in comparable)
    return matches / len(comparable)


def _name_mark(path: Path) -> str:
    return sha256(path.name.encode("utf-8", "surrogateescape")).hexdigest()[:DIGITS]


def _content_mark(path: Path) -> str:
    """Hash of the first bytes of a file, or of the first frame of a folder; of no bytes if they cannot be read."""
    try:
        file = min(path.iterdir()) if path.is_dir() else path
        with file.open("rb") as opened:
            head = opened.read(HEAD)
    except (OSError, ValueError):  # ValueError: an empty folder has no first
        head = b""
    return sha256(head).hexdigest()[:DIGITS]
