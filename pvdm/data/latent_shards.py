"""Files of latents: each written whole or not at all, and read a row at a time."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pvdm.data.latent_plan import LatentPlan, Shard
from pvdm.errors import InputError
from pvdm.output import replacing

PLAIN, MIRRORED = "latents", "mirrored"
"""The tensors of a shard, (rows, c, l) each; the second is absent where no clip is there mirrored."""

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
OPEN = 256
"""How many shards a process keeps open."""


def write_shard(folder: Path, shard: Shard, tensors: dict[str, Tensor], digest: str) -> None:
    """Replaces the file of a shard; InputError if that fails, and then nothing of it is left."""
    content = save({name: value.contiguous() for name, value in tensors.items()}, {"digest": digest})
    try:
        with replacing(folder / shard.file, overwrite=True) as temporary, temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # before it has its name: else a power failure may leave the name alone
    except InputError as error:
        cause = str(error).partition(";")[0]
        raise InputError(
            f"{cause}; free space or mend the permissions, and give the same command again, which goes on"
        ) from error


def is_whole(folder: Path, shard: Shard, plan: LatentPlan) -> bool:
    """Whether the file of a shard is there, of its full size, and of these very latents."""
    try:
        _open(folder / shard.file, shard, plan)
    except (OSError, SafetensorError, ValueError):
        return False
    return True


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
            raise InputError(
                f"{path} is damaged or incomplete; give the pvdm encode command that made it again, which mends it"
            ) from error
        if not found.abs().amax() <= 1:  # nor if there is a NaN
            raise InputError(
                f"{path} is damaged (a latent is outside of [-1, 1]); delete it, and give the pvdm encode command that "
                "made it again"
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
    if found != shapes or file.metadata() != {"digest": plan.digest}:
        raise ValueError(f"{path} is not what it should be")
    return file
