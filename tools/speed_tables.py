"""Writes the tables of docs/speed.md from docs/benchmarks/speed_*.json."""

from __future__ import annotations

import re
from pathlib import Path

from pvdm.benchmark.speed.speed_report import read_speed, table

DOCS = Path(__file__).parents[1] / "docs"
TABLES = re.compile(r"(?<=<!-- tables -->\n).*?(?=<!-- end of tables -->)", flags=re.DOTALL)
"""The place of the tables in a document."""

FILES = "speed_*.json"
FASTER = {"compile": "compiled", "cuda_graphs": "CUDA graphs"}
"""Settings that a document's table mentions when they are on."""


def main() -> None:
    page = DOCS / "speed.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8"), DOCS / "benchmarks"), encoding="utf-8")


def with_tables(text: str, folder: Path) -> str:
    """The document with a table for each file of the folder; InputError for a file of another kind."""
    tables = "\n".join(_described(path) for path in sorted(folder.glob(FILES)))
    return TABLES.sub(lambda _: tables, text)


def _described(path: Path) -> str:
    """What was measured, on what, how, and the table."""
    document = read_speed(path)
    machine, settings, ceiling = (document[part] for part in ("machine", "settings", "ceiling"))
    name = machine["processor"] if machine["device"] == "cpu" else machine["name"]
    where = f"{name}, {machine['threads']} threads, torch {document['versions']['torch']}, {document['date'][:10]}"
    how = f"size {document['subject']['name']}, {ceiling['dtype']}, batch {settings['batch_size']}"
    how += "".join(f", {words}" for name, words in FASTER.items() if settings.get(name))
    return f"`{path.name}`: {where}; {how}.\n\n```text\n{table(document)}\n```\n"


if __name__ == "__main__":
    main()
