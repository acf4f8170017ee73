"""The table in docs/energy.md is that of the records."""

import json
from pathlib import Path

import pytest

from pvdm.runtime.energy.counters import WATTS
from pvdm.runtime.energy.meter import KWH, watt_hours

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("steps", [4, 20, 400])
def test_a_minute_of_video(steps):
    found = json.loads((DOCS / "benchmarks" / "energy" / f"sprites_cpu_{steps}.json").read_text(encoding="utf-8"))
    minutes = len(found["videos"]) * found["clip"]["frames"] / found["fps"] / 60
    each = found["energy"]["kwh"] / minutes
    assert found["sampler"]["steps"] == steps and found["energy"]["kwh_per_minute"] == pytest.approx(each)
    row = f"| {steps} | {each * KWH / WATTS:.3g} | {watt_hours(each)} |"
    assert row in (DOCS / "energy.md").read_text(encoding="utf-8")
