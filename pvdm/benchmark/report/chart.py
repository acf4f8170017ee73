"""A line chart as inline SVG, in the page's fonts and colours, its lines named where they end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pvdm.benchmark.report.labels import Box, Room, spread_out
from pvdm.benchmark.report.markup import decimal, details, table, table_row, text

WIDTH, HEIGHT = 430, 280
LEFT, TOP, BOTTOM = 46, 32, 42
CHARACTER, NARROW = 7.3, 6.2
"""Width of a letter of the names of lines and of points, which cannot be measured here."""
MAX_LABEL = 28
COLORS = 6
LOG_RATIO = 12
"""Beyond this ratio of largest to smallest an axis is logarithmic."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One line: (x, y) in order of x, all finite.

    color: Number of its colour, None for what is compared against (real clips, published figures).
    names: A word for each point, written beside it; empty for none. lone: points without a line.
    """

    label: str
    points: Sequence[Point]
    color: int | None = 0
    names: Sequence[str] = field(default=())
    lone: bool = False


@dataclass(frozen=True)
class Axis:
    """A direction of the chart: its name, and whether steps, times and such may be spread logarithmically."""

    label: str
    may_be_log: bool = False


def chart(title: str, series: Sequence[Series], x: Axis, y: Axis, *, width: int = WIDTH) -> str:
    """A figure with the chart, its caption and its numbers as a table; series without points are left out."""
    shown = [line for line in series if line.points]
    if not shown:
        raise ValueError("a chart needs points")
    right = width - _right_margin(shown)
    across = _scale([point[0] for line in shown for point in line.points], x, LEFT, right, pad=0.03)
    up = _scale([point[1] for line in shown for point in line.points], y, HEIGHT - BOTTOM, TOP, pad=0.08)
    places = [[(across.place(a), up.place(b)) for a, b in line.points] for line in shown]
    lines = [_line(line, where) for line, where in zip(shown, places, strict=True)]
    drawn = _grid(across, up, x, y, right) + "".join(lines) + _labels(shown, places, width)
    label = f"{title}: {y.label} against {x.label} for {', '.join(line.label for line in shown)}"
    return (
        f'<figure class="plot"><figcaption>{text(title)}</figcaption>'
        f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{text(label)}">{drawn}</svg>'
        f"{_numbers(shown, x, y)}</figure>"
    )


def _last_lines(lines: Sequence[Series]) -> list[Series]:
    """Those that go on to the right end, where their names have a margin of their own."""
    end = max(line.points[-1][0] for line in lines)
    return [line for line in lines if not line.lone and line.points[-1][0] == end]


def _right_margin(lines: Sequence[Series]) -> float:
    return 14 + max(map(_width, _last_lines(lines)), default=0)


@dataclass(frozen=True)
class _Scale:
    """Values to pixels, and where its ticks are."""

    place: Callable[[float], float]
    ticks: list[float]


def _scale(values: Sequence[float], axis: Axis, start: float, end: float, *, pad: float) -> _Scale:
    low, high = min(values), max(values)
    is_log = axis.may_be_log and low > 0 and high / low > LOG_RATIO
    if not is_log and 0 < low < 0.4 * high:
        low = 0.0
    change = math.log10 if is_log else float
    first, last = change(low), change(high)
    margin = pad * (last - first) or abs(first) * 0.05 or 1.0
    first, last = first - margin * (low != 0 or is_log), last + margin
    ticks = _log_ticks(low, high) if is_log else nice_ticks(first, last)
    return _Scale(lambda value: start + (change(value) - first) / (last - first) * (end - start), ticks)


def nice_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """About `count` round numbers in [low, high]: multiples of 1, 2, 2.5 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within [low, high], or the powers alone where those are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    inside = [tick for tick in ticks if low * 0.95 <= tick <= high * 1.05]
    return inside if len(inside) <= 7 else [tick for tick in inside if math.log10(tick).is_integer()]


