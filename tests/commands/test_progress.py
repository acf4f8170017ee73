"""Bars of several stages, each with the time that its clips really take."""

from __future__ import annotations

import re
import time

from pvdm.commands.progress import Bars


def test_each_stage_has_a_bar_that_ends(capsys, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    bars = Bars()
    for what, clips in (("real", 4), ("generated", 2)):
        for done in range(2, clips + 1, 2):
            now[0] += 4  # two seconds a clip
            bars(what, done, clips)
    shown = capsys.readouterr().err
    last = {line.split(":")[0].strip(): line for line in re.split(r"[\r\n]", shown) if "100%" in line}
    assert list(last) == ["real", "generated"]
    assert "4/4 [00:08<00:00,  2.00s/clip]" in last["real"] and "2/2 [00:04<00:00,  2.00s/clip]" in last["generated"]
