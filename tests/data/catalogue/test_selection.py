"""Selections: each condition with what it removes, presets with the shares of the clips at hand, nothing lost."""

import numpy as np
import pytest

from pvdm.data.catalogue.clip_table import CLIPS, ClipTable, read_clips, table_of, write_clips
from pvdm.data.catalogue.presets import PRESETS
from pvdm.data.catalogue.selection import check_some_left, for_training, select
from pvdm.data.catalogue.where import passing
from pvdm.errors import InputError

HOUR = 90_000  # frames at 25 per second


def clip(number: int, frames: int = HOUR, **scores) -> dict:
    span = {"first_frame": 10, "last_frame": 9 + frames, "start_seconds": 0.4, "end_seconds": 0.4 + frames / 25}
    return {"id": str(number), "file": f"{number}.mp4", "fps": 25.0, **span, "cuts": 0, **scores}


def clips_of(tmp_path, rows, **metadata) -> ClipTable:
    content = {"root": "/videos", "steps": {"cuts": {}, "duplicates": {}}, **metadata}
    write_clips(tmp_path / CLIPS, table_of(rows), content, overwrite=True)
    return read_clips(tmp_path)


def ids(selected) -> list[str]:
    return selected.clips.table.column("id").to_pylist()


def test_the_default_has_a_reason_for_each_condition(tmp_path):
    rows = [
        clip(0),
        clip(1, cuts=1),
        clip(2, frames=15),
        clip(3, frames=16),
        clip(4, duplicate_of="0"),
        clip(5, cuts=2, duplicate_of="0"),
        {"file": "broken.mp4", "error": "no video"},
    ]
    selected = select(clips_of(tmp_path, rows))
    assert ids(selected) == ["0", "3"]
    removed = {one.expression: (one.clips, one.left, bool(one.reason)) for one in selected.removals}
    assert removed == {
        "not error": (1, 6, True),
        "frames >= 16": (1, 5, True),
        "cuts == 0": (2, 3, True),
        "not duplicate_of": (1, 2, True),
    }
    hours = [one.hours for one in selected.removals]
    assert hours == pytest.approx([0, 15 / HOUR, 2, 1])
    assert selected.removals[-1].left_hours == pytest.approx(1 + 16 / HOUR)
    where = "not error and frames >= 16 and cuts == 0 and not duplicate_of"
    assert selected.clips.selection == {"where": where, "preset": "default", "of": 7, "kept": 2}


def test_an_expression_replaces_the_default_but_not_what_makes_a_file_usable(tmp_path):
    rows = [clip(0, cuts=3), clip(1, frames=2, duplicate_of="0"), {"file": "broken.mp4", "error": "no video"}]
    selected = select(clips_of(tmp_path, rows), where="cuts >= 0")
    assert ids(selected) == ["0", "1"] and selected.preset is None
    assert ids(select(selected.clips, where="cuts >= 0", frames=3)) == ["0"]
    assert ids(select(selected.clips, where="cuts >= 0", preset="default")) == []


def test_a_selection_of_a_selection_says_what_selects_the_same_from_the_whole(tmp_path):
    whole = clips_of(tmp_path, [clip(n, motion=n / 10, text_area=0.01 * (n % 4)) for n in range(12)])
    first = select(whole, where="motion > 0.2 or cuts > 3")
    second = select(first.clips, where="text_area < 0.02 and motion > 0.2")
    record = second.clips.selection
    assert record["of"] == 12 and record["kept"] == len(second.clips) == 4
    again = whole.table.filter(passing(record["where"], whole.table))
    assert again.equals(second.clips.table)
    unchanged = select(second.clips)
    assert unchanged.clips.table.equals(second.clips.table) and unchanged.clips.selection == record


