"""Options that leave out samples that copy the training data, and what keeps count of them."""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.cli_parser import finite
from pvdm.errors import InputError
from pvdm.runtime.processes import Processes

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.evaluation.copy_guard import CopyGuard, Nearest
    from pvdm.generation import VideoGenerator

logger = logging.getLogger(__name__)


def add_copy_guard(parser: argparse.ArgumentParser) -> None:
    """What `Refusals` reads."""
    group = parser.add_argument_group("copies")
    group.add_argument(
        "--refuse-copies",
        type=Path,
        metavar="TRAINING",
        help="data that the model was trained on: leave out clips that copy one of its videos",
    )
    group.add_argument(
        "--copy-ratio",
        type=_ratio,
        metavar="RATIO",
        help="a clip is a copy if its distance to the nearest video is less than this times that to the next ones; "
        "less refuses fewer (default: a third)",
    )


class Refusals:
    """Which clips of this process are left out, by their places among all.

    Args:
        guard: What finds copies; without it none is.
    """

    def __init__(self, guard: CopyGuard | None) -> None:
        self.guard, self._found = guard, {}

    @classmethod
    def of(cls, options: argparse.Namespace, generator: VideoGenerator, fps: float) -> Refusals:
        """Those that the options ask for; InputError if the training data cannot be compared with."""
        if options.refuse_copies is None:
            if options.copy_ratio is not None:
                raise InputError("--copy-ratio is for --refuse-copies", "leave it out, or give the training data")
            return cls(None)
        from pvdm.evaluation.copy_guard import LIMIT, CopyGuard

        clips = {"frames": generator.frames, "size": generator.size, "fps": fps}
        return cls(CopyGuard.of(options.refuse_copies, **clips, limit=options.copy_ratio or LIMIT))

    def keeps(self, place: int, clip: Tensor) -> bool:
        """Whether the clip, (3, t, h, w) uint8, is written; if not, it is counted."""
        found = self.guard and self.guard.nearest(clip)
        if found is None or not self.guard.is_copy(found):
            return True
        self._found[place] = found
        return False

    def gathered(self, clips: int, shared: Processes) -> dict[int, Nearest]:
        """Those of all processes, which must all call it, logged; InputError if they are all of so many clips."""
        refused = {place: one for found in shared.gather(self._found) for place, one in found.items()}
        if self.guard is None:
            return refused
        if len(refused) == clips:
            nearest = next(iter(refused.values()))
            problem = f"all {clips} clips copy the training data, the first {nearest.training}, and none was written"
            raise InputError(problem, "give another {seed}, or a model that was trained on more data or for less long")
        if shared.is_main:
            logger.info("%d of %d clips refused as copies of training videos", len(refused), clips)
        return refused

    def record(self, refused: dict[int, Nearest], videos: list[tuple[int, int]]) -> dict[str, Any]:
        """What the record of the samples says of it, JSON-able; videos: Seed and index of all."""
        if self.guard is None:
            return {}
        said = [
            {"seed": videos[place][0], "index": videos[place][1], **asdict(one)}
            for place, one in sorted(refused.items())
        ]
        return {"copies": {"ratio": self.guard.limit, "refused": said}}


def _ratio(text: str) -> float:
    number = finite(text)
    if not 0 < number < 1:
        raise InputError(f"{text} is not a ratio", "give a number between 0 and 1")
    return number
