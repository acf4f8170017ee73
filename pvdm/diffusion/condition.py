"""What a video is generated from: the latent of the previous clip and a class, each optional for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor

from pvdm.diffusion.process import q_sample
from pvdm.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class Condition:
    """The condition of a batch; masks mark the samples without a part, which are never recognized by values.

    Args:
        context: latent of the previous clip, (b, c, l), float, about in [-1, 1]; None if no sample has one.
        mask: (b,), bool, True where the sample's context is given; None means all of them.
        label: index of the class, (b,), int64, from 0; None if no sample has one.
        label_mask: (b,), bool, True where the sample's label is given; None means all of them.
        level: (b,), int64, the timestep to which each sample's context was noised, -1 for not at all; None means that
            for all of them.
    """

    context: Tensor | None = None
    mask: Tensor | None = None
    label: Tensor | None = None
    label_mask: Tensor | None = None
    level: Tensor | None = None

    def __post_init__(self) -> None:
        if self.context is not None and self.context.ndim != 3:
            raise ValueError(f"the context is {tuple(self.context.shape)}; it must be a flat latent (b, c, l)")
        if self.label is not None and (self.label.ndim != 1 or self.label.dtype != torch.int64):
            raise ValueError(f"the label is {self.label.dtype} {tuple(self.label.shape)}; it must be torch.int64 (b,)")
        if self.context is not None and self.label is not None and len(self.context) != len(self.label):
            raise ValueError(f"there are {len(self.context)} contexts and {len(self.label)} labels; give one of each")
        if self.level is not None and (self.context is None or self.level.shape != self.context.shape[:1]):
            raise ValueError("a level is given; give a context for each sample, and one level for each of these")
        _check_mask("mask", self.mask, "context", self.context)
        _check_mask("label_mask", self.label_mask, "label", self.label)

    @classmethod
    def of(cls, value: Condition | Tensor | None) -> Condition:
        """Makes a condition of a tensor (b, c, l), the context, or of None; returns a Condition as it is."""
        return value if isinstance(value, Condition) else cls(value)

    @classmethod
    def join(cls, conditions: Sequence[Condition]) -> Condition:
        """Concatenates the conditions of several batches; all must have the same parts."""
        if len(conditions) == 1:
            return conditions[0]
        contexts, labels = [part.context for part in conditions], [part.label for part in conditions]
        masks = [_mask_of(part.mask, part.context) for part in conditions]
        label_masks = [_mask_of(part.label_mask, part.label) for part in conditions]
        levels = [part.level for part in conditions]
        return cls(*(_join(parts) for parts in (contexts, masks, labels, label_masks, levels)))

    def part(self, samples: slice) -> Condition:
        """The condition of some of the samples."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **{name: value[samples] for name, value in tensors.items()})

    @property
    def is_absent(self) -> bool:
        """Whether the whole batch has no condition; masks are not read."""
        return self.context is None and self.label is None

    def drop(self, keep: Tensor | None = None, *, keep_label: Tensor | None = None) -> Condition:
        """Removes the context where `keep`, and the label where `keep_label`, is False.

        Both are (b,), bool; None removes nothing. Absent parts stay absent.
        """
        _check_mask("mask", keep, "context", self.context, optional=True)
        _check_mask("label_mask", keep_label, "label", self.label, optional=True)
        mask = self.mask if self.context is None else _both(self.mask, keep)
        label_mask = self.label_mask if self.label is None else _both(self.label_mask, keep_label)
        return replace(self, mask=mask, label_mask=label_mask)

    def without_label(self) -> Condition:
        """This condition with all labels masked; its tensors stay, so that it can be joined with this one."""
        return self if self.label is None else self.drop(keep_label=torch.zeros_like(self.label, dtype=torch.bool))

    def without_any(self) -> Condition:
        """This condition with everything masked; its tensors stay, so that it can be joined with this one."""
        rest = self.without_label()
        return rest if self.context is None else rest.drop(_mask_of(None, self.context).logical_not())

    def channels(self, like: Tensor) -> Tensor:
        """The context channels beside a latent `like` (b, c, l), with zeros where a sample has no context."""
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

    def noised(self, level: Tensor, noise: Tensor, schedule: NoiseSchedule) -> Condition:
        """This condition with its context noised to timesteps `level` (b,), -1 for not at all; noise: like the context.

        A network with `context_levels` is conditioned on the level, so training can hide more or less of the context
        instead of all or nothing (arXiv 2502.06764), and a little noise in sampling hides the flaws of a generated
        context.
        """
        if self.context is None:
            return self
        return replace(self, context=q_sample(self.context, noise, level, schedule), level=level)

    def levels(self, batch: int, device: torch.device) -> tuple[Tensor, Tensor] | None:
        """Levels counted from 0, which is clean, and where there is a context, both (batch,); None without contexts."""
        if self.context is None:
            return None
        level = torch.full((batch,), -1, device=device) if self.level is None else self.level
        return level + 1, _mask_of(self.mask, self.context)

    def labels(self, batch: int, classes: int | None) -> tuple[Tensor, Tensor] | None:
        """Labels and their mask, both (batch,), with 0 for masked labels; None if the condition has no labels.

        ValueError for another number of samples or, on a CPU, for a label outside of 0 .. classes - 1. On a GPU the
        values are not checked, since that would synchronize at each step; check labels before they are moved there.
        """
        if self.label is None:
            return None
        if classes is None:
            raise ValueError("a label is given to a network without classes; leave out the label")
        if len(self.label) != batch:
            raise ValueError(f"there are {len(self.label)} labels for {batch} samples; give one for each")
        mask = _mask_of(self.label_mask, self.label)
        label = torch.where(mask, self.label, torch.zeros_like(self.label))
        if not label.is_cuda and (outside := (label < 0) | (label >= classes)).any():
            raise ValueError(f"the label {int(label[outside][0])} is none of 0 to {classes - 1}, the network's classes")
        return label, mask


def _mask_of(mask: Tensor | None, part: Tensor | None) -> Tensor | None:
    """The mask of a part, all True if it is not given; None without the part."""
    if part is None or mask is not None:
        return mask
    return part.new_ones(len(part), dtype=torch.bool)


def _both(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first & second


def _join(parts: list[Tensor | None]) -> Tensor | None:
    if any(part is None for part in parts):
        if any(part is not None for part in parts):
            raise ValueError("some of the conditions to join have a part that others lack; mask it instead")
        return None
    return torch.cat(parts)


def _check_mask(name: str, mask: Tensor | None, of: str, part: Tensor | None, *, optional: bool = False) -> None:
    if mask is None or (optional and part is None):
        return
    if part is None:
        raise ValueError(f"a {name} is given without a {of}; leave out both, or give the {of} too")
    if mask.dtype != torch.bool or mask.shape != (len(part),):
        raise ValueError(f"the {name} is {mask.dtype} {tuple(mask.shape)}; it must be torch.bool ({len(part)},)")
