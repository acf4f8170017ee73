"""A folder of latents: shards, and an index that is written last."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pvdm.data.latents.encoding_plan import FORMAT, SHARDS, VERSION, LatentPlan, Shard
from pvdm.data.latents.shards import REPAIR, is_intact
from pvdm.errors import InputError, outside_cause, unread
from pvdm.files.atomic_write import check_output, remove, write_through

INDEX, PLAN = "index.json", "plan.json"
"""A complete folder has an index; until then the plan, the same without the sizes of the shards."""

OWN = (INDEX, PLAN, SHARDS, ".latents-*.safetensors", ".index.*.json", ".plan.*.json")
"""Patterns of the files that such a folder may hold."""


def open_latents(folder: Path) -> LatentPlan:
    """The plan of a complete folder; InputError if it is not one, is unfinished, or a shard is missing or truncated."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", "give one that pvdm encode has written")
    if not (folder / INDEX).is_file():
        if (folder / PLAN).is_file():
            raise InputError(
                f"the latents in {folder} are not finished",
                "run the pvdm encode command again to resume it",
            )
        raise InputError(f"{folder} holds no {INDEX}", "give a folder that pvdm encode has written")
    stored, plan = _read(folder / INDEX)
    for shard, size in zip(plan.shards(), stored["bytes"], strict=True):
        _check_size(folder / shard.file, size)
    _ = plan.digest  # computed once, before workers are forked
    return plan


def check_place(folder: Path) -> None:
    """InputError if the folder exists and holds anything but latents."""
    if folder.exists():
        check_output(folder, overwrite=True, own=OWN)


def begin(folder: Path, plan: LatentPlan, *, overwrite: bool = False) -> list[Shard]:
    """Creates the folder for the plan, or resumes an existing one -> the shards that are missing or damaged.

    InputError that names the differences if the folder holds latents of another plan, unless `overwrite`, and in any
    case if it holds anything else. Intact shards of the plan are always kept, even if the index cannot be read.
    """
    check_place(folder)
    missing = [shard for shard in plan.shards() if not is_intact(folder, shard, plan)]
    intact = {shard.file for shard in plan.shards()} - {shard.file for shard in missing}
    previous = _plan_in(folder, damaged_ok=overwrite or bool(intact))
    differences = plan.differences(previous) if previous else []
    if differences and not overwrite:
        raise InputError(
            f"{folder} holds other latents: {'; '.join(differences)}",
            "use the same settings, choose another --output, or pass --overwrite",
        )
    if differences or previous is None:
        _clear(folder, keep=intact)
        _write(folder / PLAN, plan.to_json())
    for leftover in folder.glob(".*"):  # of a process that was killed
        remove(leftover)
    return missing


def finish(folder: Path, plan: LatentPlan) -> None:
    """Writes the index, which makes the folder complete."""
    sizes = [(folder / shard.file).stat().st_size for shard in plan.shards()]
    versions = {name: version(name) for name in ("pvdm", "torch")}
    counts = {"clips": plan.clips, "mirrored": plan.mirrored}
    _write(folder / INDEX, {**plan.to_json(), "counts": counts, "bytes": sizes, "versions": versions})
    remove(folder / PLAN)


def _plan_in(folder: Path, *, damaged_ok: bool) -> LatentPlan | None:
    """The plan that a folder was started with; None if it has none, or has a damaged one and that is accepted."""
    path = next((folder / name for name in (INDEX, PLAN) if (folder / name).is_file()), None)
    try:
        return path and _read(path)[1]
    except InputError:
        if damaged_ok:
            return None
        raise


def _clear(folder: Path, *, keep: Container[str]) -> None:
    """Removes all files except those to keep, the index first, so that the folder no longer counts as complete."""
    for pattern in OWN:
        for path in folder.glob(pattern):
            if path.name not in keep:
                remove(path)


def _read(path: Path) -> tuple[dict[str, Any], LatentPlan]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise InputError(f"{path} is not an index of latents", "give a folder that pvdm encode has written")
        if stored["version"] != VERSION:
            raise InputError(
                f"{path} is of version {stored['version']} of the format, and this pvdm reads {VERSION}",
                "encode again with --overwrite",
            )
        plan = LatentPlan.from_json(stored)
        if path.name == INDEX and len(_sizes(stored)) != len(plan.shards()):
            raise ValueError("it does not list the shards")
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        if cause := outside_cause(error):
            raise unread(path, cause) from error
        raise InputError(f"{path} is damaged ({type(error).__name__})", "encode again with --overwrite") from error
    return stored, plan


def _sizes(stored: dict[str, Any]) -> Sequence[int]:
    return [int(size) for size in stored["bytes"]]


def _check_size(path: Path, size: int) -> None:
    """Finds a truncated file before training begins, not in the middle of it."""
    if not path.is_file():
        raise InputError(f"{path} is missing", REPAIR)
    if path.stat().st_size != size:
        raise InputError(f"{path} has {path.stat().st_size} bytes and should have {size}", REPAIR)


def _write(path: Path, content: dict[str, Any]) -> None:
    write_through(path, f"{json.dumps(content)}\n".encode())