def _grid(across: _Scale, up: _Scale, x: Axis, y: Axis, right: float) -> str:
    rows = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{right:.1f}" y1="{up.place(tick):.1f}" y2="{up.place(tick):.1f}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{up.place(tick) + 4:.1f}" text-anchor="end">{decimal(tick)}</text>'
        for tick in up.ticks
    )
    columns = "".join(
        f'<text class="tick" x="{across.place(tick):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
        f"{decimal(tick)}</text>"
        for tick in across.ticks
    )
    names = (
        f'<text class="axis" x="{LEFT - 42}" y="14">{text(y.label)}</text>'
        f'<text class="axis" x="{right:.1f}" y="{HEIGHT - 6}" text-anchor="end">{text(x.label)}</text>'
    )
    return rows + columns + names


def _line(line: Series, places: Sequence[Point]) -> str:
    path = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = "" if line.lone or len(places) < 2 else f'<path d="{path}"/>'
    return f'<g class="{_color(line)}">{drawn}{_dots(line, places)}</g>'


def _dots(line: Series, places: Sequence[Point]) -> str:
    """A dot for each of few points, each with its numbers as a tooltip; long lines have none."""
    if len(places) > 24:
        return ""
    told = [f"{text(line.label)}: {decimal(x)}, {decimal(y)}" for x, y in line.points]
    return "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{words}</title></circle>'
        for (x, y), words in zip(places, told, strict=True)
    )


def _labels(lines: Sequence[Series], places: Sequence[Sequence[Point]], width: int) -> str:
    """The names of lines and points, one after the other where room is left."""
    room = Room(LEFT - 2, width)
    room.cover(Box(width / 2, HEIGHT - BOTTOM + 15, width, 20))
    for line, where in zip(lines, places, strict=True):
        room.cover_line(where[-1:] if line.lone else where)
    drawn = _end_names(lines, places, room)
    for line, where in zip(lines, places, strict=True):
        drawn += [
            _label(room.place(x, y, NARROW * len(name)), name, "point")
            for (x, y), name in zip(where, line.names, strict=False)
            if name
        ]
    return "".join(drawn)


def _end_names(lines: Sequence[Series], places: Sequence[Sequence[Point]], room: Room) -> list[str]:
    """The name of each line: in the right margin if it goes on to there, else beside its last point."""
    last = _last_lines(lines)
    ends = [(line, *where[-1]) for line, where in zip(lines, places, strict=True)]
    in_margin, inside = ([end for end in ends if (end[0] in last) is wanted] for wanted in (True, False))
    heights = spread_out([y for *_, y in in_margin], gap=15, low=TOP, high=HEIGHT - BOTTOM)
    drawn = []
    for (line, x, _), height in zip(in_margin, heights, strict=True):
        box = Box(x + 10 + _width(line) / 2, height, _width(line))
        room.cover(box)
        drawn.append(_label(box, _short(line.label), f"name {_color(line)}", anchor="start"))
    for line, x, y in inside:
        drawn.append(_label(room.place(x, y, _width(line)), _short(line.label), f"name {_color(line)}"))
    return drawn


def _width(line: Series) -> float:
    return CHARACTER * len(_short(line.label))


def _label(box: Box, name: str, kind: str, *, anchor: str = "middle") -> str:
    x = box.x - box.width / 2 if anchor == "start" else box.x
    return f'<text class="{kind}" x="{x:.1f}" y="{box.y + 4:.1f}" text-anchor="{anchor}">{text(name)}</text>'


def _numbers(lines: Sequence[Series], x: Axis, y: Axis) -> str:
    rows = [
        table_row(text(line.label + (f", {line.names[index]}" if line.names else "")), (decimal(a), decimal(b)))
        for line in lines
        for index, (a, b) in enumerate(line.points)
    ]
    return details("Numbers", table("What the chart shows", ("Line", x.label, y.label), rows, kind="numbers"))


def _color(line: Series) -> str:
    return "reference" if line.color is None else f"c{line.color % COLORS}"


def _short(label: str) -> str:
    return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"
