"""The report's charts: quality against steps and time, PSNR of each frame, and drift along a video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from pvdm.benchmark.report.benchmark_results import Figure, Results
from pvdm.benchmark.report.line_chart import NARROW, Chart, Point, Series, drawn
from pvdm.benchmark.report.published_figures import published

LENGTHS = {"fvd16": 16, "fvd128": 128}
DRIFT = {
    "sharpness": ("Sharpness", "high-frequency energy"),
    "warping_error": ("Coherence", "warping error"),
    "second_differences": ("Flicker", "energy of second differences"),
}


def charts(results: Results) -> dict[str, list[Chart]]:
    """All charts by their part of the page."""
    return {
        "steps": [_steps_chart(results, name) for name in LENGTHS],
        "time": [_time_chart(results, name) for name in LENGTHS],
        "psnr": [_psnr_chart(results)],
        "drift": [_drift_chart(results, name) for name in DRIFT],
    }


def _steps_chart(results: Results, name: str) -> Chart:
    """FVD against the denoising steps of the whole video, with those of PVDM-L whose setting is known."""
    x = "denoising steps for the whole video" if name == "fvd128" else "denoising steps"
    rows = [row for row in published(results.dataset) if row.id == name and row.setting and row.method == "PVDM-L"]
    theirs = [(_evaluations(row.setting, LENGTHS[name], 16) or 0, row.value, row.setting) for row in rows]
    return _quality_chart(
        results,
        name,
        against="steps",
        x=x,
        place=lambda figure: _evaluations(figure.setting, LENGTHS[name], results.clip_frames),
        reference=[_named("PVDM-L, published", theirs, "reference", lone=True)],
    )


def _time_chart(results: Results, name: str) -> Chart:
    """FVD against the time to sample a video."""
    seconds = {
        (speed.setting, speed.sampler): speed.seconds / max(speed.batch, 1)
        for speed in results.speed
        if speed.frames == LENGTHS[name] and speed.seconds
    }
    return _quality_chart(
        results,
        name,
        against="time",
        x="seconds per video",
        place=lambda figure: seconds.get((figure.setting, figure.sampler)),
    )


def _quality_chart(
    results: Results,
    name: str,
    *,
    against: str,
    x: str,
    place: Callable[[Figure], float | None],
    reference: Sequence[Series] = (),
) -> Chart:
    """The FVD figures that have a value at their places, or, where none has, those of the random detector."""
    found, random = (
        [figure for figure in results.figures if figure.id == id and figure.value is not None]
        for id in (name, f"{name}_random")
    )
    is_random = bool(random and not found)
    y = "fvd-random (no FVD)" if is_random else "FVD"
    title = f"{y} of {LENGTHS[name]} frames against {against}"
    lines = _by_sampler([(place(figure), figure) for figure in found or random])
    if not lines:
        reasons = [figure.missing for figure in results.figures if figure.id == name and figure.missing]
        not_timed = "the time to sample was not measured" if against == "time" and (found or random) else None
        return Chart(title, missing=not_timed or next(iter(reasons), "no such figure was measured"))
    lines += [] if is_random else reference
    return replace(drawn(title, lines, x=x, y=y, may_be_log="xy"), random=is_random)


def _psnr_chart(results: Results) -> Chart:
    """PSNR of each frame of a reconstructed clip, of the training and the test part."""
    parts = results.curves.get("psnr_per_frame", {})
    lines = [
        Series(part, _paired(range(1, len(parts.get(part, ())) + 1), parts.get(part, ())), color)
        for part, color in (("train", "c0"), ("test", "c1"))
    ]
    return _along("PSNR of each frame", lines, x="frame of the clip", y="PSNR, dB")


def _drift_chart(results: Results, name: str) -> Chart:
    """A measure along extended videos, and along real ones."""
    entries = results.curves.get("drift", ())
    lines = [
        Series(f"{entry['setting']} {entry['sampler']}", _paired(entry["start_frames"], entry[name]), f"c{number % 6}")
        for number, entry in enumerate(entries)
    ]
    real = [_paired(entry["start_frames"], entry["real"][name]) for entry in entries]
    lines += [Series("real", points, "reference") for points in real if points][:1]
    title, y = DRIFT[name]
    return _along(f"{title} along the video", lines, x="first frame of the window", y=y, width=NARROW)


def _along(title: str, lines: Sequence[Series], **options: Any) -> Chart:
    """The chart, or that there is none."""
    if not any(line.points for line in lines):
        return Chart(title, missing="it was not measured")
    return drawn(title, lines, **options)


def _by_sampler(places: Sequence[tuple[float | None, Figure]]) -> list[Series]:
    """A line for each solver: its figures in order of x, named by their setting; those without x are left out."""
    known: dict[str | None, list[tuple[float, float, str]]] = {}
    for x, figure in places:
        if x is not None:
            known.setdefault(figure.sampler, []).append((x, figure.value, figure.setting or ""))
    return [
        _named(sampler or "this model", points, f"c{index % 6}")
        for index, (sampler, points) in enumerate(known.items())
    ]


def _named(label: str, points: Sequence[tuple[float, float, str]], color: str, *, lone: bool = False) -> Series:
    """A line of points (x, y, name) in any order."""
    ordered = sorted(points)
    return Series(label, [point[:2] for point in ordered], color, [name for *_, name in ordered], lone)


def _evaluations(setting: str | None, frames: int, clip_frames: int) -> int | None:
    """Denoising steps of a whole video at a setting such as 400/400; None if it is written in another way."""
    first, _, later = (setting or "").partition("/")
    if not (first.isdecimal() and (later or first).isdecimal()):
        return None
    return int(first) + max(ceil(frames / clip_frames) - 1, 0) * int(later or first)


def _paired(xs: Sequence[float], ys: Sequence[float | None]) -> list[Point]:
    """The points that have both."""
    return sorted((x, y) for x, y in zip(xs, ys, strict=False) if y is not None)
