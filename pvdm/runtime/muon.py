"""Muon (Jordan et al. 2024): matrices move along orthogonal directions, all other weights by AdamW."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from pvdm.runtime.precision import CPU_HAS_BFLOAT16

MOMENTUM = 0.95
"""Decay of the mean gradient of a matrix."""

SMALLEST_SIDE = 32
"""Matrices with a shorter side, such as depthwise convolutions and heads of few channels, are left to AdamW."""

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton-Schulz iteration, whose five steps move all singular values to between 0.7 and 1.2."""

ADAMW_SCALE = 0.2
"""Root mean square of an AdamW update, relative to its learning rate (Liu et al. 2025, arXiv 2502.16982, eq. 4)."""


class Muon(AdamW):
    """One optimizer for both kinds of weights, so that one learning rate and one state serve them.

    A convolution is the matrix of its output channels by all else. Updates of matrices are as large as AdamW's, so that
    its learning rates fit both. There is a group of parameters for each kind; "matrices" says which is which.

    Args:
        parameters: Weights, which must be whole: a sharded matrix has no orthogonal direction of its own.
        options: Those of AdamW; of `betas`, matrices use none.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], **options: Any) -> None:
        parameters = list(parameters)
        groups = [
            {"params": [value for value in parameters if is_matrix(value) == matrices], "matrices": matrices}
            for matrices in (True, False)
        ]
        super().__init__([group for group in groups if group["params"]], **options)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all weights that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = self.param_groups
        try:
            self.param_groups = [group for group in groups if not group["matrices"]]
            if self.param_groups:
                super().step()
        finally:
            self.param_groups = groups
        for group in groups:
            if group["matrices"]:
                self._update_matrices(group)
        return loss

    def _update_matrices(self, group: dict[str, Any]) -> None:
        by_shape: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is not None:
                by_shape[parameter.flatten(1).shape].append(parameter)
        for shape, parameters in by_shape.items():  # those of one shape at once
            updates = orthogonal(torch.stack([self._direction(parameter) for parameter in parameters]))
            step = group["lr"] * ADAMW_SCALE * max(shape) ** 0.5
            for parameter, update in zip(parameters, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.view_as(parameter), alpha=-step)

    def _direction(self, parameter: nn.Parameter) -> Tensor:
        """The mean gradient, a step ahead (Nesterov), as a matrix."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # AdamW asks for it when it loads a state
            state["momentum"] = torch.zeros_like(parameter)
        state["step"] += 1
        state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
        return parameter.grad.lerp(state["momentum"], MOMENTUM).flatten(1)


def is_matrix(parameter: Tensor) -> bool:
    """Whether Muon moves it, as the matrix of its first axis by all others."""
    return parameter.ndim > 1 and min(parameter.shape[0], parameter[0].numel()) >= SMALLEST_SIDE


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Roughly U V^T of each matrix U S V^T; (n, rows, columns), in bfloat16 where the device has it."""
    x = matrices.bfloat16() if matrices.is_cuda or CPU_HAS_BFLOAT16 else matrices.float()
    is_tall = x.shape[1] > x.shape[2]
    x = x.mT if is_tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if is_tall else x).to(matrices.dtype)
