"""The rows of the report's tables: our figures next to the published ones, best first."""

from __future__ import annotations

from dataclasses import dataclass

from pvdm.benchmark.report.benchmark_results import Figure, Results
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
    is_descending: bool


def rankings(results: Results) -> list[Ranking]:
    """A ranking for each figure of the paper's generation table that is measured or published."""
    found = [_ranking(results, name) for name in RANKED]
    return [ranking for ranking in found if ranking.ours or len(ranking.rows) > 1 or ranking.others]


def _ranking(results: Results, name: str) -> Ranking:
    ours = [figure for figure in results.figures if figure.id == name]
    theirs = [row for row in published(results.dataset) if row.id == name]
    rows = [RankedRow(figure.value, figure) for figure in ours if figure.value is not None]
    rows = rows or [RankedRow(None, ours[0] if ours else None)]
    rows += [RankedRow(row.value, published=row) for row in theirs]
    sign = -1 if name == "is" else 1
    rows.sort(key=lambda row: (row.value is None, sign * (row.value or 0)))
    others = [row for row in rows if row.published and not row.published.is_comparable]
    largest = max([row.value for row in rows if row.value is not None], default=1.0)
    return Ranking(name, RANKED[name], ours, [row for row in rows if row not in others], others, largest, sign < 0)


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
