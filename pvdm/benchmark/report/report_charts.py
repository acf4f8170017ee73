"""The report's charts: quality against steps and time, PSNR of each frame, and drift along a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

from pvdm.benchmark.report.benchmark_results import Figure, Results, numbers
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
    """FVD against the denoising steps of the whole video."""
    figures, is_random = _quality(results, name)
    title = f"{_measure(is_random)} of {LENGTHS[name]} frames against steps"
    lines = _by_sampler(
        [(_evaluations(figure.setting, LENGTHS[name], results.clip_frames), figure) for figure in figures]
    )
    if not lines:
        return Chart(title, missing=_reason(results, name))
    lines += [] if is_random else _reference(results, name)
    x = "denoising steps for the whole video" if name == "fvd128" else "denoising steps"
    return _of_quality(title, lines, x, is_random)


def _time_chart(results: Results, name: str) -> Chart:
    """FVD against the time to sample a video."""
    figures, is_random = _quality(results, name)
    title = f"{_measure(is_random)} of {LENGTHS[name]} frames against time"
    seconds = {
        (speed.setting, speed.sampler): speed.seconds / max(speed.batch, 1)
        for speed in results.speed
        if speed.frames == LENGTHS[name] and speed.seconds
    }
    lines = _by_sampler([(seconds.get((figure.setting, figure.sampler)), figure) for figure in figures])
    if not lines:
        return Chart(title, missing="the time to sample was not measured" if figures else _reason(results, name))
    return _of_quality(title, lines, "seconds per video", is_random)


def _of_quality(title: str, lines: Sequence[Series], x: str, is_random: bool) -> Chart:
    chart = drawn(title, lines, x=x, y=_measure(is_random), may_be_log="xy")
    return replace(chart, random=is_random)


def _psnr_chart(results: Results) -> Chart:
    """PSNR of each frame of a reconstructed clip, of the training and the test part."""
    title, curves = "PSNR of each frame", results.curves.get("psnr_per_frame")
    parts = curves if isinstance(curves, dict) else {}
    lines = [
        Series(part, [(frame, v) for frame, v in enumerate(numbers(parts.get(part)), 1) if v is not None], color)
        for part, color in (("train", "c0"), ("test", "c1"))
    ]
    if not any(line.points for line in lines):
        return Chart(title, missing="it was not measured")
    return drawn(title, lines, x="frame of the clip", y="PSNR, dB")


def _drift_chart(results: Results, name: str) -> Chart:
    """A measure along extended videos, and along real ones."""
    entries = results.curves.get("drift")
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    title, y = f"{DRIFT[name][0]} along the video", DRIFT[name][1]
    lines = [
        Series(_entry_name(entry), _paired(entry.get("start_frames"), entry.get(name)), f"c{number % 6}")
        for number, entry in enumerate(entries)
    ]
    real = [_paired(e.get("start_frames"), e["real"].get(name)) for e in entries if isinstance(e.get("real"), dict)]
    lines += [Series("real", points, "reference") for points in real if points][:1]
    if not any(line.points for line in lines):
        return Chart(title, missing="it was not measured")
    return drawn(title, lines, x="first frame of the window", y=y, width=NARROW)


def _quality(results: Results, name: str) -> tuple[list[Figure], bool]:
    """The FVD figures that have a value, or, where none has, those of the random detector and True."""
    found, random = (
        [figure for figure in results.figures if figure.id == id and figure.value is not None]
        for id in (name, f"{name}_random")
    )
    return (found, False) if found or not random else (random, True)


def _measure(is_random: bool) -> str:
    return "fvd-random (no FVD)" if is_random else "FVD"


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


def _reference(results: Results, name: str) -> list[Series]:
    """PVDM-L's published figures whose setting is known; the paper's clips have 16 frames."""
    rows = [row for row in published(results.dataset) if row.id == name and row.setting and row.method == "PVDM-L"]
    points = [(_evaluations(row.setting, LENGTHS[name], 16) or 0, row.value, row.setting) for row in rows]
    return [_named("PVDM-L, published", points, "reference", lone=True)]


def _entry_name(entry: Mapping) -> str:
    return " ".join(str(entry[key]) for key in ("setting", "sampler") if entry.get(key)) or "extended"


def _paired(xs: object, ys: object) -> list[Point]:
    pairs = zip(numbers(xs), numbers(ys), strict=False)
    return sorted((x, y) for x, y in pairs if x is not None and y is not None)


def _reason(results: Results, name: str) -> str:
    reasons = [figure.missing for figure in results.figures if figure.id == name and figure.missing]
    return reasons[0] if reasons else "no such figure was measured"
