"""Tables of a document, each written from the JSON file that is named above it."""

from __future__ import annotations

import re
from pathlib import Path

from pvdm.benchmark.speed.compare import read_document
from pvdm.benchmark.speed.report import table

BLOCK = re.compile(r"(?<=<!-- table of )([\w.-]+\.json)( -->\n)```text\n.*?```", flags=re.DOTALL)
"""A line that names the file, and below it the table."""


def with_tables(text: str, folder: Path) -> str:
    """The text with the tables of the files of this folder that it names; InputError for a file that is none."""
    return BLOCK.sub(lambda found: f"{found[1]}{found[2]}```text\n{_described(folder / found[1])}\n```", text)


def _described(path: Path) -> str:
    """What was measured where and how, and the table."""
    document = read_document(path)
    machine, settings, ceiling = (document[part] for part in ("machine", "settings", "ceiling"))
    name = machine["processor"] if machine["device"] == "cpu" else machine["name"]
    versions = f"torch {document['versions']['torch']}, {document['date'][:10]}"
    where = f"{name}, {machine['threads']} threads, {versions}"
    how = f"size {document['subject']['name']}, {ceiling['dtype']}, batch {settings['batch_size']}"
    return f"{where}\n{how}\n{table(document)}"
