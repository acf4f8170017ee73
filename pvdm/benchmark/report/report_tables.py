"""The rows of the report's tables: our figures next to the published ones, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pvdm.benchmark.report.benchmark_results import Figure, Results, Speed
from pvdm.benchmark.report.published_figures import Published, published

RANKED = {"fvd16": "FVD of 16 frames", "fvd128": "FVD of 128 frames", "is": "Inception score"}
RECONSTRUCTION = {"rfvd": "R-FVD", "psnr": "PSNR, dB", "ssim": "SSIM", "lpips": "LPIPS", "st_rred": "ST-RRED"}
GLANCE = {"fvd16": "FVD16", "fvd128": "FVD128", "is": "Inception score", "rfvd": "R-FVD", "psnr": "PSNR, dB"}
PAPER_SETTING = "400/400"


@dataclass(frozen=True)
class RankedRow:
    """A row of a ranking: a figure of ours, a published one, or neither, for our place without a value."""

    value: float | None
    figure: Figure | None = None
    published: Published | None = None


@dataclass(frozen=True)
class Ranking:
    """A table of the paper's generation results; `largest` is the length of a full bar."""

    id: str
    title: str
    ours: list[Figure]
    rows: list[RankedRow]
    others: list[RankedRow]
    largest: float

    @property
    def is_descending(self) -> bool:
        """Whether higher values are better."""
        return self.id == "is"


def rankings(results: Results) -> list[Ranking]:
    """A ranking for each figure of the paper's generation table that is measured or published."""
    found = [_ranking(results, name) for name in RANKED]
    return [ranking for ranking in found if ranking.ours or len(ranking.rows) > 1 or ranking.others]


def _ranking(results: Results, name: str) -> Ranking:
    ours = [figure for figure in results.figures if figure.id == name]
    theirs = [row for row in published(results.dataset) if row.id == name]
    valued = [RankedRow(figure.value, figure) for figure in ours if figure.value is not None]
    rows = valued or [RankedRow(None, ours[0] if ours else None)]
    rows += [RankedRow(row.value, published=row) for row in theirs if row.is_comparable]
    others = [RankedRow(row.value, published=row) for row in theirs if not row.is_comparable]
    largest = max([row.value for row in (*valued, *rows, *others) if row.value is not None], default=1.0)
    sign = -1 if name == "is" else 1
    first, second = (
        sorted(part, key=lambda row: (row.value is None, sign * (row.value or 0))) for part in (rows, others)
    )
    return Ranking(name, RANKED[name], ours, first, second, largest)


def missing_reasons(figures: Sequence[Figure]) -> list[tuple[str, str, str]]:
    """(names, settings, reason) of the figures without a value, each reason once."""
    reasons: dict[str, list[Figure]] = {}
    for figure in figures:
        if figure.value is None:
            reasons.setdefault(figure.missing or "no reason was recorded", []).append(figure)
    return [
        (
            ", ".join(dict.fromkeys(figure.name for figure in lacking)),
            "; ".join(dict.fromkeys(filter(None, (figure.setting_words for figure in lacking)))),
            reason,
        )
        for reason, lacking in reasons.items()
    ]


def glance(results: Results) -> list[tuple[str, Figure | None, Published | None]]:
    """(name, our figure, the paper's) for the tiles at the top."""
    tiles = [(label, _main(results, name), _pvdm(results, name)) for name, label in GLANCE.items()]
    return [tile for tile in tiles if tile[1] is not None or tile[2] is not None]


def _main(results: Results, name: str) -> Figure | None:
    """Preferably one with a value, of the paper's setting, of the test part."""
    found = [figure for figure in results.figures if figure.id == name]
    return min(
        found,
        key=lambda figure: (figure.value is None, figure.setting != PAPER_SETTING, figure.part == "train"),
        default=None,
    )


def _pvdm(results: Results, name: str) -> Published | None:
    """The paper's figure, preferably of the released setting and of the test part."""
    names = ("PVDM-L", "PVDM")
    rows = [r for r in published(results.dataset) if r.id == name and r.method in names and r.size == 256]
    return min(rows, key=lambda row: (row.setting != PAPER_SETTING, row.part == "train"), default=None)


def reconstruction(results: Results) -> dict[str, Any]:
    """Our reconstruction figures, and the published ones as one row for each method, comparable ones and others."""
    rows = [row for row in published(results.dataset) if row.id in RECONSTRUCTION]
    main, other = ([row for row in rows if row.is_comparable is wanted] for wanted in (True, False))
    ours = [figure for figure in results.figures if figure.id in RECONSTRUCTION]
    return {
        "ours": ours,
        "columns": _columns([*ours, *main]),
        "methods": _by_method(main),
        "other_columns": _columns(other),
        "other_methods": _by_method(other),
    }


def _columns(figures: Sequence[Figure | Published]) -> dict[str, str]:
    return {name: label for name, label in RECONSTRUCTION.items() if name in {figure.id for figure in figures}}


def _by_method(rows: Sequence[Published]) -> list[list[Published]]:
    return [[row for row in rows if row.method == method] for method in dict.fromkeys(row.method for row in rows)]


def speed_rows(results: Results) -> tuple[list[int], list[dict[int, Speed]]]:
    """The lengths that were timed, and for each setting its entries by length."""
    rows: dict[tuple, dict[int, Speed]] = {}
    for speed in results.speed:
        rows.setdefault((speed.setting, speed.sampler, speed.device), {})[speed.frames] = speed
    return sorted({speed.frames for speed in results.speed}), list(rows.values())


def circumstances(results: Results) -> dict[str, str]:
    """Model, machine and versions, in words."""
    entries = {
        "Command": results.command,
        **{f"Model: {name.replace('_', ' ')}": value for name, value in results.model.items()},
        **dict(_hardware(name, value) for name, value in results.hardware.items()),
        **{f"Version of {name}": value for name, value in results.versions.items()},
    }
    return {name: _words(value) for name, value in entries.items() if value is not None}


def _hardware(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_bytes") and value is not None:
        return f"Hardware: {name.removesuffix('_bytes').replace('_', ' ')}", f"{value / 2**30:.0f} GiB"
    return f"Hardware: {name.replace('_', ' ')}", value


def _words(value: Any) -> str:
    return ", ".join(f"{name} {item}" for name, item in value.items()) if isinstance(value, dict) else str(value)
