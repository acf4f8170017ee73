"""A cache on disk for the features of real clips, so that they are computed once."""

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

FORMAT = 1  # to be raised when features of the same key change

logger = logging.getLogger(__name__)


def stored(key: Mapping[str, Any], compute: Callable[[], np.ndarray], *, processes: Processes = ALONE) -> np.ndarray:
    """The features (n, d) stored under this key, or those of `compute`, which are then stored.

    key: everything that the features depend on, JSON-able. Files are below `$PVDM_CACHE` (see `cache_folder`), named by
    the digest of the key, which they contain as well. A damaged file is replaced; failing to write is only logged. The
    first process reads and writes, but all must call this.
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
        logger.info("features are not cached: this user has no home directory; set PVDM_CACHE to a folder")
        return None


def _load(path: Path | None, text: str) -> np.ndarray | None:
    """None if the file is missing or damaged, or has another key."""
    if path is None or not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            rows = content["rows"] if content["key"].item() == text else None
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
        logger.info("features are not cached: %s", error)
