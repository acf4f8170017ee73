"""What a measurement fixes so that its number can be compared: a protocol, `custom` once anything is changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pvdm.data import Part
from pvdm.errors import InputError

Kind = Literal["fvd", "is", "reconstruction", "coherence", "naturalness", "nearest"]
CUSTOM = "custom"
FIXED = {"name", "kind", "source", "parts", "fits", "free", "note", "based_on", "changed"}
"""What belongs to a protocol and is not to be set."""


@dataclass(frozen=True)
class Protocol:
    """One measurement.

    Args:
        name: `family/measurement`, such as `stylegan-v/fvd2048_16f`; `custom` if anything was changed.
        kind: What is computed; the code of each is chosen by it.
        source: Where it is written down: paper and section, or file of the published code.
        frames: Frames of a clip.
        stride: Frame stride in generated videos: 3 takes every third frame.
        real_stride: That of the real videos.
        size: Height and width of a clip in pixels; None leaves both as they are.
        resize: Filter that scales real frames to `size`, after which the centre is cropped: Lanczos, bilinear as
            the released codes have it (without antialiasing), or antialiased bilinear as training has it here.
        jpeg_quality: Real frames that had to be scaled go through a JPEG of this quality; None: they do not.
        part: Which part of a data set the real clips are from; see `part_of`.
        parts: By layout of the data, the part where it is another.
        real_choice: Which real videos: all, the first in sorted order, or a random choice.
        real_start: Where in a video its clip begins.
        min_frames: Real videos shorter than this are dropped; None: shorter than a clip.
        num_real, num_fake: Clips; None takes all there are (fake: as many as real).
        min_real: Real clips that are enough where the data have no more; None: `num_real`.
        detector: Feature network, by its name in `pvdm.evaluation.features.detectors`; None needs none.
        splits: Splits over which an inception score is averaged.
        seeds: Of the repetitions; each draws its own real clips and its own samples.
        fits: The counts (num_real, num_fake) of which fewer are taken where there are fewer, and the result is marked.
        free: What is left to the user, who sets it without making another protocol of it.
        note: What the published code or text leaves open and we assume, or where we differ.
        based_on: The protocol that was changed into this one, and `changed`: what is different.
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
        """Whose it is: the name before the slash."""
        return self.name.partition("/")[0]

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.name if self.based_on is None else f"{self.based_on} as changed"

    @property
    def needed_frames(self) -> int:
        """Frames that a real video must have."""
        return max(self.min_frames or 0, (self.frames - 1) * self.real_stride + 1)

    @property
    def needed_real(self) -> int | None:
        """Real clips without which it is refused; None where all that there are will do."""
        return self.num_real if self.min_real is None else self.min_real

    def part_of(self, layout: str | None) -> Part:
        """The part of a data set of this layout that the real clips are from."""
        return self.parts.get(layout, self.part)

    def with_changes(self, **values: Any) -> Protocol:
        """The same with other values where they differ; it is then `custom` and says what it was based on.

        What is `free` may differ in a protocol of that name. A part is that of every layout; a count that is given
        must be met. `InputError` for what cannot be set.
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
        """Whether it is another value; a part is set for every layout."""
        parts = {self.part, *self.parts.values()} if name == "part" else {getattr(self, name)}
        return parts != {value}

    def describe(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        return {**asdict(self), "seeds": list(self.seeds), "fits": list(self.fits), "free": list(self.free)}


def shown_name(name: str, based_on: str | None, changed: Iterable[str]) -> str:
    """What tables call a protocol: its name, and what of it was changed; `pvdm/fvd16 (changed: num_fake)`."""
    return name if based_on is None else f"{based_on} (changed: {', '.join(changed)})"


def _check(name: str, value: Any) -> None:
    """InputError for a value that such a setting cannot have."""
    kind = get_type_hints(Protocol)[name]
    types = get_args(kind) or (kind,)
    if name == "seeds":
        is_right = isinstance(value, (list, tuple)) and value and all(_is_number(seed, 0) for seed in value)
        wanted = "a list of whole numbers of 0 or more"
    elif int in types:
        is_right = _is_number(value, 1) or (value is None and type(None) in types)
        wanted = "a whole number of at least 1" + (", or none" if type(None) in types else "")
    elif get_origin(kind) is Literal:
        is_right, wanted = value in types, "one of " + ", ".join(types)
    else:
        return
    if not is_right:
        raise InputError(f"{name} of a protocol is {value!r}", f"give {wanted}")


def _is_number(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
