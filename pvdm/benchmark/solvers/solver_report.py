"""The results of a study of solvers, as tables and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
PAPER = ("ddim", "uniform", 100)
"""Solver, grid and steps of the paper's faster setting."""


def tables(results: Mapping[str, Any]) -> str:
    """For each subject a sentence, and a table of the errors by solver, grid and steps; the smallest are bold."""
    return "\n".join(_table(name, subject) for name, subject in results["subjects"].items())


def into_document(path: Path, results: Mapping[str, Any]) -> str:
    """The document's text with the tables of these results; InputError if it has no place for tables."""
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise InputError(f"{path} has no place for tables", f"put the lines {BEGIN} and {END} where they belong")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n{tables(results)}{END}{after}"


def errors(subject: Mapping[str, Any]) -> dict[tuple[str, str, int], float]:
    """Errors by solver, grid and steps."""
    return {(row["solver"], row["grid"], row["steps"]): row["error"] for row in subject["rows"]}


def default_case() -> tuple[str, str, int]:
    """Solver, grid and steps of the default."""
    default = SamplerConfig().completed(1000)
    return default.name, default.grid, default.steps


def picture(results: Mapping[str, Any], path: Path) -> None:
    """Errors over steps, a panel for each subject; the dashed line is the paper's DDIM."""
    from matplotlib.figure import Figure

    shown = {"ddim": ("uniform", "cubic"), "dpmpp_2m": ("uniform", "cubic"), "unipc": ("cubic",)}
    subjects = results["subjects"]
    figure = Figure(figsize=(4 * len(subjects), 3.4), layout="constrained")
    for axes, (name, subject) in zip(
        figure.subplots(1, len(subjects), squeeze=False)[0], subjects.items(), strict=True
    ):
        found = errors(subject)
        for solver, grids in shown.items():
            for grid in grids:
                points = {steps: error for (*case, steps), error in found.items() if case == [solver, grid]}
                axes.loglog(points.keys(), points.values(), marker="o", markersize=3, label=f"{solver}, {grid}")
        axes.axhline(found[PAPER], color="gray", linestyle="--", linewidth=0.8)
        axes.set(title=name, xlabel="steps", ylabel="error", xticks=[5, 10, 20, 50, 100])
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.minorticks_off()
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)


def _table(name: str, subject: Mapping[str, Any]) -> str:
    found = errors(subject)
    steps = list(dict.fromkeys(count for *_, count in found))
    best = {count: min(error for (*_, other), error in found.items() if other == count) for count in steps}
    lines = [f"**{name}**: {_sentence(subject)}", "", f"| solver | grid | {' | '.join(map(str, steps))} |"]
    lines.append("|---|---|" + "---|" * len(steps))
    for solver, grid in dict.fromkeys((solver, grid) for solver, grid, _ in found):
        values = [found[solver, grid, count] for count in steps]
        cells = [
            f"**{value:.4f}**" if value == best[count] else f"{value:.4f}"
            for count, value in zip(steps, values, strict=True)
        ]
        lines.append(f"| {solver} | {grid} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _sentence(subject: Mapping[str, Any]) -> str:
    found, apart = errors(subject), subject["from_reference"]
    default = default_case()
    paper, ours = found[PAPER], found[default]
    others = ", ".join(f"{name} {value:.4f}" for name, value in apart.items())
    return (
        f"error {ours:.4f} with {default[2]} steps of {default[0]} on the {default[1]} grid, {paper:.4f} with "
        f"{PAPER[2]} of {PAPER[0]} on the {PAPER[1]} one. The reference has a root mean square of "
        f"{subject['reference']['root_mean_square']:.3f}; its distances from other ends: {others}."
    )
