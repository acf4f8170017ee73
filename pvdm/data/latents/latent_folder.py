"""A folder of latents: an index that is written last, and shards."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pvdm.data.latents.encoding_plan import FORMAT, SHARDS, VERSION, LatentPlan, Shard
from pvdm.data.latents.shards import is_whole
from pvdm.errors import InputError, outside_cause, unread
from pvdm.files.atomic_write import check_output, remove, write_through

INDEX, PLAN = "index.json", "plan.json"
"""What is complete has an index; before, the same without the sizes of the shards is the plan."""

OWN = (INDEX, PLAN, SHARDS, ".latents-*.safetensors", ".index.*.json", ".plan.*.json")
"""Patterns of what such a folder may hold."""


def open_latents(folder: Path) -> LatentPlan:
    """What a complete folder holds; InputError if it is none, is not finished, or lacks a part of a shard."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", "give one that pvdm encode has written")
    if not (folder / INDEX).is_file():
        if (folder / PLAN).is_file():
            raise InputError(
                f"the latents in {folder} are not finished",
                "give the pvdm encode command again, which goes on with them",
            )
        raise InputError(f"{folder} holds no {INDEX}", "give a folder that pvdm encode has written")
    stored, plan = _read(folder / INDEX)
    for shard, size in zip(plan.shards(), stored["bytes"], strict=True):
        _check_size(folder / shard.file, size)
    _ = plan.digest  # once, before workers are forked
    return plan


def check_place(folder: Path) -> None:
    """InputError if a folder is there that holds anything but latents."""
    if folder.exists():
        check_output(folder, overwrite=True, own=OWN)


def begin(folder: Path, plan: LatentPlan, *, overwrite: bool = False) -> list[Shard]:
    """The shards that are missing or damaged; makes the folder for the plan, or goes on with the one that is there.

    InputError that names the difference if there are latents of another plan, unless `overwrite`, and in any case if
    the folder holds anything else. Whole shards of the plan are kept even so, and if its index cannot be read.
    """
    check_place(folder)
    missing = [shard for shard in plan.shards() if not is_whole(folder, shard, plan)]
    kept = {shard.file for shard in plan.shards()} - {shard.file for shard in missing}
    before = _plan_in(folder, damaged_ok=overwrite or bool(kept))
    differences = plan.differences(before) if before else []
    if differences and not overwrite:
        raise InputError(
            f"{folder} holds other latents: {'; '.join(differences)}",
            "make these agree, choose another --output, or pass --overwrite",
        )
    if differences or before is None:
        _clear(folder, kept)
        _write(folder / PLAN, plan.to_json())
    for left in folder.glob(".*"):  # by a process that was killed
        remove(left)
    return missing


def finish(folder: Path, plan: LatentPlan) -> None:
    """Writes the index, with which the folder is complete."""
    sizes = [(folder / shard.file).stat().st_size for shard in plan.shards()]
    versions = {name: version(name) for name in ("pvdm", "torch")}
    counts = {"clips": plan.clips, "mirrored": plan.mirrored}
    _write(folder / INDEX, {**plan.to_json(), "counts": counts, "bytes": sizes, "versions": versions})
    remove(folder / PLAN)


def _plan_in(folder: Path, *, damaged_ok: bool) -> LatentPlan | None:
    """The plan of what has been begun in a folder; None if there is none, or if it is damaged and that is ok."""
    found = next((folder / name for name in (INDEX, PLAN) if (folder / name).is_file()), None)
    try:
        return found and _read(found)[1]
    except InputError:
        if damaged_ok:
            return None
        raise


def _clear(folder: Path, kept: Container[str]) -> None:
    """Removes all but some files; the index first: without it nothing takes the rest for complete."""
    for pattern in OWN:
        for path in folder.glob(pattern):
            if path.name not in kept:
                remove(path)


def _read(path: Path) -> tuple[dict[str, Any], LatentPlan]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise InputError(f"{path} is not an index of latents", "give a folder that pvdm encode has written")
        if stored["version"] != VERSION:
            raise InputError(
                f"{path} is of version {stored['version']} of the format, and this pvdm reads {VERSION}",
                "encode anew with --overwrite",
            )
        plan = LatentPlan.from_json(stored)
        if path.name == INDEX and len(_sizes(stored)) != len(plan.shards()):
            raise ValueError("it does not list the shards")
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        if cause := outside_cause(error):
            raise unread(path, cause) from error
        raise InputError(f"{path} is damaged ({type(error).__name__})", "encode anew with --overwrite") from error
    return stored, plan


def _sizes(stored: dict[str, Any]) -> Sequence[int]:
    return [int(size) for size in stored["bytes"]]


def _check_size(path: Path, size: int) -> None:
    """A file that is cut off is found before training begins, not in the middle of it."""
    remedy = "give the pvdm encode command that made it again, which mends it"
    if not path.is_file():
        raise InputError(f"{path} is missing", remedy)
    if path.stat().st_size != size:
        raise InputError(f"{path} has {path.stat().st_size} bytes and should have {size}", remedy)


def _write(path: Path, content: dict[str, Any]) -> None:
    write_through(path, f"{json.dumps(content)}\n".encode())
