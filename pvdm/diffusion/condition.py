"""What a video is generated from: the latent of the previous clip, given or absent sample by sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Condition:
    """The condition of a batch; a sample without one is marked by the mask, never recognised by its values.

    Args:
        context: latent of the previous clip, (b, c, l), float, about in [-1, 1]; None if no sample has one.
        mask: (b,), bool, True where the sample's context is given; None means all of them.
    """

    context: Tensor | None = None
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        if self.context is None:
            if self.mask is not None:
                raise ValueError("a mask is given without a context; leave out both, or give the context too")
            return
        if self.context.ndim != 3:
            raise ValueError(f"the context is {tuple(self.context.shape)}; it must be a flat latent (b, c, l)")
        if self.mask is not None:
            _check_mask(self.mask, len(self.context))

    @classmethod
    def of(cls, value: Condition | Tensor | None) -> Condition:
        """A tensor (b, c, l) is the context, None is no condition, and a Condition is itself."""
        return value if isinstance(value, Condition) else cls(value)

    @property
    def is_absent(self) -> bool:
        """Whether the whole batch has no condition; a mask, even if all False, is not looked into."""
        return self.context is None

    def drop(self, keep: Tensor) -> Condition:
        """The condition with that of every sample where `keep` (b,), bool, is False taken away."""
        if self.context is None:
            return self
        _check_mask(keep, len(self.context))
        return replace(self, mask=keep if self.mask is None else self.mask & keep)

    def with_unconditional(self) -> Condition:
        """A batch of 2b: first this condition, then none for the same samples; needs a context."""
        if self.context is None:
            raise ValueError("there is no condition to contrast with none; give a context")
        mask = self.context.new_ones(len(self.context), dtype=torch.bool) if self.mask is None else self.mask
        return replace(
            self,
            context=torch.cat([self.context, self.context]),
            mask=torch.cat([mask, torch.zeros_like(mask)]),
        )

    def channels(self, like: Tensor) -> Tensor:
        """What the network reads beside `like` (b, c, l): the context, absent samples zeroed, or zeros."""
        if self.context is None:
            return torch.zeros_like(like)
        if self.context.shape != like.shape:
            raise ValueError(
                f"the context is {tuple(self.context.shape)} and the latent {tuple(like.shape)}; "
                "encode the context with the same autoencoder, at the same size, one clip per sample"
            )
        context = self.context.to(like.dtype)
        if self.mask is None:
            return context
        return torch.where(rearrange(self.mask, "b -> b 1 1"), context, torch.zeros_like(context))


def _check_mask(mask: Tensor, batch: int) -> None:
    if mask.dtype != torch.bool or mask.shape != (batch,):
        raise ValueError(f"the mask is {mask.dtype} {tuple(mask.shape)}; it must be torch.bool ({batch},)")
