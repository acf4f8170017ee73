"""The report's charts: points lie where their numbers are, text stays text, and nothing reaches beyond the chart."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from pvdm.benchmark.report.line_chart import Chart, Series, drawn


def plotted(*series: Series, may_be_log: str = "") -> Chart:
    return drawn("FVD", series, x="steps", y="FVD", may_be_log=may_be_log)


def markers(svg: str) -> list[tuple[float, float]]:
    """Where the markers of the first line are; those of the legend are drawn later."""
    [first, *_] = re.findall(r'(?:<use xlink:href="#[^>]*/>\s*)+', svg)
    return [(float(x), float(y)) for x, y in re.findall(r' x="([\d.]+)" y="([\d.]+)"', first)]


def test_points_are_where_their_numbers_are():
    (a, b, c) = markers(plotted(Series("ddim", [(1, 5.0), (2, 9.0), (3, 7.0)])).svg)
    assert a[0] < b[0] < c[0]
    assert b[1] < c[1] < a[1], "downwards on the screen"
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.01)
    assert a[1] - c[1] == pytest.approx(c[1] - b[1], abs=0.01)


@pytest.mark.parametrize(("may_be_log", "is_log"), [("x", True), ("y", False)])
def test_a_wide_range_of_steps_is_logarithmic_where_it_may_be(may_be_log, is_log):
    (a, b, c) = markers(plotted(Series("ddim", [(4, 5.0), (40, 9.0), (400, 7.0)]), may_be_log=may_be_log).svg)
    assert (b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.01)) == is_log


@pytest.mark.parametrize("points", [[(3, 2.0)], [(3, 0.0), (4, 0.0)], [(0, -1.0), (1, 1.0)], [(1, 1e-9), (2, 1e9)]])
def test_any_numbers_can_be_drawn(points):
    found = plotted(Series("a", points), may_be_log="xy").svg
    assert len(markers(found)) == len(points)
    assert "nan" not in found and "inf" not in found


def test_series_without_points_are_left_out():
    assert [line.label for line in plotted(Series("empty", []), Series("full", [(1, 1.0)])).series] == ["full"]
    with pytest.raises(ValueError, match="needs points"):
        plotted(Series("empty", []))


def test_ticks_are_round_and_in_order():
    found = plotted(Series("ddim", [(403, 0.00198), (529, 0.0043)])).svg
    ticks = [float(text) for text in re.findall(r">([\d.]+)</text>", found)]
    across, up = [tick for tick in ticks if tick > 1], [tick for tick in ticks if tick < 1]
    for values in (across, up):
        steps = [b - a for a, b in pairwise(values)]
        assert 3 <= len(values) <= 8 and steps == pytest.approx([steps[0]] * len(steps))
        assert float(f"{steps[0]:.1e}") == pytest.approx(steps[0])


def test_lines_and_points_are_named_in_text():
    line = Series("ddim", [(400, 412.5), (100, 420.0)], names=["400/400", "100/20"])
    found = plotted(line, Series("real", [(400, 1.0)], "reference")).svg
    words = re.findall(r">([^<>]+)</text>", found)
    assert {"ddim", "real", "400/400", "100/20", "steps", "FVD"} <= set(words)


def test_colours_are_those_of_the_page_and_names_are_never_markup():
    found = plotted(Series('<b>$x"', [(1, 1.0)], "c3")).svg
    assert "var(--c3)" in found and "#abcd" not in found
    assert "&lt;b&gt;$x" in found and "<b>" not in found
    assert not re.search(r"<style|<metadata|font-family|https?://", found)
    assert all(f"#{name}" in found for name in re.findall(r' id="([^"]*)"', found)), "no identifier that nothing uses"
