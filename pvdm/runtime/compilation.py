"""`torch.compile` for the repeated parts of a network; where it fails, the network runs uncompiled."""

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
"""Limit of compiled variants of one part: by strides and sizes of its input, with and without gradients.

Beyond it dynamo runs the part uncompiled. The stages of a U-Net share their code but differ in sizes: the released one
takes about 20 variants for each batch size.
"""

logger = logging.getLogger(__name__)


def compile_regions(*networks: nn.Module) -> None:
    """Compiles the `regions()` of each network in place, for fixed shapes; state_dict keys do not change.

    A part is compiled when it first runs and again for other shapes; parts of the same shapes share one compilation.
    Where compiling fails (a GPU too old for Triton, no C++ compiler), one warning says so and the part runs uncompiled.
    """
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, VARIANTS)
    config.accumulated_recompile_limit = max(config.accumulated_recompile_limit, 2 * VARIANTS)  # by shared code
    config.optimize_ddp = False  # parts are small already, and DDP's graph splitter does not support checkpointing
    compiler = Compiler()
    for network in networks:
        for region in network.regions():
            region.compile(backend=compiler, dynamic=False)


class Compiler:
    """A backend of `torch.compile`: inductor or, once it has failed, the graph itself.

    The backward pass is compiled together with the forward pass. In the first `backward()` it would be too late to fall
    back to the graph.
    """

    def __init__(self) -> None:
        self.has_failed = False

    def __call__(self, graph: GraphModule, inputs: Sequence[Any]) -> Callable[..., Any]:
        if not self.has_failed:
            try:
                with torch._functorch.config.patch(force_non_lazy_backward_lowering=True):
                    return torch._dynamo.lookup_backend(BACKEND)(graph, inputs)
            except Exception as error:  # a compiler may raise anything; the graph computes the same, slower
                self.has_failed = True
                logger.warning("compiling failed; running uncompiled (%s)", one_line(error))
        return graph.forward
