"""Post-hoc averages: two power-function averages of a training, kept now and then, give one of any length afterwards.

Karras et al. 2024 (arXiv 2312.02696), section 3 and appendix C. Times are numbers of updates. A power average of
exponent g weights the weights of update n by n^g; its length is the standard deviation of that profile, relative to the
updates so far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing

MAX_LENGTH = 0.28
"""Longest average, relative to the training; all updates with equal weight have 0.289."""

FOLDER = "averages"
"""Folder of the snapshots in the folder of a run."""


class Profile(NamedTuple):
    """A power average: the update after which it was taken, and its exponent."""

    update: float
    exponent: float


def exponent_of(length: float) -> float:
    """Exponent g of the power average of a length, the paper's sigma_rel, in (0, `MAX_LENGTH`]; app. C, algorithm 2."""
    if not 0 < length <= MAX_LENGTH:
        raise InputError(f"the length of an average is {length}", f"give a value above 0 and at most {MAX_LENGTH}")
    inverse = length**-2
    return float(np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max())


def length_of(exponent: float) -> float:
    """The inverse of `exponent_of`: sigma_rel = sqrt(g + 1) / ((g + 2) sqrt(g + 3)), eq. 3."""
    return math.sqrt(exponent + 1) / ((exponent + 2) * math.sqrt(exponent + 3))


def kept_share(update: int, exponent: float) -> float:
    """Weight of the average so far at an update n >= 1, beta = (1 - 1 / n)^(g + 1); eq. 2."""
    return (1 - 1 / update) ** (exponent + 1)


def inner_product(a: Profile, b: Profile) -> float:
    """Integral over time of the product of two profiles; app. C, algorithm 3."""
    ratio = a.update / b.update
    power = b.exponent if a.update < b.update else -a.exponent
    scale = (a.exponent + 1) * (b.exponent + 1) / (a.exponent + b.exponent + 1)
    return scale * ratio**power / max(a.update, b.update)


def mixture(known: Sequence[Profile], wanted: Profile) -> np.ndarray:
    """Factors (n,) float64 of the known averages whose sum has the profile nearest to that wanted; algorithm 3."""
    products = np.array([[inner_product(a, b) for b in known] for a in known])
    target = np.array([inner_product(a, wanted) for a in known])
    return np.linalg.lstsq(products, target, rcond=None)[0]


def write_snapshot(folder: Path, update: int, lengths: Sequence[float], averages: Sequence[dict[str, Tensor]]) -> None:
    """Writes the averages of all lengths after an update as one file of float16, replacing it if it exists."""
    tensors = {
        f"{length!r}/{name}": value.detach().half().cpu().contiguous()
        for length, average in zip(lengths, averages, strict=True)
        for name, value in average.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{update:09d}.safetensors", overwrite=True) as temporary:
        save_file(tensors, temporary)


def average_of_length(folder: Path, length: float, update: int) -> dict[str, Tensor]:
    """The average of a length, float32 by name, from the snapshots of a run, as of the last one up to an update.

    InputError if there are none.
    """
    updates = {path: int(path.stem) for path in sorted(folder.glob("*.safetensors")) if path.stem.isdecimal()}
    files = [path for path, at in updates.items() if at <= update]
    if not files:
        problem = f"{folder} has no snapshots of averages up to update {update}"
        raise InputError(problem, "train with --averaging.power, or leave out --ema-length")
    known = [(path, prefix) for path in files for prefix in _lengths(path)]
    profiles = [Profile(updates[path], exponent_of(float(prefix))) for path, prefix in known]
    factors = mixture(profiles, Profile(updates[files[-1]], exponent_of(length)))
    total: dict[str, Tensor] = {}
    for (path, prefix), factor in zip(known, factors.tolist(), strict=True):
        with safe_open(path, "pt") as file:
            for key in (key for key in file.keys() if key.startswith(f"{prefix}/")):  # noqa: SIM118
                name, value = key.removeprefix(f"{prefix}/"), factor * file.get_tensor(key).double()
                total[name] = total[name] + value if name in total else value
    return {name: value.to(torch.float32) for name, value in total.items()}


def _lengths(path: Path) -> list[str]:
    """The lengths in a snapshot, as they are written in its keys."""
    with safe_open(path, "pt") as file:
        return sorted({key.partition("/")[0] for key in file.keys()})  # noqa: SIM118
