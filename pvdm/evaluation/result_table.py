"""Results as a text table: metrics with units and direction, and notes below it that qualify them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pvdm.evaluation.protocol import shown_name

NAMES = {name: name.upper() for name in ("fvd", "kvd", "is", "psnr", "ssim", "lpips", "viideo")} | {
    "rfvd": "R-FVD",
    "st_rred": "ST-RRED",
}
UNITS = {"psnr": "dB", "motion": "pixels per frame", "occlusion": "share of pixels", "copied_share": "share of samples"}
BETTER = {"lower": "↓", "higher": "↑", "like real": "≈ real"}
WORDS = {"size": "native", None: "all"}
"""What None means: for a size, and for any other setting."""
HEAD = (
    *("protocol", "metric", "value", "95 % interval", "floor", "real clips have", "frozen ones"),
    *("clips (real / generated)", ""),
)


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """A line per metric: value +- spread, the floor of a distance, the value of real clips, counts, and marks.

    Arrows say which values are good. The notes below say what was changed in a protocol, which counts are short, and
    how to read some values.
    """
    rows = [HEAD, *(_row(result, *metric) for result in results for metric in result["metrics"].items())]
    shown = [column for column in range(len(HEAD)) if any(row[column] for row in rows[1:])]
    widths = [max(len(row[column]) for row in rows) for column in shown]
    lines = [
        "  ".join(row[column].ljust(width) for column, width in zip(shown, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *dict.fromkeys(_notes(results))])


def metric_name(name: str, better: str) -> str:
    """A metric as it is written in papers: `PSNR (dB) ↑`."""
    unit = f" ({UNITS[name]})" if name in UNITS else ""
    return f"{_display_name(name)}{unit} {BETTER[better]}"


def _display_name(name: str) -> str:
    return NAMES.get(name, name.replace("_", " "))


def _row(result: Mapping[str, Any], name: str, metric: Mapping[str, Any]) -> tuple[str, ...]:
    spread = "" if metric["spread"] is None else f" +- {_number(metric['spread'])}"
    counts = (result["counts"][side] for side in ("real", "fake"))
    return (
        shown_name(result["protocol"], result["based_on"], result["changed"]),
        metric_name(name, metric["better"]),
        _number(metric["value"]) + spread,
        " to ".join(map(_number, metric.get("interval", ()))),
        shown_floor(metric),
        _number(metric["real"]) if "real" in metric else "",
        _number(metric["frozen"]) if "frozen" in metric else "",
        " / ".join("-" if count is None else str(count) for count in counts),
        _marks(result),
    )


def shown_floor(metric: Mapping[str, Any]) -> str:
    """The floor of a metric with its clip counts; empty if it has none."""
    if metric.get("floor") is None:
        return ""
    return f"{_number(metric['floor'])} ({' / '.join(map(str, metric['floor_clips']))})"


def _marks(result: Mapping[str, Any]) -> str:
    is_compared = result["fake"]["kind"] == "reconstructions" and result["kind"] != "reconstruction"
    marks = (
        ["of reconstructions"] * is_compared
        + ["few clips"] * result["few"]
        + ["other data"] * bool(result.get("other_data"))
    )
    return "; ".join(marks)


def _notes(results: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """The notes below the table."""
    for result in results:
        yield from _restrictions(result)
    metrics = [metric for result in results for metric in result["metrics"].items()]
    yield from (f"no {_display_name(name)}: {metric['missing']}" for name, metric in metrics if "missing" in metric)
    yield from (f"{_display_name(name)}: {metric['note']}" for name, metric in metrics if "note" in metric)
    if any("floor" in metric for _, metric in metrics):
        yield "floor: real clips against other real clips (clips on each side); fewer clips raise it"


def _restrictions(result: Mapping[str, Any]) -> Iterable[str]:
    name = result["based_on"] or result["protocol"]
    if result["changed"]:
        values = (f"{key} {_word(key, value)}" for key, value in result["changed"].items())
        yield f"{name} was changed: {', '.join(values)}"
    if result["few"]:
        required = {"real": result["settings"]["num_real"], "generated": result["settings"]["num_fake"]}
        counts = {"real": result["counts"]["real"], "generated": result["counts"]["fake"]}
        short = [
            f"{counts[side]} of {number} {side} clips"
            for side, number in required.items()
            if number is not None and counts[side] is not None and counts[side] < number
        ]
        yield f"{name} was measured with few clips{': ' if short else ''}{' and '.join(short)}; its values are rough"
    if result.get("other_data"):
        yield f"{name}: {result['other_data']}"


def _word(name: str, value: Any) -> str:
    if value is None:
        return WORDS.get(name, WORDS[None])
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
