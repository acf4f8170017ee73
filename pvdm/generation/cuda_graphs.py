"""The denoiser's kernels launched as one CUDA graph: a step is then one call, not a thousand."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from pvdm.diffusion import Condition
from pvdm.errors import one_line

WARM_UP = 3
"""Runs before a capture, in which kernels are chosen and compiled, and libraries take their workspaces."""

ALONE = Lock()
"""Held while kernels are recorded, and by those who compute meanwhile: libraries that start up may wait for the device,
which then cannot be."""

Replay = Callable[[], None]
Capture = Callable[[Callable[[], Tensor]], tuple[Replay, Tensor]]
"""Records a function of fixed tensors; what runs it again, and the tensor that then holds its result."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """A captured evaluation: the tensors that it reads, what runs it, and the tensor that it writes."""

    inputs: dict[str, Tensor]
    replay: Replay
    output: Tensor


class GraphedNetwork:
    """`network(z, t, condition)` for sampling, captured once for each shape and each kind of condition.

    The network's parameters must stay where they are in memory; their values may change. Where capturing fails, the
    network runs as ever, after one warning.
    """

    def __init__(self, network: Callable[..., Tensor], capture: Capture | None = None) -> None:
        self.network, self._capture = network, capture or captured
        self._recordings: dict[Any, Recording] = {}
        self._has_failed = False

    def __call__(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """As the network's, on the same device; the result is the caller's own."""
        inputs = {"z": z, "t": t} | _parts(condition)
        key = tuple((name, value.shape, value.dtype) for name, value in inputs.items()), _precision(z)
        if key not in self._recordings and not self._has_failed:
            self._record(key, inputs)
        if self._has_failed:
            return self.network(z, t, condition)
        recording = self._recordings[key]
        for name, value in inputs.items():
            recording.inputs[name].copy_(value)
        recording.replay()
        return recording.output.clone()  # a sampler may keep it beyond the next step

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphedNetwork:
        return GraphedNetwork(copy.deepcopy(self.network, memo), self._capture)  # of other parameters: to record anew

    def _record(self, key: Any, inputs: dict[str, Tensor]) -> None:
        own = {name: value.clone() for name, value in inputs.items()}
        condition = Condition(**{name: value for name, value in own.items() if name not in ("z", "t")})
        try:
            with ALONE, torch.cuda.device_of(own["z"]):
                replay, output = self._capture(lambda: self.network(own["z"], own["t"], condition))
            self._recordings[key] = Recording(own, replay, output)
        except RuntimeError as error:  # what CUDA says that a capture may not do, or that its memory is full
            self._has_failed = True
            self._recordings.clear()
            logger.warning("CUDA graphs cannot be used, and sampling goes on without (%s)", one_line(error))


def captured(function: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
    """Records the CUDA kernels of a function of fixed tensors, after having run it, as its `Capture`."""
    kind, stream = "cuda", torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    # Weights that autocast has cast and keeps are gone when it ends, but a graph goes on reading them.
    precision = {"dtype": torch.get_autocast_dtype(kind), "enabled": torch.is_autocast_enabled(kind)}
    with torch.autocast(kind, **precision, cache_enabled=False):
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                function()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # What other threads do does not end the recording.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            output = function()
    return graph.replay, output


def _parts(condition: Condition) -> dict[str, Tensor]:
    """Those parts of a condition that are given."""
    parts = {field.name: getattr(condition, field.name) for field in fields(condition)}
    return {name: value for name, value in parts.items() if value is not None}


def _precision(like: Tensor) -> torch.dtype | None:
    """What autocast computes in on the device of a tensor; None if it is off."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