def test_shares_are_those_of_the_clips_that_pass_the_conditions(tmp_path):
    """Of 20 clips without a cut 5 go for their motion and 5 for their text; clips with a cut do not count."""
    random = np.random.default_rng(0)
    motion, text = random.permutation(20) / 10, random.permutation(20) / 1000
    rows = [clip(n, motion=motion[n], text_area=text[n]) for n in range(20)]
    rows += [clip(20 + n, motion=0.0, text_area=0.05, cuts=1) for n in range(20)]
    rows += [clip(50, motion=5.0, text_area=0.2)]
    selected = select(clips_of(tmp_path, rows), preset="svd")
    wanted = [str(n) for n in range(20) if motion[n] >= 0.5 and text[n] < 0.015]
    assert ids(selected) == wanted
    shares = [one for one in selected.removals if one.title != one.expression]
    assert [one.title for one in shares] == ["25% with the lowest motion out", "25% with the highest text_area out"]
    assert shares[0].expression == "motion >= 0.5" and shares[0].clips == 5
    assert [missing.split(" (")[0] for missing in selected.not_applied] == [
        "watermark_area <= 0.07",
        "25% with the lowest aesthetics out",
        "50% with the lowest text_similarity out",
    ]


def test_the_threshold_of_a_share_is_exact_in_the_precision_of_its_column(tmp_path):
    scores = np.random.default_rng(1).random(37).astype(np.float32)
    whole = clips_of(tmp_path, [clip(n, motion=float(scores[n]), text_area=0.0) for n in range(37)])
    selected = select(whole, preset="svd")
    assert ids(selected) == [str(n) for n in range(37) if scores[n] >= np.sort(scores)[round(37 / 4)]]
    again = whole.table.filter(passing(selected.clips.selection["where"], whole.table))
    assert again.equals(selected.clips.table)


def test_equal_scores_go_or_stay_together(tmp_path):
    rows = [clip(n, motion=1.0, text_area=0.0 if n < 9 else 0.03) for n in range(10)]
    assert ids(select(clips_of(tmp_path, rows), preset="svd")) == [str(n) for n in range(9)]


def test_what_no_clip_has_is_named_and_not_applied(tmp_path):
    rows = [clip(0, cuts=None), clip(1, cuts=None)]
    selected = select(clips_of(tmp_path, rows, steps={"motion": {}}), preset="open-sora")
    assert ids(selected) == ["0", "1"]
    assert selected.not_applied == [
        "cuts == 0 (no clip has cuts)",
        "not duplicate_of (no clip has duplicate_of)",
        "aesthetics >= 5 (no clip has aesthetics)",
    ]


def test_scores_of_ones_own_are_used_by_presets(tmp_path):
    rows = [clip(n, aesthetics=4.0 + n) for n in range(3)]
    assert ids(select(clips_of(tmp_path, rows), preset="open-sora")) == ["1", "2"]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_names_its_source_and_what_it_leaves_open(preset, tmp_path):
    assert all((PRESETS[preset].source, PRESETS[preset].fixes, PRESETS[preset].leaves_open))
    rows = [clip(n, motion=n, text_area=0.0) for n in range(4)]
    assert ids(select(clips_of(tmp_path, rows), preset=preset)) == ([*"123"] if preset == "svd" else [*"0123"])


def test_an_empty_selection_says_what_removed_the_last_clips(tmp_path):
    selected = select(clips_of(tmp_path, [clip(0), clip(1)]), where="cuts == 0 and motion > 1 and cuts < 9")
    with pytest.raises(InputError, match="is left: motion > 1 removes the last 2"):
        check_some_left(selected)
    with pytest.raises(InputError, match=r"clips\.parquet has no clips"):
        check_some_left(select(clips_of(tmp_path, [])))


def test_training_takes_a_selection_as_it_is_and_the_default_of_a_catalogue(tmp_path):
    rows = [clip(0, frames=4), clip(1, cuts=1), {"file": "broken.mp4", "error": "no video"}]
    catalogue = clips_of(tmp_path, rows)
    assert for_training(catalogue).table.column("id").to_pylist() == ["0"]
    chosen = clips_of(tmp_path, rows, selection={"where": "by hand", "of": 9, "kept": 3})
    assert for_training(chosen).table.column("id").to_pylist() == ["0", "1"]
    with pytest.raises(InputError, match=r"the selection .* has no clips"):
        for_training(clips_of(tmp_path, rows[2:], selection={"where": "by hand"}))
