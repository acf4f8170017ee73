"""The report's charts: what is more lies higher, ticks are round and inside, labels do not cover each other."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pvdm.benchmark.report.chart import Axis, Series, chart, nice_ticks
from pvdm.benchmark.report.labels import Box, Room, spread_out

X, Y = Axis("steps", may_be_log=True), Axis("FVD")


def circles(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]


def test_points_are_where_their_numbers_are():
    (a, b, c) = circles(chart("FVD", [Series("ddim", [(1, 5.0), (2, 9.0), (3, 7.0)])], X, Y))
    assert a[0] < b[0] < c[0]
    assert b[1] < c[1] < a[1]  # downwards on the screen
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.11)
    assert (a[1] - c[1]) == pytest.approx(c[1] - b[1], abs=0.11)


def test_a_wide_range_of_steps_is_logarithmic():
    (a, b, c) = circles(chart("FVD", [Series("ddim", [(4, 5.0), (40, 9.0), (400, 7.0)])], X, Y))
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.11)


@pytest.mark.parametrize("points", [[(3, 2.0)], [(3, 0.0), (4, 0.0)], [(0, -1.0), (1, 1.0)], [(1, 1e-9), (2, 1e9)]])
def test_any_numbers_can_be_drawn(points):
    found = chart("FVD", [Series("a", points)], X, Axis("y", may_be_log=True))
    assert len(circles(found)) == len(points)
    assert "nan" not in found and "inf" not in found


def test_series_without_points_are_left_out():
    assert "empty" not in chart("FVD", [Series("empty", []), Series("full", [(1, 1.0)])], X, Y)
    with pytest.raises(ValueError, match="needs points"):
        chart("FVD", [Series("empty", [])], X, Y)


def test_its_numbers_are_a_table_too():
    found = chart("FVD", [Series("ddim", [(400, 412.5)], names=["400/400"])], X, Y)
    assert re.search(r'<th scope="row">ddim, 400/400</th><td>400</td><td>412.5</td>', found)


@pytest.mark.parametrize("low, high", [(0, 1), (403, 529), (0.00198, 0.0043), (-3, 8), (1e6, 3e6)])
def test_ticks_are_round_and_inside(low, high):
    ticks = np.array(nice_ticks(low, high))
    steps = np.diff(ticks)
    assert 3 <= len(ticks) <= 8
    assert ticks.min() >= low - 1e-9 and ticks.max() <= high + 1e-9
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    assert float(f"{steps[0]:.1e}") == pytest.approx(steps[0])


def test_names_at_the_end_of_lines_keep_their_distance_and_order():
    found = spread_out([50, 51, 52, 10], gap=15, low=0, high=60)
    assert min(np.diff(sorted(found))) >= 15
    assert np.argsort(found).tolist() == [3, 0, 1, 2]
    assert min(found) >= 0 and max(found) <= 60


def test_names_keep_clear_of_what_is_drawn_and_of_each_other():
    room = Room(0, 400)
    room.cover_line([(20, 100), (200, 60), (380, 100)])
    drawn = list(room.taken)
    labels = [room.place(x, y, 50) for x, y in ((20, 100), (200, 60), (380, 100))]
    assert all(box.x - box.width / 2 >= 0 and box.x + box.width / 2 <= 400 for box in labels)
    others = [[*drawn, *labels[:index]] for index in range(len(labels))]
    assert all(box.overlap(other) == 0 for box, rest in zip(labels, others, strict=True) for other in rest)


def test_boxes_overlap_by_their_common_area():
    assert Box(0, 0, 4, 4).overlap(Box(3, 1, 4, 4)) == 1 * 3
    assert Box(0, 0, 4, 4).overlap(Box(4, 0, 4, 4)) == 0
