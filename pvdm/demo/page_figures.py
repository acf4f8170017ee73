"""The table of figures on the demo's page: what was measured, and what was aimed at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Psnr = dict[str, dict[str, list[float]]]

LEAST_PSNR = {"train": 26.0, "val": 23.0}
MOST_BLOCKS, MOST_SEAMS, MOST_FIRST_SEAM = 1.05, 1.3, 2.0
MOTION, LEAST_CONTRAST = (0.7, 1.3), 0.8


def mean_psnr(psnr: Psnr, part: str | None = None) -> float:
    """Mean PSNR in dB over all clips of the shown videos, or those of `train` or `val`."""
    values = [
        value for parts in psnr.values() for name, found in parts.items() if part in (None, name) for value in found
    ]
    return sum(values) / len(values)


def figure_rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    """A row (name, meaning, value, aim, ok) for each figure that has been measured."""
    return [*_fidelity(results), *_recognition(results), *_long(results)]


def _fidelity(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = {"train": "Rebuilt, trained frames", "val": "Rebuilt, held-out frames"}
    for part in results.get("psnr_before", {}):
        value, least = mean_psnr(results["psnr"], part), LEAST_PSNR[part]
        yield _row(names[part], "PSNR", f"{value:.1f} dB", f"at least {least:.0f} dB", value >= least)
    if "blocks" in results:
        value = results["blocks"]
        meaning = "steps of brightness at the borders of patches, over those in the real clips"
        yield _row("Blocks", meaning, f"{value:.2f}", f"at most {MOST_BLOCKS}", value <= MOST_BLOCKS)


def _recognition(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = results.get("nearest", {})
    if found.get("recognized") is not None:
        count, near = len(found["scenes"]), round(found["recognized"] * len(found["scenes"]))
        meaning = "clips less than half as far from a real scene as different scenes are from each other"
        yield _row("Recognizable", meaning, f"{near} of {count}", f"all {count}", near == count)


def _long(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    titles = {"long": "from noise", "continued": "continued"}
    for name, found in results.get("long", {}).items():
        where, (low, high) = titles[name], MOTION
        motion, seams, contrast = found["motion"], found["seams"], found["contrast"]
        meaning = "differences of consecutive frames, over those of the nearest real clips"
        yield _row(f"Motion, {where}", meaning, f"{motion:.2f}", f"{low} to {high}", low <= motion <= high)
        meaning = "differences of frames where clips meet, over those within clips"
        yield _row(f"Seams, {where}", meaning, f"{seams:.2f}", f"at most {MOST_SEAMS}", seams <= MOST_SEAMS)
        if name == "continued":
            first, meaning = found["first_seam"], "the same where the real clip ends"
            aim = f"at most {MOST_FIRST_SEAM:.0f}"
            yield _row("First invented frame", meaning, f"{first:.2f}", aim, first <= MOST_FIRST_SEAM)
        meaning = "of the last clip, over that of the nearest real clip: less is washed out"
        yield _row(
            f"Contrast, {where}", meaning, f"{contrast:.2f}", f"at least {LEAST_CONTRAST}", contrast >= LEAST_CONTRAST
        )


def _row(name: str, meaning: str, value: str, aim: str, ok: bool) -> dict[str, Any]:
    return {"name": name, "meaning": meaning, "value": value, "aim": aim, "ok": ok}
