"""What a video is generated from: the previous clip, given frames, a text, a camera, ..., each optional per sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from einops import rearrange, repeat
from torch import Tensor

from pvdm.autoencoder import Triplane, TriplaneShape
from pvdm.diffusion.process import q_sample
from pvdm.diffusion.schedule import NoiseSchedule

PARTS = ("label", "scores", "text", "camera", "sound", "hint", "context")
"""The parts of a condition, in the order in which guidance removes them."""

ROWS = ("camera", "sound")
"""The parts that are a vector for each frame."""

MASKS = {"mask": "context", "label_mask": "label", "camera_mask": "camera", "sound_mask": "sound"}
"""Masks (b,) of whole parts, of which None means all samples."""


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
        hint: latent of a clip whose given frames stand at their times and whose others are interpolated between them
            (`pvdm.conditions.hints`), (b, c, l), float; None if no sample has one.
        known: (b, t), bool, which frames of the hint are given; a sample without any has no hint.
        hint_level: (b,), int64, like `level`, of the hints.
        text: states of the tokens of each sample's text, (b, n, d), float (`pvdm.conditions.text`); None if no sample
            has one.
        text_mask: (b, n), bool, which of the states are tokens; a sample without any has no text.
        negative: (b, n, d), like `text`: what guidance leads away from, in place of no text at all.
        negative_mask: (b, n), bool, like `text_mask`; a sample without any is led away from no text.
        camera: vectors of the camera at each frame, (b, t, d), float (`pvdm.data.tracks.camera_path`); None if no
            sample has one.
        camera_mask: (b,), bool, True where the sample's camera is given; None means all of them.
        sound: vectors of what is heard around each frame, (b, t, d), float (`pvdm.data.tracks.sound_features`); None if
            no sample has one.
        sound_mask: (b,), bool, like `camera_mask`.
        scores: numbers of each sample's clip, (b, n), float, in the order of the network's names; None if no sample has
            one.
        scores_mask: (b, n), bool, which of the scores are given; a sample without any has none.
        steps: in how many steps each sample is made, (b,), int64, 0 for those of any number; None means that for all.
            It tells a network tuned for few steps (`pvdm.diffusion.consistency`) where the step is to end.
        weight: of guidance, (b,), float, for a network that takes it as an input; None means 0 for all.
    """

    context: Tensor | None = None
    mask: Tensor | None = None
    label: Tensor | None = None
    label_mask: Tensor | None = None
    level: Tensor | None = None
    hint: Tensor | None = None
    known: Tensor | None = None
    hint_level: Tensor | None = None
    text: Tensor | None = None
    text_mask: Tensor | None = None
    negative: Tensor | None = None
    negative_mask: Tensor | None = None
    camera: Tensor | None = None
    camera_mask: Tensor | None = None
    sound: Tensor | None = None
    sound_mask: Tensor | None = None
    scores: Tensor | None = None
    scores_mask: Tensor | None = None
    steps: Tensor | None = None
    weight: Tensor | None = None

    def __post_init__(self) -> None:
        if self.context is not None and self.context.ndim != 3:
            raise ValueError(f"the context is {tuple(self.context.shape)}; it must be a flat latent (b, c, l)")
        if self.label is not None and (self.label.ndim != 1 or self.label.dtype != torch.int64):
            raise ValueError(f"the label is {self.label.dtype} {tuple(self.label.shape)}; it must be torch.int64 (b,)")
        if self.context is not None and self.label is not None and self.context.shape[0] != self.label.shape[0]:
            raise ValueError(f"there are {len(self.context)} contexts and {len(self.label)} labels; give one of each")
        if self.level is not None and (self.context is None or self.level.shape != self.context.shape[:1]):
            raise ValueError("a level is given; give a context for each sample, and one level for each of these")
        _check_mask("mask", self.mask, "context", self.context)
        _check_mask("label_mask", self.label_mask, "label", self.label)
        self._check_hint()
        self._check_text()
        self._check_scores()
        for name in ROWS:
            rows = getattr(self, name)
            if rows is not None and (rows.ndim != 3 or not rows.is_floating_point()):
                raise ValueError(f"the {name} is {rows.dtype} {tuple(rows.shape)}; it must be floats (b, t, d)")
            _check_mask(f"{name}_mask", getattr(self, f"{name}_mask"), name, rows)

    def _check_hint(self) -> None:
        if (self.hint is None) != (self.known is None):
            raise ValueError("a hint and its known frames belong together; give both, or neither")
        if self.hint is None:
            if self.hint_level is not None:
                raise ValueError("a hint_level is given without a hint; leave out both, or give the hint too")
            return
        shape = tuple(self.hint.shape)
        if self.hint.ndim != 3 or self.known.ndim != 2 or self.known.shape[0] != self.hint.shape[0]:
            problem = f"the hint is {shape} and known {tuple(self.known.shape)}"
            raise ValueError(f"{problem}; they must be a flat latent (b, c, l) and (b, t)")
        if self.known.dtype != torch.bool:
            raise ValueError(f"known is {self.known.dtype}; it must be torch.bool")
        if self.hint_level is not None and self.hint_level.shape != self.hint.shape[:1]:
            raise ValueError("a hint_level is given; give one for each sample")

    def _check_text(self) -> None:
        for name, mask in (("text", self.text_mask), ("negative", self.negative_mask)):
            states = getattr(self, name)
            if (states is None) != (mask is None):
                raise ValueError(f"{name} and {name}_mask belong together; give both, or neither")
            if states is not None and (states.ndim != 3 or mask.shape != states.shape[:2] or mask.dtype != torch.bool):
                problem = f"{name} is {tuple(states.shape)} and its mask {mask.dtype} {tuple(mask.shape)}"
                raise ValueError(f"{problem}; they must be states (b, n, d) and torch.bool (b, n)")
        if self.negative is not None and (self.text is None or self.text.shape != self.negative.shape):
            raise ValueError("a negative text is given; give a text of the same shape, too")

    def _check_scores(self) -> None:
        scores, mask = self.scores, self.scores_mask
        if (scores is None) != (mask is None):
            raise ValueError("scores and scores_mask belong together; give both, or neither")
        if scores is None:
            return
        if scores.ndim != 2 or not scores.is_floating_point() or mask.shape != scores.shape or mask.dtype != torch.bool:
            problem = f"scores are {scores.dtype} {tuple(scores.shape)} and their mask {mask.dtype} {tuple(mask.shape)}"
            raise ValueError(f"{problem}; they must be floats (b, n) and torch.bool (b, n)")

    @classmethod
    def of(cls, value: Condition | Tensor | None) -> Condition:
        """Makes a condition of a tensor (b, c, l), the context, or of None; returns a Condition as it is."""
        return value if isinstance(value, Condition) else cls(value)

    @classmethod
    def join(cls, conditions: Sequence[Condition]) -> Condition:
        """Concatenates the conditions of several batches; all must have the same parts."""
        if len(conditions) == 1:
            return conditions[0]
        whole = [
            replace(part, **{name: _mask_of(getattr(part, name), getattr(part, of)) for name, of in MASKS.items()})
            for part in conditions
        ]
        return cls(**{field.name: _join([getattr(part, field.name) for part in whole]) for field in fields(cls)})

    def part(self, samples: slice) -> Condition:
        """The condition of some of the samples."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **{name: value[samples] for name, value in tensors.items()})

    @property
    def is_absent(self) -> bool:
        """Whether the whole batch has no condition; masks are not read."""
        return not self.given

    @property
    def given(self) -> list[str]:
        """The parts that any sample has, in the order in which guidance removes them; masks are not read."""
        return [part for part in PARTS if getattr(self, part) is not None]

    def drop(
        self,
        keep: Tensor | None = None,
        *,
        keep_label: Tensor | None = None,
        keep_hint: Tensor | None = None,
        keep_text: Tensor | None = None,
        keep_camera: Tensor | None = None,
        keep_sound: Tensor | None = None,
        keep_scores: Tensor | None = None,
    ) -> Condition:
        """Removes the context where `keep` is False, and likewise the other parts.

        All are (b,), bool; None removes nothing. Absent parts stay absent.
        """
        kept = {"context": keep, "label": keep_label, "camera": keep_camera, "sound": keep_sound}
        by_element = {"hint": keep_hint, "text": keep_text, "scores": keep_scores}
        for part, mask in {**kept, **by_element}.items():
            _check_mask("mask" if part == "context" else f"{part}_mask", mask, part, getattr(self, part), optional=True)
        masks = {
            name: getattr(self, name) if getattr(self, part) is None else _both(getattr(self, name), kept[part])
            for name, part in MASKS.items()
        }
        for name, keep_part in (("known", keep_hint), ("text_mask", keep_text), ("scores_mask", keep_scores)):
            mask = getattr(self, name)
            masks[name] = mask if mask is None or keep_part is None else mask & keep_part[:, None]
        return replace(self, **masks)

    def without(self, *parts: str) -> Condition:
        """This condition with these of its `given` parts masked; its tensors stay, so that it can be joined with this.

        A negative text takes the place of a text. ValueError for a part that is not one of `PARTS`.
        """
        if unknown := [part for part in parts if part not in PARTS]:
            raise ValueError(f"{unknown[0]} is no part of a condition; give one of {', '.join(PARTS)}")
        none = {part: _mask_of(None, getattr(self, part)) for part in parts if getattr(self, part) is not None}
        masks = {part: mask.logical_not() for part, mask in none.items()}
        is_negated = "text" in masks and self.negative is not None
        whole = replace(self, text=self.negative, text_mask=self.negative_mask) if is_negated else self
        if is_negated:
            del masks["text"]
        return whole.drop(masks.pop("context", None), **{f"keep_{part}": mask for part, mask in masks.items()})

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
        return _from_clean(self.level, batch, device), _mask_of(self.mask, self.context)

    def hint_levels(self, batch: int, device: torch.device) -> tuple[Tensor, Tensor] | None:
        """The same of the hints."""
        if self.hint is None:
            return None
        return _from_clean(self.hint_level, batch, device), self.known.any(1)

    def noised_hint(self, level: Tensor, noise: Tensor, schedule: NoiseSchedule) -> Condition:
        """`noised` of the hint."""
        if self.hint is None:
            return self
        return replace(self, hint=q_sample(self.hint, noise, level, schedule), hint_level=level)

    def hint_planes(self, shape: TriplaneShape, dtype: torch.dtype) -> Triplane | None:
        """The hint's planes with one channel more, which frames are known; zeros for samples without; None without any.

        A frame is a row of both motion planes; the content plane has the share of known frames.
        """
        if self.hint is None:
            return None
        is_given = rearrange(self.known.any(1), "b -> b 1 1")
        planes = Triplane.split(torch.where(is_given, self.hint, torch.zeros_like(self.hint)).to(dtype), shape)
        if self.known.shape[1] != shape.t:
            raise ValueError(f"known has {self.known.shape[1]} frames, and the network's clips have {shape.t}")
        known = self.known.to(dtype)
        marks = (
            repeat(known.mean(1), "b -> b 1 h w", h=shape.h, w=shape.w),
            repeat(known, "b t -> b 1 t w", w=shape.w),
            repeat(known, "b t -> b 1 t h", h=shape.h),
        )
        return Triplane(*(torch.cat(pair, dim=1) for pair in zip(planes, marks, strict=True)))

    def tokens(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """States (b, n, d) of the text's tokens and their mask (b, n); None if no sample has a text."""
        return None if self.text is None else (self.text.to(dtype), self.text_mask)

    def rows(self, part: str, dtype: torch.dtype) -> Tensor | None:
        """The vectors (b, t, d) of a part of `ROWS`, zeros where a sample has none; None if no sample has one."""
        rows, mask = getattr(self, part), getattr(self, f"{part}_mask")
        if rows is None or mask is None:
            return None if rows is None else rows.to(dtype)
        return torch.where(rearrange(mask, "b -> b 1 1"), rows, torch.zeros_like(rows)).to(dtype)

    def labels(self, batch: int, classes: int | None) -> tuple[Tensor, Tensor] | None:
        """Labels and their mask, both (batch,), with 0 for masked labels; None if the condition has no labels.

        ValueError for another number of samples or, on a CPU, for a label outside of 0 .. classes - 1. On a GPU the
        values are not checked, since that would synchronize at each step; check labels before they are moved there.
        """
        if self.label is None:
            return None
        if classes is None:
            raise ValueError("a label is given to a network without classes; leave out the label")
        if self.label.shape[0] != batch:
            raise ValueError(f"there are {len(self.label)} labels for {batch} samples; give one for each")
        mask = _mask_of(self.label_mask, self.label)
        label = torch.where(mask, self.label, torch.zeros_like(self.label))
        if are_readable(label) and (outside := (label < 0) | (label >= classes)).any():
            raise ValueError(f"the label {int(label[outside][0])} is none of 0 to {classes - 1}, the network's classes")
        return label, mask


def are_readable(values: Tensor) -> bool:
    """Whether values can be read now: on a CPU, which need not wait for them, and not while the network is exported."""
    return not values.is_cuda and not torch.compiler.is_exporting()


def _from_clean(level: Tensor | None, batch: int, device: torch.device) -> Tensor:
    return (torch.full((batch,), -1, device=device) if level is None else level) + 1


def _mask_of(mask: Tensor | None, part: Tensor | None) -> Tensor | None:
    """The mask of a part, all True if it is not given; None without the part."""
    if part is None or mask is not None:
        return mask
    return part.new_ones(part.shape[0], dtype=torch.bool)


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
    if mask.dtype != torch.bool or mask.shape != part.shape[:1]:
        raise ValueError(f"the {name} is {mask.dtype} {tuple(mask.shape)}; it must be torch.bool ({len(part)},)")
