"""What a measurement fixes so that its number can be compared: a protocol, `custom` once anything is changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from pvdm.data import Part
from pvdm.errors import InputError

Kind = Literal["fvd", "is", "reconstruction", "coherence", "naturalness", "nearest"]
CUSTOM = "custom"


@dataclass(frozen=True)
class Protocol:
    """One measurement.

    Args:
        name: `family/measurement`, such as `stylegan-v/fvd2048_16f`; `custom` if anything was changed.
        kind: What is computed; the code of each is chosen by it.
        source: Where it is written down: paper and section, or file of the published code.
        frames: Frames of a clip.
        stride: Every how manieth frame of a generated video is taken.
        real_stride: That of the real videos.
        size: Height and width of a clip in pixels; None leaves both as they are.
        resize: Filter that scales real frames to `size`, after which the centre is cropped.
        jpeg_quality: Real frames that had to be scaled go through a JPEG of this quality; None: they do not.
        part: Which part of a data set the real clips are from.
        real_choice: Which real videos: all, the first in sorted order, or a random choice.
        real_start: Where in a video its clip begins.
        num_real, num_fake: Clips; None takes all there are (fake: as many as real).
        detector: Feature network, by its name in `pvdm.evaluation.detectors`; None needs none.
        splits: Parts over which an inception score is averaged.
        seeds: Of the repetitions; each draws its own real clips and its own samples.
        based_on: The protocol that was changed into this one, and `changed`: what is different.
    """

    name: str
    kind: Kind
    source: str
    frames: int
    stride: int = 1
    real_stride: int = 1
    size: int | None = 256
    resize: Literal["bilinear", "lanczos"] = "bilinear"
    jpeg_quality: int | None = None
    part: Part = "train"
    real_choice: Literal["all", "first", "random"] = "random"
    real_start: Literal["first", "middle", "random"] = "random"
    num_real: int | None = 2048
    num_fake: int | None = 2048
    detector: str | None = None
    splits: int = 1
    seeds: tuple[int, ...] = (0,)
    based_on: str | None = None
    changed: dict[str, Any] = field(default_factory=dict)

    def with_changes(self, **values: Any) -> Protocol:
        """The same with other values where they differ; it is then `custom` and says what it was based on."""
        mine = asdict(self)
        if unknown := values.keys() - mine.keys() | values.keys() & {"name", "kind", "source", "based_on", "changed"}:
            raise InputError(f"a protocol has no {min(unknown)} to set; see pvdm evaluate --help")
        changed = {name: value for name, value in values.items() if value != mine[name]}
        if not changed:
            return self
        return replace(
            self, **changed, name=CUSTOM, based_on=self.based_on or self.name, changed={**self.changed, **changed}
        )

    def describe(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        return {**asdict(self), "seeds": list(self.seeds)}
