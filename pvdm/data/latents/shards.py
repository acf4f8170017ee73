"""Files of latents: written atomically, read one row at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pvdm.data.latents.clip_tracks import stored_tracks, track_sizes
from pvdm.data.latents.encoding_plan import LatentPlan, Shard
from pvdm.errors import InputError, outside_cause, unread
from pvdm.files.atomic_write import write_through

PLAIN, MIRRORED = "latents", "mirrored"
"""The tensors of a shard, (rows, c, l) each; the second is absent if no clip of the shard is mirrored.

Those of hints have the same names, followed by the kind of their given frames, see `tensor_name`.
"""

MOTION = "motion"
"""The tensor of the motion of each clip, (rows,) float32, if it was measured; it is that of the mirrored clip, too."""

REPAIR = "run the pvdm encode command that made it again to repair it"
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
LARGEST = 1000
"""No latent is as large: they are bounded by 1, or have unit variance."""

MAPPED = 1 << 15
"""Most shards that a process keeps mapped, half of the mappings that Linux grants it; none holds a file descriptor."""


def tensor_name(hint: str | None = None, *, mirrored: bool = False) -> str:
    """The name of a shard's tensor: of its clips, or of their hints of one kind of given frames."""
    name = MIRRORED if mirrored else PLAIN
    return name if hint is None else f"{name}.{hint}"


def write_shard(folder: Path, shard: Shard, tensors: dict[str, Tensor], digest: str) -> None:
    """Replaces the file of a shard; InputError if that fails, and then no partial file is left."""
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    try:
        write_through(folder / shard.file, save(tensors, _metadata(digest, tensors)))
    except InputError as error:
        remedy = "free space or fix the permissions, then run the same command again to resume"
        raise InputError(error.problem, remedy) from error


def is_intact(folder: Path, shard: Shard, plan: LatentPlan) -> bool:
    """Whether the file of a shard exists, belongs to this plan, and matches its checksum."""
    try:
        file = _open(folder / shard.file, shard, plan)
        return file.metadata() == _metadata(plan.digest, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, ValueError):
        return False


class ShardReader:
    """Reads single rows of a folder of latents.

    Each process maps a shard when it first needs it, checks its header once and keeps it mapped, so that shuffled
    reads open no file after the first of each shard. Pages of the mappings are the system's file cache, shared by all
    workers.
    """

    def __init__(self, folder: Path, plan: LatentPlan) -> None:
        self.folder, self.plan = folder, plan

    def __call__(self, row: int, *, mirrored: bool = False, hint: str | None = None) -> Tensor:
        """(c, l) in the stored type; InputError that names the file if it is missing or damaged.

        hint: The kind of given frames whose hint is read instead of the clip's latent.
        """
        shard = self.plan.shard_of(row)
        path = self.folder / shard.file
        try:
            latent = _mapped(self, shard).get_slice(tensor_name(hint, mirrored=mirrored))[row - shard.first]
        except (OSError, SafetensorError, ValueError) as error:
            raise self._refusal(path, error) from error
        if not latent.abs().amax() <= LARGEST:  # also true of NaN
            raise InputError(f"{path} is damaged (a latent is outside of [-{LARGEST}, {LARGEST}])", REPAIR)
        return latent

    def motion(self, row: int) -> float:
        """The motion of a clip, see `motion_of`; InputError that names the file if it is missing or damaged."""
        shard = self.plan.shard_of(row)
        try:
            return float(_mapped(self, shard).get_slice(MOTION)[row - shard.first])
        except (OSError, SafetensorError, ValueError) as error:
            raise self._refusal(self.folder / shard.file, error) from error

    def tracks(self, row: int, names: Collection[str], *, mirrored: bool = False) -> dict[str, Any]:
        """The vectors of a clip's frames, see `stored_tracks`; InputError that names the file if it is damaged."""
        shard = self.plan.shard_of(row)
        path = self.folder / shard.file
        try:
            found = stored_tracks(_mapped(self, shard), names, row - shard.first, mirrored=mirrored)
        except (OSError, SafetensorError, ValueError) as error:
            raise self._refusal(path, error) from error
        if not all(found[name].isfinite().all() for name in names):
            raise InputError(f"{path} is damaged (a vector of a frame is not finite)", REPAIR)
        return found

    def _refusal(self, path: Path, error: Exception) -> InputError:
        """What a user can do about a file that cannot be read."""
        if (cause := outside_cause(error)) or (isinstance(error, FileNotFoundError) and path.is_file()):
            return unread(path, cause or "the system does not open it")
        return InputError(f"{path} is damaged or incomplete", REPAIR)


@lru_cache(maxsize=MAPPED)
def _mapped(reader: ShardReader, shard: Shard) -> Any:
    """The file of a shard, checked; all readers of a process share one limit."""
    return _open(reader.folder / shard.file, shard, reader.plan)


def _open(path: Path, shard: Shard, plan: LatentPlan) -> Any:
    """Maps the file, whose header must be that of the shard; else OSError, SafetensorError or ValueError."""
    file = safe_open(path, framework="pt")
    expected = {
        tensor_name(hint, mirrored=mirrored): [rows, *plan.latent]
        for hint in (None, *plan.hints)
        for mirrored, rows in ((False, shard.stop - shard.first), (True, shard.mirrored))
        if rows
    }
    expected |= {name: [shard.stop - shard.first] for name in plan.measured}
    expected |= (tracks := track_sizes(plan, shard))
    shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    shapes |= {name: shapes[name][: len(size)] for name, size in tracks.items() if name in shapes}
    digest, _, _ = (file.metadata() or {}).get("digest", "").partition(" ")
    if shapes != expected or digest != plan.digest:
        raise ValueError(f"{path} does not hold the shard of this plan")
    return file


def _metadata(digest: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The digest of the plan and that of the tensors' bytes, in one entry: safetensors writes several in any order."""
    content = sha256()
    for name in sorted(tensors):
        content.update(tensors[name].view(torch.uint8).numpy())
    return {"digest": f"{digest} {content.hexdigest()}"}
