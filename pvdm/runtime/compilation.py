"""`torch.compile` for the repeated parts of a network, which goes on without where it cannot be done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule

from pvdm.errors import one_line

BACKEND = "inductor"
VARIANTS = 256
"""Largest number of forms of one part: by the strides and sizes of its input, in training and without gradients.

From there on dynamo would run it uncompiled. The stages of a U-Net share their code, and each has sizes of its own: the
released one takes about 20 forms for each size of the batch.
"""

logger = logging.getLogger(__name__)


def compile_regions(*networks: nn.Module) -> None:
    """Compiles the `regions()` of each network in place, for fixed shapes; names in its state_dict stay.

    A part is compiled when it first runs, and again for other shapes; parts of the same form are compiled once. Where
    that fails, as on a GPU too old for Triton or without a C++ compiler, all goes on uncompiled, after one warning.
    """
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, VARIANTS)
    config.accumulated_recompile_limit = max(config.accumulated_recompile_limit, 2 * VARIANTS)  # of all that share code
    config.optimize_ddp = False  # parts are small as they are, and what cuts graphs for DDP refuses checkpointing
    compiler = Compiler()
    for network in networks:
        for region in network.regions():
            region.compile(backend=compiler, dynamic=False)


class Compiler:
    """A backend of `torch.compile`: inductor, or the graph as it is once that has failed.

    The backward pass is compiled along with the forward pass, not within the first `backward()`, where it would be too
    late to go on with the graph.
    """

    def __init__(self) -> None:
        self.has_failed = False

    def __call__(self, graph: GraphModule, inputs: Sequence[Any]) -> Callable[..., Any]:
        if not self.has_failed:
            try:
                with torch._functorch.config.patch(force_non_lazy_backward_lowering=True):
                    return torch._dynamo.lookup_backend(BACKEND)(graph, inputs)
            except Exception as error:  # whatever a compiler may say: the graph itself is as good, and slower
                self.has_failed = True
                logger.warning("compiling failed, and all goes on uncompiled (%s)", one_line(error))
        return graph.forward
