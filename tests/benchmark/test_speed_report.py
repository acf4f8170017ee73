"""Entries, the table, the comparison of two files, and the tables of a document."""

import copy
import json
import runpy
from pathlib import Path

import pytest

from pvdm.benchmark.speed.measuring import Measured
from pvdm.benchmark.speed.speed_report import FORMAT, comparison, differences, entry, read_speed, table
from pvdm.errors import InputError

with_tables = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "speed_tables.py"))["with_tables"]

CEILING = 1000.0


def found(*seconds: float, **more) -> Measured:
    return Measured(list(seconds), peak=3 << 30, flops=500, **more)


def document(*entries: dict) -> dict:
    return {
        "format": FORMAT,
        "subject": {"name": "tiny", "autoencoder": {"frames": 16}},
        "settings": {"precision": "32"},
        "machine": {"threads": 2},
        "versions": {"pvdm": "0.1", "torch": "2.11"},
        "ceiling": {"flops_per_second": 2e9},
        "tasks": list(entries),
    }


def test_an_entry():
    made = entry("encode", found(4.0, 2.0, 1.0), CEILING, unit="clip", batch=4)
    assert (made["seconds"], made["all_seconds"]) == (2.0, [4.0, 2.0, 1.0])
    assert (made["items"], made["items_per_second"]) == (4, 2.0)
    assert made["share_of_product"] == 500 / 2.0 / 1000.0
    assert entry("read", "there is none", CEILING, unit="clip", batch=1) == {"task": "read", "missing": "there is none"}


def test_a_table_is_aligned_and_says_what_is_missing():
    entries = [
        entry("encode", found(4.0, 2.0, 1.0), CEILING, unit="clip", batch=1),
        entry("stage1_step", "the memory is full", CEILING, unit="clip", batch=1),
        entry("stream", found(2.0, items=128), CEILING, unit="frame", batch=1)
        | {"first_clip_seconds": 0.25, "frames_per_second_after_it": 64.0},
    ]
    lines = table(document(*entries)).splitlines()
    assert lines[0] == "product 2 GFLOP/s"
    assert lines[2].split()[:8] == ["encode", "2", "s", "1", "s", "4", "s", "3"] and "25%" in lines[2]
    assert lines[3].split() == ["stage1_step", *"-" * 8]
    ends = {lines[number].find("3.00") for number in (2, 4)}
    assert len(ends) == 1 and -1 not in ends, "columns stand below each other"
    assert lines[5:] == [
        "stage1_step: the memory is full",
        "stream: the first clip after 250 ms, then 64 frames per second",
    ]
    assert "ratio" not in lines[1]
    plain = {"plain": {"seconds": 1.5}, "ratio_to_plain": 1.5}
    before = {**entry("encode", found(1.0), CEILING, unit="clip", batch=1), **plain}  # as in files of version 0.1
    assert table(document(before)).splitlines()[2].split()[-1] == "1.50"


def test_two_documents_side_by_side():
    old = document(*(entry(name, found(4.0), CEILING, unit="clip", batch=1) for name in ("encode", "read")))
    new = document(entry("encode", found(4.0), CEILING, unit="clip", batch=2))
    lines = comparison(old, new).splitlines()
    assert lines[1].split() == ["encode", "4", "s", "4", "s", "2.00"], "of each item, of which there are two now"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("part", "values", "wanted"),
    [
        ("settings", {"precision": "bf16"}, ["settings: precision was 32 and is bf16"]),
        ("machine", {"threads": 1}, ["machine: threads was 2 and is 1"]),
        ("subject", {"autoencoder": {"frames": 8}}, ["subject: autoencoder was {'frames': 16} and is {'frames': 8}"]),
        ("versions", {"pvdm": "0.2"}, []),
    ],
)
def test_what_differs_is_named(part, values, wanted):
    old, new = document(), copy.deepcopy(document())
    new[part] |= values
    assert differences(old, new) == wanted


def test_a_file_that_was_read_equals_what_was_written():
    new = {**document(), "subject": {"name": "tiny", "denoiser": {"channel_multipliers": (1, 2)}}}
    assert differences(json.loads(json.dumps(new)), new) == []


def test_a_missing_figure_is_compared_with_nothing():
    old, new = (document(entry("encode", value, CEILING, unit="clip", batch=1)) for value in ("no memory", found(1.0)))
    assert comparison(old, new).splitlines() == ["task  old  new  times as fast"]


@pytest.mark.parametrize("text", ["", "[]", '{"format": "pvdm-evaluation"}', json.dumps({"format": FORMAT})])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"old.json is no result of pvdm benchmark speed; give the file of its --out"):
        read_speed(path)


PAGE = "Before\n\n<!-- tables -->\nold\n<!-- end of tables -->\nafter\n"


def whole_document() -> dict:
    found = Measured([2.0], peak=None, flops=10**9)
    return {
        "format": FORMAT,
        "date": "2026-01-02T03:04:05+00:00",
        "versions": {"torch": "9.9"},
        "machine": {"device": "cpu", "name": "x86_64", "processor": "Abacus", "threads": 3},
        "subject": {"name": "tiny"},
        "settings": {"batch_size": 7},
        "ceiling": {"dtype": "float32", "flops_per_second": 1e9},
        "tasks": [entry("encode", found, 1e9, unit="clip", batch=7)],
    }


def test_tables_take_the_place_of_those_before(tmp_path):
    for name in ("speed_b.json", "speed_a.json", "other.json"):
        (tmp_path / name).write_text(json.dumps(whole_document()))
    made = with_tables(PAGE, tmp_path)
    told = "Abacus, 3 threads, torch 9.9, 2026-01-02; size tiny, float32, batch 7.\n\n```text\nproduct 1 GFLOP/s"
    assert made.startswith(f"Before\n\n<!-- tables -->\n`speed_a.json`: {told}")
    assert f"\n```\n\n`speed_b.json`: {told}" in made and "other" not in made and "old" not in made
    assert made.endswith("\n```\n<!-- end of tables -->\nafter\n")
    assert with_tables(made, tmp_path) == made


def test_what_makes_it_faster_is_said(tmp_path):
    found = whole_document()
    found["settings"] |= {"compile": True, "cuda_graphs": True}
    (tmp_path / "speed_a.json").write_text(json.dumps(found))
    assert "size tiny, float32, batch 7, compiled, CUDA graphs.\n" in with_tables(PAGE, tmp_path)


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "speed_a.json").write_text("{}")
    with pytest.raises(InputError, match=r"speed_a.json is no result of pvdm benchmark speed"):
        with_tables(PAGE, tmp_path)
