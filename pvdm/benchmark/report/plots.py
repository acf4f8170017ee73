"""The report's plots: steps, time and quality; PSNR of each frame; drift over a long video."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from pvdm.benchmark.report.chart import Axis, Series, chart
from pvdm.benchmark.report.markup import paragraph, text
from pvdm.benchmark.report.published import Published, published
from pvdm.benchmark.report.results import Figure, Results, number, numbers

LENGTHS = {"fvd16": 16, "fvd128": 128}
DRIFT = {
    "sharpness": ("Sharpness", "high-frequency energy"),
    "warping_error": ("Coherence", "warping error"),
    "second_differences": ("Flicker", "energy of second differences"),
}
DRIFT_WIDTH = 350
RANDOM = (
    "No figure with the trained detector is at hand, so this shows fvd-random: a check that the measurement works. "
    "It is no FVD and ranks nothing."
)


def steps_plots(results: Results) -> str:
    """FVD against denoising steps, for 16 and for 128 frames."""
    return _plots([_steps_plot(results, name) for name in LENGTHS])


def time_plots(results: Results) -> str:
    """FVD against the time to sample a video, for 16 and for 128 frames."""
    return _plots([_time_plot(results, name) for name in LENGTHS])


def psnr_plot(results: Results) -> str:
    """PSNR of each frame of a reconstructed clip, of the training and the test part."""
    curves = results.curves.get("psnr_per_frame")
    curves = curves if isinstance(curves, dict) else {}
    lines = [
        Series(part, _numbered(numbers(curves.get(part)), first=1), color)
        for color, part in enumerate(("train", "test"))
    ]
    if not any(line.points for line in lines):
        return _absent("PSNR of each frame", "it was not measured")
    return _plots([chart("PSNR of each frame", lines, Axis("frame of the clip"), Axis("PSNR, dB"))])


def drift_plots(results: Results) -> str:
    """Sharpness and coherence along extended videos against those of real ones."""
    entries = results.curves.get("drift")
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return _plots([_drift_plot(entries, name) for name in DRIFT], kind="three")


def _steps_plot(results: Results, name: str) -> str:
    figures, is_random = _quality(results, name)
    title = f"{_measure(is_random)} of {LENGTHS[name]} frames against steps"
    lines = _by_sampler([(_evaluations(results, figure.setting, LENGTHS[name]), figure) for figure in figures])
    if not lines:
        return _absent(title, _reason(results, name))
    if not is_random:
        lines += _references(results, name)
    axis = "denoising steps for the whole video" if name == "fvd128" else "denoising steps"
    plot = chart(title, lines, Axis(axis, may_be_log=True), Axis(_measure(is_random), may_be_log=True))
    return plot + (paragraph(RANDOM, "callout warn") if is_random else "")


def _time_plot(results: Results, name: str) -> str:
    figures, is_random = _quality(results, name)
    title = f"{_measure(is_random)} of {LENGTHS[name]} frames against time"
    seconds = {
        (speed.setting, speed.sampler): speed.seconds / max(speed.batch, 1)
        for speed in results.speed
        if speed.frames == LENGTHS[name] and speed.seconds
    }
    lines = _by_sampler([(seconds.get((figure.setting, figure.sampler)), figure) for figure in figures])
    if not lines:
        return _absent(title, _reason(results, name) if not figures else "the time to sample was not measured")
    plot = chart(title, lines, Axis("seconds per video", may_be_log=True), Axis(_measure(is_random), may_be_log=True))
    return plot + (paragraph(RANDOM, "callout warn") if is_random else "")


def _quality(results: Results, name: str) -> tuple[list[Figure], bool]:
    """The FVD figures that have a value, or, where none has, those of the random detector and True."""
    found = [figure for figure in results.figures if figure.id == name and figure.value is not None]
    if found:
        return found, False
    random = [figure for figure in results.figures if figure.id == f"{name}_random" and figure.value is not None]
    return random, bool(random)


def _measure(is_random: bool) -> str:
    return "fvd-random (no FVD)" if is_random else "FVD"


def _by_sampler(places: Sequence[tuple[float | None, Figure]]) -> list[Series]:
    """A line for each solver: its figures in order of x, named by their setting; those without x are left out."""
    known = [(x, figure) for x, figure in places if x is not None]
    lines = []
    for color, sampler in enumerate(dict.fromkeys(figure.sampler for _, figure in known)):
        mine = sorted((x, figure.value, figure.setting or "") for x, figure in known if figure.sampler == sampler)
        points = [(x, value) for x, value, _ in mine]
        lines.append(Series(sampler or "this model", points, color, [setting for *_, setting in mine]))
    return lines


def _steps(setting: str | None) -> tuple[int, int] | None:
    """Steps of the first clip and of each later one, of `400/400`; None if it is written otherwise."""
    first, _, later = (setting or "").partition("/")
    return (int(first), int(later or first)) if first.isdecimal() and (later or first).isdecimal() else None


def _evaluations(results: Results, setting: str | None, frames: int) -> int | None:
    """Denoising steps of a whole video: those of its first clip, and those of the later ones."""
    steps = _steps(setting)
    if steps is None:
        return None
    return steps[0] + (ceil(frames / results.clip_frames) - 1) * steps[1] if frames > results.clip_frames else steps[0]


def _references(results: Results, name: str) -> list[Series]:
    """PVDM's published figures whose setting is known, as lone points."""
    rows = [row for row in published(results.dataset) if row.id == name and row.setting and row.method == "PVDM-L"]
    return [
        Series(f"{row.method} {row.setting}, published", [(_published_steps(row), row.value)], None, lone=True)
        for row in rows
    ]


