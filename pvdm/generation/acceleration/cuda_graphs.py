"""Launches the denoiser's kernels as one CUDA graph: one call a step instead of a thousand."""

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
"""Runs before a capture, in which kernels are chosen and compiled and libraries allocate their workspaces."""

ALONE = Lock()
"""Held while kernels are recorded and by other threads that compute: libraries may synchronize as they start, which a
recording does not permit."""

Replay = Callable[[], None]
Capture = Callable[[Callable[[], Tensor]], tuple[Replay, Tensor]]
"""Records a function of fixed tensors: returns a function that replays it, and the tensor that holds its result."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """A captured evaluation: the tensors it reads, the function that replays it, and the tensor it writes."""

    inputs: dict[str, Tensor]
    replay: Replay
    output: Tensor


class GraphedNetwork:
    """`network(z, t, condition)` for sampling, captured once for each shape and each kind of condition.

    The parameters must keep their addresses in memory; their values may change. Where a capture fails, one warning says
    so and the network runs without graphs.
    """

    def __init__(self, network: Callable[..., Tensor], capture: Capture | None = None) -> None:
        self.network, self._capture = network, capture or captured
        self._recordings: dict[Any, Recording] = {}
        self._has_failed = False

    def __call__(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The network's result, in a tensor of its own."""
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
        return recording.output.clone()  # a sampler may keep it after the next step

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphedNetwork:
        return GraphedNetwork(copy.deepcopy(self.network, memo), self._capture)  # other parameters: recorded anew

    def _record(self, key: Any, inputs: dict[str, Tensor]) -> None:
        own = {name: value.clone() for name, value in inputs.items()}
        condition = Condition(**{name: value for name, value in own.items() if name not in ("z", "t")})
        try:
            with ALONE, torch.cuda.device_of(own["z"]):
                replay, output = self._capture(lambda: self.network(own["z"], own["t"], condition))
            self._recordings[key] = Recording(own, replay, output)
        except RuntimeError as error:  # CUDA does not permit an operation in a capture, or is out of memory
            self._has_failed = True
            self._recordings.clear()
            logger.warning("CUDA graphs cannot be used; sampling without them (%s)", one_line(error))


def captured(function: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
    """Runs a function of fixed tensors, then records its CUDA kernels; the default `Capture`."""
    kind, stream = "cuda", torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    # Without the cache: autocast frees the weights it has cast when it ends, but the graph would still read them.
    precision = {"dtype": torch.get_autocast_dtype(kind), "enabled": torch.is_autocast_enabled(kind)}
    with torch.autocast(kind, **precision, cache_enabled=False):
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                function()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Work of other threads does not end the recording.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            output = function()
    return graph.replay, output


def _parts(condition: Condition) -> dict[str, Tensor]:
    """The parts of a condition that are given."""
    parts = {field.name: getattr(condition, field.name) for field in fields(condition)}
    return {name: value for name, value in parts.items() if value is not None}


def _precision(like: Tensor) -> torch.dtype | None:
    """The dtype of autocast on the device of a tensor; None if it is off."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
