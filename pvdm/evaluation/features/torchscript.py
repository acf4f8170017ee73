"""Feature networks published as TorchScript, tried on one input when they are loaded."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pvdm.errors import InputError, one_line, outside_cause, sentence, unread

TRIAL = torch.zeros(1, 3, 16, 64, 64, dtype=torch.uint8)
"""The clip that a network is tried with."""


class ScriptedNetwork:
    """A network from a TorchScript file, called with clips or pictures and fixed options.

    Args:
        path: The file; InputError if it is no TorchScript file or its network does not return rows of this width.
        name: Name of the network in messages.
        options: Keyword arguments of every call.
        width: Width of an output row; None for any.
        trial: What it is tried with.
        remedy: What the user should do, for the error.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        options: Mapping[str, bool],
        width: int | None,
        trial: Tensor = TRIAL,
        remedy: str,
    ) -> None:
        self._path, self._name, self._remedy = path, name, remedy
        self._options, self._width = dict(options), width
        self._network = self._loaded()
        with torch.no_grad():
            self(trial)

    def to(self, device: torch.device) -> ScriptedNetwork:
        """Moves its weights."""
        self._network.to(device)
        return self

    def __call__(self, video: Tensor) -> Tensor:
        """Clips (b, 3, t, h, w) uint8, or what the network takes, -> (b, width), called as in the published code."""
        try:
            rows = self._network(video, **self._options)
        except (RuntimeError, torch.jit.Error) as error:
            if sentence(error):
                raise
            reason = one_line(str(error).strip().rpartition("\n")[2])
            raise self._refusal(f"fails with {_size(video)}: {reason}") from error
        shape = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
        width = self._width or (shape[-1] if isinstance(shape, tuple) and shape else "d")
        if shape != (len(video), width):
            raise self._refusal(f"returns {shape} for {_size(video)}, instead of {(len(video), width)}")
        return rows

    def _loaded(self) -> torch.jit.ScriptModule:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript itself is deprecated
                network = torch.jit.load(self._path, map_location="cpu")
        except (RuntimeError, ValueError, OSError) as error:  # what it raises for a damaged archive
            if cause := outside_cause(error):
                raise unread(self._path, cause) from error
            raise self._refusal("is not a TorchScript file, or is incomplete") from error
        return network.eval()

    def _refusal(self, fault: str) -> InputError:
        return InputError(f"{self._path} cannot be used as {self._name}: it {fault}", self._remedy)


def _size(video: Tensor) -> str:
    if video.ndim == 4:
        return f"pictures of shape {tuple(video.shape)}"
    clips, _, frames, height, width = video.shape
    return f"{clips} clip{'s' * (clips > 1)} of {frames} frames of {height}x{width}"
