"""What of a benchmark is done: JSON and arrays in a folder, each whole or absent, each with the key it was made for."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output, remove, replacing

MARK = "work/benchmark.json"
OWN = ("work", "videos", "nearest", "results.json", "index.html", ".*")
"""What a report's folder may hold."""


class Work:
    """The folder of what is done, below that of the report.

    What was stored for another key, or is damaged, counts as absent: it is done again.
    """

    def __init__(self, report: Path, key: Mapping[str, Any]) -> None:
        self.report, self.key = report, dict(key)

    def claim(self, *, overwrite: bool = False) -> None:
        """Makes the report's folder this benchmark's, which goes on with what it finds there.

        InputError if it holds a benchmark of another model, data or settings, unless `overwrite`, and if it holds
        anything else.
        """
        mark = self.report / MARK
        found = read_json(mark)
        if found == self.key:
            return
        if self.report.is_dir() and found is not None and not overwrite:
            raise InputError(
                f"{self.report} holds a benchmark of other {_differences(found, self.key)}",
                "pass --overwrite to begin anew, or choose another --output",
            )
        is_empty = self.report.is_dir() and not any(self.report.iterdir())
        check_output(self.report, overwrite=overwrite or is_empty, own=OWN)
        for name in OWN[:-1]:
            remove(self.report / name)
        write_json(mark, self.key)

    def load(self, name: str, key: Any = None) -> Any:
        """What was stored by this name for this key; None if it is not there."""
        stored = read_json(self._path(name, "json"))
        return stored["value"] if isinstance(stored, dict) and stored.get("key") == digest(key) else None

    def store(self, name: str, value: Any, key: Any = None) -> None:
        """Keeps a JSON-able value."""
        write_json(self._path(name, "json"), {"key": digest(key), "value": value})

    def load_arrays(self, name: str, key: Any = None) -> dict[str, np.ndarray] | None:
        """As `load`, of arrays by name."""
        try:
            with np.load(self._path(name, "npz"), allow_pickle=False) as stored:
                arrays = {field: stored[field] for field in stored.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None
        return arrays if str(arrays.pop("key", "")) == digest(key) else None

    def store_arrays(self, name: str, arrays: Mapping[str, np.ndarray], key: Any = None) -> None:
        """As `store`, of arrays by name."""
        with replacing(self._path(name, "npz"), overwrite=True) as temporary:
            np.savez(temporary, key=np.array(digest(key)), **arrays)

    def has(self, files: Iterable[str]) -> bool:
        """Whether all these files, by their paths below the report, are there."""
        return all((self.report / file).is_file() for file in files)

    def _path(self, name: str, suffix: str) -> Path:
        return self.report / "work" / f"{name}.{suffix}"


def write_json(path: Path, value: Any) -> None:
    """A file that is whole or absent."""
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def digest(key: Any) -> str:
    """Of anything JSON-able."""
    return sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


def read_json(path: Path) -> Any:
    """The JSON of a file; None if it is absent or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _differences(found: Any, wanted: Mapping[str, Any]) -> str:
    """The names of what is not the same."""
    found = found if isinstance(found, dict) else {}
    names = [name for name in wanted if found.get(name) != wanted[name]]
    return ", ".join(names) or "settings"
