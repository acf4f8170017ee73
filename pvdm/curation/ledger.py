"""Results of steps, a small file each: what makes a run resumable, and equal for any engine and number of workers."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.errors import InputError
from pvdm.files.atomic_write import remove, replacing

RESULT, SUFFIX = "result", ".npz"
DAMAGE = (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged file raises."""


class LedgerError(InputError):
    """The ledger cannot be written, which no other file would change."""


@dataclass(frozen=True)
class Entry:
    """What a step has found: JSON-able values, and arrays by name."""

    values: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class Ledger:
    """A folder of results by key; those that were made with other settings count as absent.

    A result is written under a temporary name and renamed, so it is there whole or not at all. Any number of processes
    on any number of machines that share the folder may write to it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def get(self, key: str, settings: Mapping[str, Any]) -> Entry | None:
        """The result under a key, or None if there is none that was made with these settings."""
        return self._read(key, settings, with_arrays=True)

    def has(self, key: str, settings: Mapping[str, Any]) -> bool:
        """Whether there is a result that was made with these settings; its arrays are not read."""
        return self._read(key, settings, with_arrays=False) is not None

    def _read(self, key: str, settings: Mapping[str, Any], *, with_arrays: bool) -> Entry | None:
        try:
            with np.load(self._path(key), allow_pickle=False) as stored:
                content = json.loads(stored[RESULT].tobytes())
                if content["settings"] != _plain(settings):
                    return None
                names = content["arrays"] if with_arrays else []
                return Entry(content["values"], {name: stored[name] for name in names})
        except DAMAGE:
            return None

    def put(self, key: str, settings: Mapping[str, Any], entry: Entry) -> None:
        """Writes a result; `LedgerError` if the disk is full or refuses."""
        said = {"settings": _plain(settings), "values": entry.values, "arrays": list(entry.arrays)}
        content = json.dumps(said).encode()
        buffer = BytesIO()
        np.savez_compressed(buffer, **{RESULT: np.frombuffer(content, np.uint8)}, **entry.arrays)
        try:
            with replacing(self._path(key), overwrite=True) as temporary:
                temporary.write_bytes(buffer.getbuffer())
        except InputError as error:
            raise LedgerError(error.problem, "make room and run the same command again") from error

    def remove_temporary(self) -> None:
        """Deletes what killed runs have left; no other run may be at work."""
        for path in self.folder.rglob(f".*{SUFFIX}"):
            remove(path)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON gives them back, to be compared."""
    return json.loads(json.dumps(settings, sort_keys=True))
