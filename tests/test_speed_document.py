"""docs/speed.md shows what docs/benchmarks/speed_*.json hold, and all of them."""

from pathlib import Path

from pvdm.benchmark.speed.page import BLOCK, with_tables

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "speed.md").read_text(encoding="utf-8")


def test_tables_are_those_of_the_files():
    assert with_tables(TEXT, DOCS / "benchmarks") == TEXT, "run tools/speed_tables.py"


def test_every_file_is_shown():
    named = {found[1] for found in BLOCK.finditer(TEXT)}
    assert named == {path.name for path in (DOCS / "benchmarks").glob("speed_*.json")}
