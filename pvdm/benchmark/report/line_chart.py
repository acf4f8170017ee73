"""A line chart as inline SVG that takes the page's font and colours."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

WIDE, NARROW, HEIGHT = 430, 350, 280
MAX_LABEL = 28
LOG_RATIO = 12
"""Beyond this ratio of largest to smallest an axis is logarithmic."""

COLORS = {name: f"#abcd{index:02x}" for index, name in enumerate(("soft", "line", "card", "reference"))}
COLORS |= {f"c{index}": f"#abcdc{index}" for index in range(6)}
"""Stand-ins for the page's colours, which become CSS variables, so that a chart follows the page's scheme."""

STYLE = {
    "svg.fonttype": "none",  # text remains text
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.size": 12,
    "text.color": COLORS["soft"],
    "axes.labelcolor": COLORS["soft"],
    "xtick.color": COLORS["soft"],
    "ytick.color": COLORS["soft"],
    "grid.color": COLORS["line"],
}

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One line: (x, y) in order of x, all finite.

    color: a key of `COLORS`. names: a word for each point, written next to it; empty for none. lone: points without
    a line.
    """

    label: str
    points: Sequence[Point]
    color: str = "c0"
    names: Sequence[str] = field(default=())
    lone: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart of the page: an SVG and its series, or the reason why there is none; `random`: it shows no FVD."""

    title: str
    x: str = ""
    y: str = ""
    series: Sequence[Series] = ()
    svg: str = ""
    missing: str = ""
    random: bool = False


def drawn(title: str, series: Sequence[Series], *, x: str, y: str, width: int = WIDE, may_be_log: str = "") -> Chart:
    """A chart of the series that have points; may_be_log: the axes, of "xy", that a wide range makes logarithmic."""
    shown = [line for line in series if line.points]
    if not shown:
        raise ValueError("a chart needs points")
    with rc_context(STYLE | {"svg.hashsalt": title}):
        canvas = Canvas(figsize=(width / 72, HEIGHT / 72), layout="constrained")
        axes = canvas.add_subplot()
        for line in shown:
            _draw(axes, line)
        for name, position in (("x", 0), ("y", 1)):
            _scale(axes, name, [point[position] for line in shown for point in line.points], name in may_be_log)
        axes.set(xlabel=x, ylabel=y)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.grid(axis="y")
        colors = [COLORS[line.color] for line in shown]
        canvas.legend(loc="outside upper left", ncols=2, frameon=False, labelcolor=colors, fontsize=11)
        file = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        canvas.savefig(file, format="svg", transparent=True, metadata=nothing)
    label = f"{title}: {y} against {x} for {', '.join(line.label for line in shown)}"
    return Chart(title, x, y, shown, _inline(file.getvalue(), label, width))


def _draw(axes: Axes, line: Series) -> None:
    color, is_reference = COLORS[line.color], line.color == "reference"
    axes.plot(
        *zip(*line.points, strict=True),
        color=color,
        label=line.label if len(line.label) <= MAX_LABEL else line.label[: MAX_LABEL - 1] + "…",
        linestyle="" if line.lone else "--" if is_reference else "-",
        marker="o" if len(line.points) <= 24 else "",
        markerfacecolor=COLORS["card"] if is_reference else color,
        linewidth=2,
        clip_on=False,
    )
    for index, (name, (x, y)) in enumerate(zip(line.names, line.points, strict=False)):
        neighbours = [] if line.lone else [value for _, value in line.points[max(index - 1, 0) : index + 2]]
        shift = 8 if y == max([y, *neighbours]) else -16  # away from the line
        axes.annotate(name, (x, y), (0, shift), textcoords="offset points", ha="center", fontsize="small", color=color)


def _scale(axes: Axes, name: str, values: Sequence[float], may_be_log: bool) -> None:
    """Ticks, and a logarithmic scale or one from zero where the values call for it."""
    low, high, axis = min(values), max(values), getattr(axes, f"{name}axis")
    axes.margins(**{name: 0.14})
    if may_be_log and low > 0 and high / low > LOG_RATIO:
        getattr(axes, f"set_{name}scale")("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        if 0 < low < 0.4 * high:
            getattr(axes, f"set_{name}lim")(0, None)
    axis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value)))


def _inline(svg: str, label: str, width: int) -> Markup:
    """The SVG for a page: the page's font and colours, no styles and no identifiers that reach beyond it."""
    body = re.sub(r"<style.*?</style>", "", svg[svg.index(">", svg.index("<svg")) + 1 :], flags=re.DOTALL)
    used = set(re.findall(r'#([\w.-]+)(?=[")])', body))
    body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", body)
    body = re.sub(r" font-family: [^;\"]*;", "", body)
    names = {color: name for name, color in COLORS.items()}
    body = re.sub("|".join(names), lambda found: f"var(--{names[found[0]]})", body)
    return Markup(f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{escape(label)}">{body}')


def decimal(value: float, digits: int = 4) -> str:
    """A number as a person writes it: so many significant digits, and all digits of whole thousands."""
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    rounded = f"{value:.{max(digits - whole, 0)}f}" if whole else f"{value:.{digits}g}"
    return rounded.rstrip("0").rstrip(".") if "." in rounded else rounded
