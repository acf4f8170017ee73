"""Votes on blind pairs: lines of JSON that are on the disk before a vote counts as given."""

from __future__ import annotations

import json
import logging
import math
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Literal, get_args

Choice = Literal["left", "same", "right"]
CHOICES = get_args(Choice)
VOTES = "votes.jsonl"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vote:
    """One answer.

    Args:
        pair: The number of the pair.
        choice: The better side, or "same".
        voter: Who voted.
        time: When, in ISO 8601.
        seconds: How long the pair was seen.
    """

    pair: int
    choice: Choice
    voter: str
    time: str
    seconds: float

    def __post_init__(self) -> None:
        is_sound = type(self.pair) is int and math.isfinite(self.seconds)
        if not is_sound or self.choice not in CHOICES or not isinstance(self.voter, str):
            raise ValueError(f"no vote: {self}")


class VoteLog:
    """The file of votes, which is only ever appended to; safe for threads of one process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()

    def add(self, vote: Vote) -> None:
        """Appends a vote and returns when it is on the disk; OSError if it cannot be written."""
        line = json.dumps(asdict(vote)).encode() + b"\n"
        with self._lock, self.file.open("a+b") as file:
            if file.tell() and not _ends_in_line(file):  # an earlier write was cut short
                line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def votes(self) -> list[Vote]:
        """The votes that count: of each voter the last on each pair. Damaged lines are logged and left out."""
        if not self.file.is_file():
            return []
        found: dict[tuple[str, int], Vote] = {}
        for number, line in enumerate(self.file.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                vote = Vote(**json.loads(line))
            except (ValueError, TypeError):
                logger.warning("line %d of %s is no vote and is left out", number, self.file)
                continue
            found[vote.voter, vote.pair] = vote
        return list(found.values())


def _ends_in_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
