"""docs/speed.md shows what docs/benchmarks/speed_*.json hold."""

from pathlib import Path

from pvdm.benchmark.speed.speed_report import FILES, TABLES, with_tables

DOCS = Path(__file__).parents[1] / "docs"


def test_tables_are_those_of_the_files():
    text = (DOCS / "speed.md").read_text(encoding="utf-8")
    assert TABLES.search(text), "the lines between which they stand"
    assert list((DOCS / "benchmarks").glob(FILES)), "there are none; run docs/benchmarks/speed.sh"
    assert with_tables(text, DOCS / "benchmarks") == text, "run tools/speed_tables.py"
