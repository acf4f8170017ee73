"""The output folder of a bench, which the same command resumes and no other may touch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pvdm.errors import InputError
from pvdm.files.atomic_write import remove, replacing


def claim_folder(
    folder: Path, mark: str, key: Mapping[str, Any], *, overwrite: bool, parts: Sequence[str], what: str = "bench"
) -> None:
    """Makes a folder that of the bench that `key` describes, by a file `mark` in it.

    `InputError` if it holds anything else: another bench, unless that may be overwritten, of which `parts` are then
    deleted, or other files.
    """
    wanted = json.loads(json.dumps(key, default=str))
    file = folder / mark
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    if found == wanted:
        return
    if folder.is_dir() and any(folder.iterdir()):
        if found is None or not overwrite:
            other = [name for name in wanted if found and found.get(name) != wanted[name]]
            holds = f"a {what} of other {', '.join(other)}" if found else "other files"
            raise InputError(
                f"{folder} holds {holds}", "choose another --output" + (", or pass --overwrite" if found else "")
            )
        for name in parts:
            remove(folder / name)
    folder.mkdir(parents=True, exist_ok=True)
    store_json(file, wanted)


def store_json(file: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file in one step."""
    with replacing(file, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
