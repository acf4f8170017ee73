"""The tables of a page, written from the files of measurements."""

from __future__ import annotations

import re
from pathlib import Path

from pvdm.benchmark.speed.compare import read_document
from pvdm.benchmark.speed.report import table

PLACE = re.compile(r"(?<=<!-- tables -->\n).*?(?=<!-- end of tables -->)", flags=re.DOTALL)
"""Between two lines of the page."""

FILES = "speed_*.json"
FASTER = {"compile": "compiled", "cuda_graphs": "CUDA graphs"}
"""What the page says of settings that are on."""


def with_tables(text: str, folder: Path) -> str:
    """The page with a table of each of the folder's files; InputError for a file that is none of measurements."""
    tables = "\n".join(_described(path) for path in sorted(folder.glob(FILES)))
    return PLACE.sub(lambda _: tables, text)


def _described(path: Path) -> str:
    """What was measured where and how, and the table."""
    document = read_document(path)
    machine, settings, ceiling = (document[part] for part in ("machine", "settings", "ceiling"))
    name = machine["processor"] if machine["device"] == "cpu" else machine["name"]
    where = f"{name}, {machine['threads']} threads, torch {document['versions']['torch']}, {document['date'][:10]}"
    how = f"size {document['subject']['name']}, {ceiling['dtype']}, batch {settings['batch_size']}"
    how += "".join(f", {said}" for name, said in FASTER.items() if settings.get(name))
    return f"`{path.name}`: {where}; {how}.\n\n```text\n{table(document)}\n```\n"
