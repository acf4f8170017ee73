"""Writes the tables of docs/speed.md from docs/benchmarks/speed_*.json."""

from pathlib import Path

from pvdm.benchmark.speed.speed_report import with_tables

docs = Path(__file__).parents[1] / "docs"
page = docs / "speed.md"
page.write_text(with_tables(page.read_text(encoding="utf-8"), docs / "benchmarks"), encoding="utf-8")
