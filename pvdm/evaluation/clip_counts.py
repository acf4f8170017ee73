"""How many clips a measurement has, and whether its protocol accepts that."""

from __future__ import annotations

from collections.abc import Mapping

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.metric_registry import METRICS
from pvdm.evaluation.metrics.naturalness import ST_RRED_SIZE
from pvdm.evaluation.protocol import Protocol

Counts = Mapping[str, int | None]
Pairs = Mapping[int, tuple[ClipSource | None, ClipSource]]
"""Real and generated clips of each repetition, by its seed."""

REMEDY = (
    "give more, or change the numbers ({num_real}, {num_fake}: the result is then custom), "
    "or pass {allow_few}, which marks the result"
)


def clip_counts(pairs: Pairs) -> dict[str, int | None]:
    """Clips of the repetition that has the fewest, and how many there were to choose from."""
    real, fake = min(pairs.values(), key=lambda pair: (len(pair[0]) if pair[0] else 0, len(pair[1])))
    record = real.describe() if real else {}
    return {
        "real": len(real) if real else None,
        "fake": len(fake),
        "real_available": record["videos"] - record["dropped_short"] if "videos" in record else None,
        "dropped_short": record.get("dropped_short"),
        "fake_dropped_short": fake.describe().get("dropped_short"),
    }


def check_counts(counts: Counts, protocol: Protocol, *, allow_few: bool) -> bool:
    """Whether there are fewer clips than the protocol requires; InputError unless `allow_few` or it permits fewer."""
    required = {
        "real": None if counts["real"] is None else protocol.needed_real,
        "fake": counts["real"] if protocol.num_fake is None else protocol.num_fake,
    }
    few = {side: number for side, number in required.items() if number is not None and counts[side] < number}
    refused = [side for side in few if f"num_{side}" not in protocol.fits and not allow_few]
    if refused:
        raise InputError(" and ".join(_shortage(side, required[side], counts, protocol) for side in refused), REMEDY)
    return bool(few)


def check_possible(counts: Counts, protocol: Protocol, *, st_rred: bool) -> None:
    """InputError for what would only fail at the end: too few clips for the metric, or frames too small for ST-RRED."""
    least = max(METRICS[protocol.kind].min_clips, protocol.splits)
    fewest = min(number for number in (counts["real"], counts["fake"]) if number is not None)
    if fewest < least:
        raise InputError(f"{protocol.title} cannot be computed from {fewest} clip(s)", f"give at least {least}")
    if st_rred and protocol.kind == "reconstruction" and protocol.size is not None and protocol.size < ST_RRED_SIZE:
        raise InputError(
            f"ST-RRED needs frames of at least {ST_RRED_SIZE}x{ST_RRED_SIZE}, and these are "
            f"{protocol.size}x{protocol.size}",
            "leave it out",
        )


def _shortage(side: str, required: int, counts: Counts, protocol: Protocol) -> str:
    word = "real" if side == "real" else "generated"
    dropped = counts["dropped_short" if side == "real" else "fake_dropped_short"]
    short = f" ({dropped} more are too short)" if dropped else ""
    return f"{protocol.title} needs {required} {word} clips and there are {counts[side]}{short}"
