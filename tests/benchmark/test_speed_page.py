"""Tables are written where a page names a file, and nowhere else."""

import json

import pytest

from pvdm.benchmark.speed.machine import Ceiling
from pvdm.benchmark.speed.measuring import Measured
from pvdm.benchmark.speed.page import with_tables
from pvdm.benchmark.speed.report import FORMAT, entry
from pvdm.benchmark.speed.work import Work
from pvdm.errors import InputError

PAGE = "Before\n\n<!-- table of a.json -->\n```text\nold\n```\nbetween\n\n```text\nkept\n```\n"


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


def test_a_table_takes_the_place_of_the_one_before(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(document()))
    made = with_tables(PAGE, tmp_path)
    assert "Abacus, 3 threads, torch 9.9, 2026-01-02\nsize tiny, float32, batch 7\nproduct 1 GFLOP/s" in made
    assert "old" not in made and made.startswith("Before\n\n<!-- table of a.json -->\n```text\nAbacus")
    assert made.endswith("```\nbetween\n\n```text\nkept\n```\n")
    assert with_tables(made, tmp_path) == made


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"a.json is no result of pvdm benchmark speed"):
        with_tables(PAGE, tmp_path)
