"""Bars of several stages, each with the time that its clips really take."""

from __future__ import annotations

import re
import time

from pvdm.commands.terminal.progress_bars import Bars, SamplingBar


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


def test_a_sampling_bar_ends_full_though_the_next_part_is_sampled_before_the_last_is_written(capsys):
    with SamplingBar([8, 8, 3], unit="frames") as bar:
        for _ in range(3):
            for done in (1, 2, 3, 4):
                bar.sampling(done, 4)
        for part in (8, 8, 3):
            bar.written(part)
    last = re.split(r"[\r\n]", capsys.readouterr().err.strip())[-1]
    assert last.startswith("100%") and "19.0 of 19 frames [" in last and "so far, 00:00 left]" in last


def test_no_bar_where_none_is_to_be_shown(capsys):
    with SamplingBar([1], unit="clips", show=False) as bar:
        bar.sampling(1, 1)
        bar.written()
    assert capsys.readouterr().err == ""
