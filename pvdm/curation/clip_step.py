"""What a step of curation that looks at single frames of clips must offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pvdm.curation.clip_frames import ClipFrames


class ClipStep(Protocol):
    """Scores clips one by one.

    It is pickled for worker processes, where its models are loaded when first used.

    `name` is that of the option --steps, `columns` maps each column to the name of its type in Apache Arrow
    ("float32", "int32", "bool", "string", "list<string>"), and `reads_scores` says whether the scores of earlier steps
    matter (`ClipFrames.scores`): a change of these then computes its own anew.
    """

    name: str
    reads_scores: bool
    columns: Mapping[str, str]

    def settings(self) -> dict[str, Any]:
        """What the scores depend on, JSON-able: a change computes them anew."""
        ...

    def beside(self, path: Path, file: str) -> Sequence[str]:
        """What the scores of a file's clips depend on besides its content, such as texts beside it; often nothing.

        path, file: As in `ClipFrames`.
        """
        ...

    def check(self) -> None:
        """InputError that says what to install or to give, before anything is computed."""
        ...

    def score(self, clip: ClipFrames) -> dict[str, Any]:
        """The columns of a clip; InputError, which becomes the clip's `error`, if it cannot be scored."""
        ...
