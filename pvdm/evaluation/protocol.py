"""Protocols: everything that must be fixed for a measurement to be comparable. `protocols.py` lists them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pvdm.data import Part
from pvdm.errors import InputError

Kind = Literal["fvd", "is", "reconstruction", "coherence", "naturalness", "nearest", "appearance"]
CUSTOM = "custom"
FIXED = {"name", "kind", "source", "parts", "fits", "free", "note", "based_on", "changed"}
"""Fields that identify a protocol and cannot be changed."""


@dataclass(frozen=True)
class Protocol:
    """One measurement.

    Args:
        name: `family/measurement`, such as `stylegan-v/fvd2048_16f`; `custom` once a value was changed.
        kind: The metric, a key of `METRICS` in metrics/metric_registry.py.
        source: Where the protocol is defined: paper and section, or file of the published code.
        frames: Frames of a clip.
        stride: Frame stride in generated videos: 3 takes every third frame.
        real_stride: Frame stride in real videos.
        size: Height and width of a clip in pixels; None keeps the size of the videos.
        resize: Filter that scales real frames to `size` before the center crop: Lanczos, bilinear without antialiasing
            (as the published codes), or bilinear with antialiasing (as training here).
        jpeg_quality: Quality of the JPEG that scaled real frames are stored as; None for none.
        part: The part of a data set that real clips are taken from; see `part_of`.
        parts: Exceptions to `part`, by layout of the data set.
        real_choice: Which real videos: all, the first in sorted order, or a random choice.
        real_start: Where in a video its clip starts.
        several: Take several clips of a real video, as evenly as possible, if there are fewer videos than clips.
        min_frames: Real videos shorter than this are dropped; None: those shorter than a clip.
        num_real, num_fake: Number of clips; None takes all real ones, and as many generated as real ones.
        min_real: Real clips that suffice where the data set has no more; None: `num_real`.
        detector: Feature network, a key of `DETECTORS` in features/detectors.py; None if it needs none.
        splits: Splits that an inception score averages over.
        seeds: One per repetition, each with its own real clips and its own samples.
        fits: Counts (num_real, num_fake) that may be smaller if there are fewer clips; the result is then marked.
        free: Fields that the user may set without making the protocol custom.
        note: What the published code or text leaves open and is assumed here, or where this protocol differs.
        based_on: The protocol that this one was changed from, and `changed`: the values that differ.
    """

    name: str
    kind: Kind
    source: str
    frames: int
    stride: int = 1
    real_stride: int = 1
    size: int | None = 256
    resize: Literal["bilinear", "antialiased", "lanczos"] = "bilinear"
    jpeg_quality: int | None = None
    part: Part = "train"
    parts: dict[str, Part] = field(default_factory=dict)
    real_choice: Literal["all", "first", "random"] = "random"
    real_start: Literal["first", "middle", "random"] = "random"
    several: bool = False
    min_frames: int | None = None
    num_real: int | None = 2048
    min_real: int | None = None
    num_fake: int | None = 2048
    detector: str | None = None
    splits: int = 1
    seeds: tuple[int, ...] = (0,)
    fits: tuple[str, ...] = field(default=(), compare=False)
    free: tuple[str, ...] = ()
    note: str | None = None
    based_on: str | None = None
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The name before the slash."""
        return self.name.partition("/")[0]

    @property
    def title(self) -> str:
        """The name in messages."""
        return self.name if self.based_on is None else f"{self.based_on} as changed"

    @property
    def needed_frames(self) -> int:
        """Frames that a real video must have at least."""
        return max(self.min_frames or 0, (self.frames - 1) * self.real_stride + 1)

    @property
    def needed_real(self) -> int | None:
        """Real clips below which the measurement is refused; None if any number will do."""
        return self.num_real if self.min_real is None else self.min_real

    def part_of(self, layout: str | None) -> Part:
        """The part that real clips are taken from in a data set of this layout."""
        return self.parts.get(layout, self.part)

    def with_changes(self, **values: Any) -> Protocol:
        """A copy with these values. If any differs, it is `custom` and records what it was based on.

        Fields in `free` may differ without that. `part` applies to every layout, and a given count must be met.
        `InputError` for a field that cannot be set or a value that it cannot have.
        """
        if unknown := values.keys() - (asdict(self).keys() - FIXED):
            raise InputError(f"a protocol has no {min(unknown)} to set", "see pvdm evaluate --help")
        for name, value in values.items():
            _check(name, value)
        if "seeds" in values:
            values["seeds"] = tuple(values["seeds"])
        changed = {name: value for name, value in values.items() if self._differs(name, value)}
        if "part" in changed:
            values["parts"] = {}
        values["fits"] = tuple(name for name in self.fits if name not in values)
        if "num_real" in changed:
            values.setdefault("min_real", None)
        if not (named := {name: value for name, value in changed.items() if name not in self.free}):
            return replace(self, **values)
        based_on = self.based_on or self.name
        return replace(self, **values, name=CUSTOM, based_on=based_on, changed={**self.changed, **named})

    def _differs(self, name: str, value: Any) -> bool:
        """Whether the value differs from this protocol's; `part` from that of any layout."""
        parts = {self.part, *self.parts.values()} if name == "part" else {getattr(self, name)}
        return parts != {value}

    def describe(self) -> dict[str, Any]:
        """All fields, JSON-able."""
        return {**asdict(self), "seeds": list(self.seeds), "fits": list(self.fits), "free": list(self.free)}


def shown_name(name: str, based_on: str | None, changed: Iterable[str]) -> str:
    """The name in tables, with the fields that were changed: `pvdm/fvd16 (changed: num_fake)`."""
    return name if based_on is None else f"{based_on} (changed: {', '.join(changed)})"


def _check(name: str, value: Any) -> None:
    """InputError for a value that the field cannot have."""
    hint = get_type_hints(Protocol)[name]
    types = get_args(hint) or (hint,)
    if name == "seeds":
        is_valid = isinstance(value, (list, tuple)) and value and all(_is_number(seed, 0) for seed in value)
        allowed = "a list of whole numbers of at least 0"
    elif int in types:
        is_valid = _is_number(value, 1) or (value is None and type(None) in types)
        allowed = "a whole number of at least 1" + (", or none" if type(None) in types else "")
    elif get_origin(hint) is Literal:
        is_valid, allowed = value in types, "one of " + ", ".join(types)
    else:
        return
    if not is_valid:
        raise InputError(f"{name} of a protocol is {value!r}", f"give {allowed}")


def _is_number(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
