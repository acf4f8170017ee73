"""Tables of all files are written between two lines of a page, and nowhere else."""

import json

import pytest

from pvdm.benchmark.speed.machine import Ceiling
from pvdm.benchmark.speed.measuring import Measured
from pvdm.benchmark.speed.page import with_tables
from pvdm.benchmark.speed.report import FORMAT, entry
from pvdm.benchmark.speed.work import Work
from pvdm.errors import InputError

PAGE = "Before\n\n<!-- tables -->\nold\n<!-- end of tables -->\nafter\n"


def document() -> dict:
    found = Measured([2.0], peak=None, held=None, work=Work(10**9, 10**9))
    return {
        "format": FORMAT,
        "date": "2026-01-02T03:04:05+00:00",
        "versions": {"torch": "9.9"},
        "machine": {"device": "cpu", "name": "x86_64", "processor": "Abacus", "threads": 3},
        "subject": {"name": "tiny"},
        "settings": {"batch_size": 7},
        "ceiling": {"dtype": "float32", "flops_per_second": 1e9, "bytes_per_second": 1e9},
        "tasks": [entry("encode", found, Ceiling(1e9, 1e9), unit="clip", batch=7)],
    }


def test_tables_take_the_place_of_those_before(tmp_path):
    for name in ("speed_b.json", "speed_a.json", "other.json"):
        (tmp_path / name).write_text(json.dumps(document()))
    made = with_tables(PAGE, tmp_path)
    told = "Abacus, 3 threads, torch 9.9, 2026-01-02; size tiny, float32, batch 7.\n\n```text\nproduct 1 GFLOP/s"
    assert made.startswith(f"Before\n\n<!-- tables -->\n`speed_a.json`: {told}")
    assert f"\n```\n\n`speed_b.json`: {told}" in made and "other" not in made and "old" not in made
    assert made.endswith("\n```\n<!-- end of tables -->\nafter\n")
    assert with_tables(made, tmp_path) == made


def test_what_makes_it_faster_is_said(tmp_path):
    found = document()
    found["settings"] |= {"compile": True, "cuda_graphs": True}
    (tmp_path / "speed_a.json").write_text(json.dumps(found))
    assert "size tiny, float32, batch 7, compiled, CUDA graphs.\n" in with_tables(PAGE, tmp_path)


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "speed_a.json").write_text("{}")
    with pytest.raises(InputError, match=r"speed_a.json is no result of pvdm benchmark speed"):
        with_tables(PAGE, tmp_path)
