"""What a run of curation is to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

from pvdm.curation.clip_step import ClipStep
from pvdm.curation.ledger import Ledger
from pvdm.errors import InputError

ScanStep = Literal["cuts", "motion", "quality", "duplicates"]
"""Steps that one pass over each file serves; any others are `ClipStep`s."""

SCAN_STEPS: tuple[ScanStep, ...] = get_args(ScanStep)
LEDGER = "ledger"


@dataclass(frozen=True)
class Shard:
    """The part `number` of `count`, from 1, of the files."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(f"there is no shard {self.number} of {self.count}", "number them from 1, as in 2/8")

    def has(self, file: str) -> bool:
        """Whether a file belongs to it, by the hash of its name."""
        digest = sha256(file.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


@dataclass(frozen=True)
class Plan:
    """What is done to which heap.

    Args:
        root: The folder of the raw videos, which is only read.
        output: The folder of the catalogue.
        scan_steps: Steps of the pass over each file.
        clip_steps: Steps that look at single frames of each clip.
        arbitrated: Whether disputed cuts are decided by TransNetV2.
        shard: The part of the files that this run is for; None for all.
    """

    root: Path
    output: Path
    scan_steps: Sequence[ScanStep] = SCAN_STEPS
    clip_steps: Sequence[ClipStep] = field(default=())
    arbitrated: bool = False
    shard: Shard | None = None

    @property
    def ledger(self) -> Ledger:
        """Where the results lie."""
        return Ledger(self.output / LEDGER)
