"""The figures of the table: which protocol each follows, and its entry in the results, with or without a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pvdm.benchmark.bench import Bench, Unavailable
from pvdm.benchmark.plan import Dataset
from pvdm.errors import InputError
from pvdm.evaluation.clip_counts import check_counts
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.measurement import plain
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS

T = TypeVar("T")


@dataclass(frozen=True)
class Spec:
    """A figure of the table.

    Args:
        id: By which a report finds it, and published figures beside it.
        name: For reading.
        protocol: How it is measured.
        better: "lower", "higher" or "like real", as in pvdm.evaluation.results.
        datasets: Of whose table it is.
        key: Which value of a measurement that has several.
    """

    id: str
    name: str
    protocol: str
    better: str = "lower"
    datasets: tuple[Dataset, ...] = ("ucf101", "skytimelapse")
    key: str | None = None

    @property
    def wanted(self) -> Protocol:
        """The protocol."""
        return PROTOCOLS[self.protocol]

    def entry(self, **values: Any) -> dict[str, Any]:
        """An entry of `figures` in the results; what is not given is absent."""
        empty = {"setting": None, "sampler": None, "part": None, "value": None}
        rest = {"protocol": self.protocol, "based_on": None, "changed": {}, "few": False, "counts": {}, "missing": None}
        return {"id": self.id, "name": self.name, "better": self.better, **empty, **rest, **values}

    def missing(self, reason: str, **values: Any) -> dict[str, Any]:
        """The entry of a figure that cannot be had."""
        return self.entry(missing=reason, **values)


FRECHET = (Spec("fvd16", "FVD16", "pvdm/fvd16"), Spec("fvd128", "FVD128", "pvdm/fvd128"))
INCEPTION = (
    Spec("is", "IS", "stylegan-v/isv2048_ucf", "higher", ("ucf101",)),
    Spec("is", "IS", "tats/is", "higher", ("ucf101",)),
)
"""Of these the one that takes the most of the videos there are."""

RANDOM = (
    Spec("fvd16_random", "FVD16 with random weights", "fvd-random/16f"),
    Spec("fvd128_random", "FVD128 with random weights", "fvd-random/128f"),
)
RECONSTRUCTION = (
    Spec("rfvd", "R-FVD", "pvdm/reconstruction"),
    Spec("psnr", "PSNR, dB", "pvdm/reconstruction", "higher", key="psnr"),
    Spec("ssim", "SSIM", "pvdm/reconstruction", "higher", key="ssim"),
    Spec("lpips", "LPIPS", "pvdm/reconstruction", key="lpips"),
    Spec("st_rred", "ST-RRED", "pvdm/reconstruction", key="st_rred"),
)
RECONSTRUCTION_RANDOM = (Spec("rfvd_random", "R-FVD with random weights", "reconstruction-random/16f"),)
COHERENCE = (
    Spec("warping_error", "Warping error", "coherence/16f", "like real", key="warping_error"),
    Spec("second_differences", "Energy of second differences", "coherence/16f", "like real", key="second_differences"),
    Spec("motion", "Motion", "coherence/16f", "like real", key="motion"),
)
NEAREST = (
    Spec("diversity", "Diversity", "nearest/16f", "like real", key="diversity"),
    Spec("copied_share", "Share of near copies", "nearest/16f", key="copied_share"),
)
NEAREST_FEATURES = Spec("nearest", "", "nearest/16f")
"""No figure, but the features that those of `NEAREST` need."""


def check_enough(bench: Bench, protocol: Protocol, *, real: ClipSource | None, fake: int) -> bool:
    """Whether there are fewer clips than the protocol asks for; Unavailable if that was not allowed."""
    try:
        few = check_counts(counts(real, fake), protocol, allow_few=bench.plan.allow_few or bench.plan.quick)
    except InputError as error:
        raise Unavailable(f"{str(error).partition(';')[0]}; pass --allow-few, which marks the figure") from error
    return few or bench.plan.quick


def named(protocol: Protocol) -> dict[str, Any]:
    """What an entry of `figures` says of its protocol."""
    return {"protocol": protocol.name, "based_on": protocol.based_on, "changed": plain(protocol.changed)}


def computed(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """What a function of features gives; Unavailable where it has too few of them, or such as are no numbers."""
    try:
        return function(*arguments, **options)
    except InputError as error:
        raise Unavailable(str(error)) from error


def counts(real: ClipSource | None, fake: int) -> dict[str, int | None]:
    """Clips on both sides, and what there was to choose from."""
    said = {} if real is None else real.describe()
    available = said["videos"] - said["dropped_short"] if "videos" in said else None
    return {
        "real": None if real is None else len(real),
        "fake": fake,
        "real_available": available,
        "dropped_short": said.get("dropped_short"),
        "fake_dropped_short": None,
    }