def _published_steps(row: Published) -> int:
    """Of the paper's clips, which have 16 frames."""
    first, later = _steps(row.setting) or (0, 0)
    return first + (LENGTHS[row.id] // 16 - 1) * later


def _drift_plot(entries: Sequence[dict], name: str) -> str:
    title, measure = DRIFT[name]
    title = f"{title} along the video"
    lines = [
        Series(_entry_name(entry), _paired(entry.get("start_frames"), entry.get(name)), color)
        for color, entry in enumerate(entries)
    ]
    lines += [Series("real", points, None) for points in _real_drift(entries, name)[:1]]
    if not any(line.points for line in lines):
        return _absent(title, "it was not measured")
    return chart(title, lines, Axis("first frame of the window"), Axis(measure), width=DRIFT_WIDTH)


def _entry_name(entry: dict) -> str:
    return " ".join(str(entry[key]) for key in ("setting", "sampler") if entry.get(key)) or "extended"


def _real_drift(entries: Sequence[dict], name: str) -> list[list[tuple[float, float]]]:
    curves = [
        _paired(entry.get("start_frames"), entry["real"].get(name))
        for entry in entries
        if isinstance(entry.get("real"), dict)
    ]
    return [points for points in curves if points]


def _paired(xs: object, ys: object) -> list[tuple[float, float]]:
    pairs = zip(numbers(xs), numbers(ys), strict=False)
    return sorted((x, y) for x, y in pairs if x is not None and y is not None)


def _numbered(values: Sequence[float | None], *, first: int) -> list[tuple[float, float]]:
    return [(index, value) for index, value in enumerate(values, first) if number(value) is not None]


def _reason(results: Results, name: str) -> str:
    reasons = [figure.missing for figure in results.figures if figure.id == name and figure.missing]
    return reasons[0] if reasons else "no such figure was measured"


def _absent(title: str, reason: str) -> str:
    return (
        f'<figure class="plot absent"><figcaption>{text(title)}</figcaption>'
        f'<p class="missing">Not shown: {text(reason)}</p></figure>'
    )


def _plots(figures: Sequence[str], *, kind: str = "") -> str:
    cells = "".join(f"<div>{figure}</div>" for figure in figures)
    return f'<div class="plots {kind}">{cells}</div>'
