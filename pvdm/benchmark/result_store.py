"""The finished parts of a benchmark: JSON and arrays in a folder, each whole or absent, each with its key."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output, remove, replacing

if TYPE_CHECKING:
    from pvdm.benchmark.context import BenchmarkContext

Arrays = dict[str, np.ndarray]
MARK = "work/benchmark.json"
OWN = ("work", "videos", "nearest", "results.json", "index.html", ".*")
"""What a report's folder may hold."""


class ResultStore:
    """The folder of finished parts, in that of the report.

    A part that was stored with another key, or is damaged, counts as absent: it is measured again.
    """

    def __init__(self, report: Path, key: Mapping[str, Any]) -> None:
        self.report, self.key = report, dict(key)

    def claim(self, *, overwrite: bool = False) -> None:
        """Makes the report's folder this benchmark's, which resumes from what it finds there.

        InputError if it holds a benchmark of another model, data or settings, unless `overwrite`, or anything else.
        """
        mark = self.report / MARK
        found = read_json(mark)
        if found == self.key:
            return
        if self.report.is_dir() and found is not None and not overwrite:
            found = found if isinstance(found, dict) else {}
            names = [name for name in self.key if found.get(name) != self.key[name]]
            raise InputError(
                f"{self.report} holds a benchmark of other {', '.join(names) or 'settings'}",
                "pass --overwrite to start anew, or choose another --output",
            )
        is_empty = self.report.is_dir() and not any(self.report.iterdir())
        check_output(self.report, overwrite=overwrite or is_empty, own=OWN)
        for name in OWN[:-1]:
            remove(self.report / name)
        write_json(mark, self.key)

    def load(self, name: str, key: Any = None) -> Any:
        """The value that was stored by this name with this key; None if there is none."""
        stored = read_json(self._path(name, "json"))
        return stored["value"] if isinstance(stored, dict) and stored.get("key") == digest(key) else None

    def store(self, name: str, value: Any, key: Any = None) -> None:
        """Stores a JSON-able value."""
        write_json(self._path(name, "json"), {"key": digest(key), "value": value})

    def load_arrays(self, name: str, key: Any = None) -> Arrays | None:
        """As `load`, for arrays by name."""
        try:
            with np.load(self._path(name, "npz"), allow_pickle=False) as stored:
                arrays = {field: stored[field] for field in stored.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None
        return arrays if str(arrays.pop("key", "")) == digest(key) else None

    def store_arrays(self, name: str, arrays: Arrays, key: Any = None) -> None:
        """As `store`, for arrays by name."""
        with replacing(self._path(name, "npz"), overwrite=True) as temporary:
            np.savez(temporary, key=np.array(digest(key)), **arrays)

    def has(self, files: Iterable[str]) -> bool:
        """Whether all these files, by their paths in the report, exist."""
        return all((self.report / file).is_file() for file in files)

    def _path(self, name: str, suffix: str) -> Path:
        return self.report / "work" / f"{name}.{suffix}"


def rows_of(
    context: BenchmarkContext,
    name: str,
    count: int,
    measure: Callable[[Sequence[int]], Arrays],
    *,
    key: Any = None,
    files: Callable[[Sequence[int]], Sequence[str]] = lambda numbers: (),
) -> Arrays:
    """Rows of numbers for clips 0 to `count` - 1, measured in chunks that are stored; all processes must call it.

    A chunk always holds the same clips, so that its rows have the same bits in any number of processes, and after an
    interruption only missing chunks are measured.

    Args:
        context: Where chunks are stored, and how large they are.
        name: Of their folder.
        count: Clips.
        measure: The numbers of a chunk's clips -> arrays by name, a row for each clip (or for some of the first).
        key: Everything that the rows depend on besides the benchmark's own key; JSON-able.
        files: The numbers of a chunk's clips -> the files in the report that `measure` writes; a chunk that lacks one
            of them is measured again.
    """
    size, store = context.plan.batch_size, context.store
    starts = range(0, count, size)
    chunks = {f"{name}/{n:06d}": range(start, min(start + size, count)) for n, start in enumerate(starts)}
    missing = context.alone(
        lambda _: [n for n, clips in chunks.items() if not store.has(files(clips)) or store.load_arrays(n, key) is None]
    )
    is_silent = not context.processes.is_main or not missing
    for chunk in tqdm(context.processes.share(missing), desc=name, unit="chunk", disable=is_silent):
        store.store_arrays(chunk, measure(chunks[chunk]), key)
    context.processes.barrier()
    loaded = [store.load_arrays(chunk, key) for chunk in chunks]
    if any(rows is None for rows in loaded):
        raise InputError(
            f"a part of {name} that another process has made is not in {store.report}",
            "give an --output that all processes see",
        )
    return {field: np.concatenate([rows[field] for rows in loaded if field in rows]) for field in (loaded or [{}])[0]}


def write_json(path: Path, value: Any) -> None:
    """A file that is whole or absent."""
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The JSON of a file; None if it is absent or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def digest(key: Any) -> str:
    """Of anything JSON-able."""
    return sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
