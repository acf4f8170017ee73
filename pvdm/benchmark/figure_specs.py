"""The figures of the tables: which protocol each follows, and its entry in the results, with or without a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pvdm.benchmark.context import BenchmarkContext, Unavailable, figure_needs
from pvdm.benchmark.plan import Dataset
from pvdm.evaluation.clip_counts import check_counts
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.measurement import plain
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS

T = TypeVar("T")


@dataclass(frozen=True)
class FigureSpec:
    """A figure of a table.

    Args:
        id: By which the report finds it, and published figures to compare.
        name: For reading.
        protocol: How it is measured.
        better: "lower", "higher" or "like real", as in pvdm.evaluation.results.
        datasets: The tables that it belongs to.
        key: The value of a measurement that has several.
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
        """An entry of `figures` in the results."""
        empty = {"setting": None, "sampler": None, "part": None, "value": None}
        rest = {"protocol": self.protocol, "based_on": None, "changed": {}, "few": False, "counts": {}, "missing": None}
        return {"id": self.id, "name": self.name, "better": self.better, **empty, **rest, **values}

    def measured(self, measure: Callable[[], dict[str, Any]], **values: Any) -> dict[str, Any]:
        """The entry with the values that `measure` returns, or with the reason if it raises Unavailable."""
        try:
            return self.entry(**{**values, **measure()})
        except Unavailable as error:
            return self.entry(missing=str(error), **values)


FRECHET = (FigureSpec("fvd16", "FVD16", "pvdm/fvd16"), FigureSpec("fvd128", "FVD128", "pvdm/fvd128"))
INCEPTION = (
    FigureSpec("is", "IS", "stylegan-v/isv2048_ucf", "higher", ("ucf101",)),
    FigureSpec("is", "IS", "tats/is", "higher", ("ucf101",)),
)
"""The one that takes the most of the videos there are is measured."""

RANDOM = (
    FigureSpec("fvd16_random", "FVD16 with random weights", "fvd-random/16f"),
    FigureSpec("fvd128_random", "FVD128 with random weights", "fvd-random/128f"),
)
RECONSTRUCTION = (
    FigureSpec("rfvd", "R-FVD", "pvdm/reconstruction"),
    FigureSpec("psnr", "PSNR, dB", "pvdm/reconstruction", "higher", key="psnr"),
    FigureSpec("ssim", "SSIM", "pvdm/reconstruction", "higher", key="ssim"),
    FigureSpec("lpips", "LPIPS", "pvdm/reconstruction", key="lpips"),
    FigureSpec("st_rred", "ST-RRED", "pvdm/reconstruction", key="st_rred"),
)
RECONSTRUCTION_RANDOM = (FigureSpec("rfvd_random", "R-FVD with random weights", "reconstruction-random/16f"),)
COHERENCE = tuple(
    FigureSpec(key, name, "coherence/16f", "like real", key=key)
    for key, name in (
        ("warping_error", "Warping error"),
        ("second_differences", "Energy of second differences"),
        ("motion", "Motion"),
    )
)
NEAREST = (
    FigureSpec("diversity", "Diversity", "nearest/16f", "like real", key="diversity"),
    FigureSpec("copied_share", "Share of near copies", "nearest/16f", key="copied_share"),
)


def check_enough(context: BenchmarkContext, protocol: Protocol, *, real: ClipSource | None, fake: int) -> bool:
    """Whether there are fewer clips than the protocol asks for; Unavailable if the plan does not allow that."""
    with figure_needs("pass --allow-few, which marks the figure"):
        few = check_counts(counts(real, fake), protocol, allow_few=context.plan.allow_few or context.plan.quick)
    return few or context.plan.quick


def about(context: BenchmarkContext, spec: FigureSpec, *, real: ClipSource | None, fake: int) -> dict[str, Any]:
    """What an entry of `figures` says about protocol and clips; Unavailable as for `check_enough`."""
    protocol = context.protocol(spec.wanted)
    return {
        "few": check_enough(context, spec.wanted, real=real, fake=fake),
        "counts": counts(real, fake),
        "protocol": protocol.name,
        "based_on": protocol.based_on,
        "changed": plain(protocol.changed),
    }


def computed(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """The value of a function of features; Unavailable if there are too few of them, or they are not finite."""
    with figure_needs():
        return function(*arguments, **options)


def counts(real: ClipSource | None, fake: int) -> dict[str, int | None]:
    """Clips on both sides, and how many there were to choose from."""
    facts = {} if real is None else real.describe()
    available = facts["videos"] - facts["dropped_short"] if "videos" in facts else None
    return {
        "real": None if real is None else len(real),
        "fake": fake,
        "real_available": available,
        "dropped_short": facts.get("dropped_short"),
        "fake_dropped_short": None,
    }
