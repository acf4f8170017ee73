"""Weights and inputs of the numeric reference: formulas that give the same numbers everywhere."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).parent / "data"
BUFFERS = {
    **dict.fromkeys(("zeros", "coords", "inv_freqs", "scales"), 0.0),
    "running_mean": 0.0,
    "running_var": 1.0,
    "num_batches_tracked": 0,
}


def released_shapes(name: str) -> dict[str, list[int]]:
    """Names and shapes of a checkpoint's state dict: (released|tiny)_(autoencoder|unet), i3d."""
    return json.loads((DATA / "released_keys.json").read_text())[name]


def fill(key: str, shape: list[int], salt: str) -> np.ndarray:
    """A parameter's values as a function of its name."""
    generator = np.random.default_rng(zlib.crc32(f"{salt}/{key}".encode()))
    normal = generator.standard_normal(shape, dtype=np.float32)
    if key.endswith("weight") and len(shape) == 1:
        return 1 + 0.1 * normal
    if len(shape) <= 1:
        return 0.05 * normal
    return (normal / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def released_state_dict(name: str) -> dict[str, Tensor]:
    """A checkpoint in the original's format with reference weights."""
    salt = f"pvdm/{name.rpartition('_')[2]}"
    values = {}
    for key, shape in released_shapes(name).items():
        buffer = BUFFERS.get(key.rpartition(".")[2])
        values[key] = torch.from_numpy(fill(key, shape, salt)) if buffer is None else torch.full(shape, buffer)
    return values


def video(seed: int, b: int, t: int, h: int, w: int) -> Tensor:
    """A clip (b, 3, t, h, w) in [-1, 1]."""
    batch, channel, frame, row, column = np.meshgrid(*map(np.arange, (b, 3, t, h, w)), indexing="ij")
    phase = 0.11 * (batch + 1) * frame + 0.07 * (channel + 1) * row - 0.05 * (batch + 1) * column + channel + seed
    return torch.from_numpy((0.8 * np.sin(phase)).astype(np.float32))


def normal(seed: int, *shape: int) -> Tensor:
    """Standard normal values."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))


def golden() -> dict[str, Tensor]:
    """Outputs of the released networks for these weights and inputs."""
    with np.load(DATA / "golden.npz") as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}


def largest_error(found: Tensor, wanted: Tensor) -> float:
    """Largest absolute difference."""
    difference = (found.double() - wanted.double()).abs().max().item()
    return difference if math.isfinite(difference) else math.inf
