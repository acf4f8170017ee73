"""Files of latents: each written whole or not at all, and read a row at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pvdm.data.latents.encoding_plan import LatentPlan, Shard
from pvdm.errors import InputError, outside_cause, unread
from pvdm.files.atomic_write import write_through

PLAIN, MIRRORED = "latents", "mirrored"
"""The tensors of a shard, (rows, c, l) each; the second is absent where no clip is there mirrored."""

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
OPEN = 256
"""How many shards a process keeps open."""


def write_shard(folder: Path, shard: Shard, tensors: dict[str, Tensor], digest: str) -> None:
    """Replaces the file of a shard; InputError if that fails, and then nothing of it is left."""
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    try:
        write_through(folder / shard.file, save(tensors, _metadata(digest, tensors)))
    except InputError as error:
        cause = str(error).partition(";")[0]
        raise InputError(
            cause,
            "free space or mend the permissions, and give the same command again, which goes on",
        ) from error


def is_whole(folder: Path, shard: Shard, plan: LatentPlan) -> bool:
    """Whether the file of a shard is there, of these very latents, and as it was written to the last bit."""
    try:
        file = _open(folder / shard.file, shard, plan)
        return file.metadata() == _metadata(plan.digest, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, ValueError):
        return False


class ShardReader:
    """Rows of a folder of latents; files are opened when they are asked for, in each process for itself."""

    def __init__(self, folder: Path, plan: LatentPlan) -> None:
        self.folder, self.plan = folder, plan

    def __call__(self, row: int, *, mirrored: bool = False) -> Tensor:
        """(c, l) as it is stored; InputError that names the file if it is absent or damaged."""
        shard = self.plan.shard_of(row)
        path = self.folder / shard.file
        try:
            found = _slice(self, shard.number, MIRRORED if mirrored else PLAIN)[row - shard.first]
        except (OSError, SafetensorError, ValueError) as error:
            if (cause := outside_cause(error)) or (isinstance(error, FileNotFoundError) and path.is_file()):
                raise unread(path, cause or "the system does not open it") from error
            raise InputError(
                f"{path} is damaged or incomplete",
                "give the pvdm encode command that made it again, which mends it",
            ) from error
        if not found.abs().amax() <= 1:  # nor if there is a NaN
            raise InputError(
                f"{path} is damaged (a latent is outside of [-1, 1])",
                "give the pvdm encode command that made it again, which mends it",
            )
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "plan": self.plan}


@lru_cache(maxsize=OPEN)
def _slice(reader: ShardReader, number: int, name: str) -> Any:
    """A tensor of a shard, of which single rows can be read."""
    shard = reader.plan.shard_of(number * reader.plan.settings["clips_per_shard"])
    return _open(reader.folder / shard.file, shard, reader.plan).get_slice(name)


def _open(path: Path, shard: Shard, plan: LatentPlan) -> Any:
    """The file, whose sizes are as they should be; else OSError, SafetensorError or ValueError."""
    file = safe_open(path, framework="pt")
    wanted = {PLAIN: shard.stop - shard.first, MIRRORED: shard.mirrored}
    shapes = {name: [rows, *plan.latent] for name, rows in wanted.items() if rows}
    found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    digest, _, _ = (file.metadata() or {}).get("digest", "").partition(" ")
    if found != shapes or digest != plan.digest:
        raise ValueError(f"{path} is not what it should be")
    return file


def _metadata(digest: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The digest of the plan, and that of the bytes of the tensors: one entry, for several come in any order."""
    found = sha256()
    for name in sorted(tensors):
        found.update(tensors[name].view(torch.uint8).numpy())
    return {"digest": f"{digest} {found.hexdigest()}"}
