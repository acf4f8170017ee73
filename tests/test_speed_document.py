"""docs/speed.md shows what docs/benchmarks/speed_*.json hold."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
TOOL = runpy.run_path(str(DOCS.parent / "tools" / "speed_tables.py"))


def test_tables_are_those_of_the_files():
    text = (DOCS / "speed.md").read_text(encoding="utf-8")
    assert TOOL["TABLES"].search(text), "the lines between which they stand"
    assert list((DOCS / "benchmarks").glob(TOOL["FILES"])), "there are none; run docs/benchmarks/speed.sh"
    assert TOOL["with_tables"](text, DOCS / "benchmarks") == text, "run tools/speed_tables.py"
