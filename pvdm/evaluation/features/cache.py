"""Features of real clips on disk, so that they are measured once."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from pvdm.data.index_cache import cache_folder
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing
from pvdm.runtime.processes import ALONE, Processes

FORMAT = 1  # of the file; raised whenever features of the same key have become different

logger = logging.getLogger(__name__)


def stored(key: Mapping[str, Any], compute: Callable[[], np.ndarray], *, processes: Processes = ALONE) -> np.ndarray:
    """The features (n, d) that were computed with this key before, or else those of `compute`, which are kept.

    key: all that they depend on, JSON-able. They lie below `$PVDM_CACHE` (see `cache_folder`), in a file named by the
    digest of the key, which is in it too; a file that is damaged is written anew, and one that cannot be written is a
    line of the log. The first process reads and writes; all must call it.
    """
    text = json.dumps({"format": FORMAT, **key}, sort_keys=True, allow_nan=False)
    path = _path(text)
    rows = processes.gather(_load(path, text) if processes.is_main else None)[0]
    if rows is None:
        rows = compute()
        if processes.is_main:
            _save(path, text, rows)
    return rows


def _path(text: str) -> Path | None:
    try:
        return cache_folder() / "features" / f"{sha256(text.encode()).hexdigest()}.npz"
    except RuntimeError:
        logger.info("features are not kept: this user has no home; PVDM_CACHE can name a folder")
        return None


def _load(path: Path | None, text: str) -> np.ndarray | None:
    """None if there is no such file, or no whole one, or one of another key."""
    if path is None or not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            rows = kept["rows"] if kept["key"].item() == text else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, RuntimeError, MemoryError, TypeError, AttributeError):
        rows = None
    return rows if rows is not None and rows.dtype == np.float64 and rows.ndim == 2 and len(rows) else None


def _save(path: Path | None, text: str, rows: np.ndarray) -> None:
    if path is None:
        return
    try:
        with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
            np.savez(file, key=np.array(text), rows=np.asarray(rows, dtype=np.float64))
    except InputError as error:
        logger.info("features are not kept: %s", error)
