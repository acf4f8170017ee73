"""What the denoiser is given in training beside the noisy latent, sample by sample, and in each case of validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from pvdm.conditions.given_frames import MEASURED, GivenFrames, given_ends
from pvdm.data import ClipDataset
from pvdm.data.table import NO_LABEL
from pvdm.diffusion import Condition, TimeDistribution
from pvdm.errors import InputError, check_range
from pvdm.generation import VideoGenerator
from pvdm.training.batches.batch import content, hint_of, latents_of, on_device
from pvdm.training.batches.sample_rng import (
    Draw,
    blur_factors,
    captions,
    keep,
    keep_each,
    known_frames,
    noise_like,
    times,
)


@dataclass
class Conditioning:
    """Draws the parts of the conditions of a batch; the arguments are explained in `DiffusionTraining`."""

    generator: VideoGenerator
    context_dropout: float = 0.7
    context_noise: TimeDistribution | None = None
    label_dropout: float = 0.1
    label_numbers: Sequence[int] | None = None
    """The model's number of each label of the data, where they differ."""
    given_frames: GivenFrames | None = None
    hint_noise: TimeDistribution | None = None
    text_dropout: float = 0.1
    clause_dropout: float = 0.0
    rows: Sequence[str] = ()
    camera_dropout: float = 0.1
    sound_dropout: float = 0.1
    scores: Sequence[str] = ()
    """Those of the denoiser, in its order, or none."""
    score_dropout: float = 0.1
    has_captions: bool = True
    """Whether batches have captions, which a model of text then takes."""

    def __post_init__(self) -> None:
        shares = [item.name for item in fields(self) if item.name.endswith("_dropout")]
        check_range(0, 1, **{name: getattr(self, name) for name in shares})

    @property
    def is_told(self) -> bool:
        """Whether the text of samples is given."""
        return self.generator.text is not None and self.has_captions

    @property
    def names(self) -> list[str]:
        """The cases of a validation."""
        is_there = {
            "no_context": True,
            "context": True,
            "label": self.generator.class_count is not None,
            "text": self.is_told,
            **dict.fromkeys(self.rows, True),
            "scores": bool(self.scores),
            "hint": self.given_frames is not None,
        }
        return [name for name, there in is_there.items() if there]

    def training(self, batch: Mapping[str, Any]) -> tuple[Tensor, Condition, Tensor]:
        """Latents of the targets (b, c, l), their conditions, and which samples see frames (b,) bool, on the CPU."""
        kept = keep(batch, self.context_dropout, Draw.CONTEXT) & batch["has_context"].cpu()
        target, condition = self.latents(batch, kept)
        condition = self.labelled(self.noised(condition, batch), batch, keep(batch, self.label_dropout, Draw.LABEL))
        if self.is_told:
            told = captions(batch, self.clause_dropout)
            condition = self.told(condition, batch, told, keep(batch, self.text_dropout, Draw.TEXT))
        for part, dropout, purpose in self._dropouts():
            condition = self.with_rows(condition, part, batch, keep(batch, dropout, purpose))
        if self.scores:
            kept_scores = keep_each(batch, self.score_dropout, len(self.scores), Draw.SCORES)
            condition = self.scored(condition, batch, kept_scores)
        if self.given_frames is not None:
            known = known_frames(batch, self.given_frames, self.generator.frames)
            condition, kept = self.hinted(condition, target, batch, known), kept | known.any(1)
        return target, condition, kept

    def validation(self, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, tuple[Condition, Tensor]]]:
        """Latents of the targets, and for each of `names` the conditions and which samples count, (b,) bool.

        In each case one part alone is given; all given parts are whole.
        """
        everyone = torch.ones(len(content(batch)), dtype=torch.bool)
        target, context = self.latents(batch, everyone)
        cases = {"no_context": (Condition(), everyone), "context": (context, context.mask)}
        if "label" in self.names:
            labelled = self.labelled(Condition(), batch, everyone)
            cases["label"] = (labelled, labelled.label_mask)
        if "text" in self.names:
            told = self.told(Condition(), batch, captions(batch), everyone)
            cases["text"] = (told, told.text_mask.any(1))
        for part in self.rows:
            alone = self.with_rows(Condition(), part, batch, everyone)
            cases[part] = (alone, getattr(alone, f"{part}_mask"))
        if self.scores:
            scored = self.scored(Condition(), batch)
            cases["scores"] = (scored, scored.scores_mask.any(1))
        if "hint" in self.names:
            cases["hint"] = (self.given(batch, MEASURED), on_device(batch, everyone))
        return target, cases

    def prediction(self, batch: Mapping[str, Any], given: str | None) -> Condition:
        """Labels, captions, cameras, sounds, scores of the samples, and the hints of the frames of one kind, if any."""
        everyone = torch.ones(len(content(batch)), dtype=torch.bool)
        condition = self.labelled(Condition(), batch, everyone)
        if self.is_told:
            condition = self.told(condition, batch, captions(batch), everyone)
        for part in self.rows:
            condition = self.with_rows(condition, part, batch, everyone)
        if self.scores:
            condition = self.scored(condition, batch)
        if given is None:
            return condition
        hints = self.given(batch, given)
        return replace(condition, hint=hints.hint, known=hints.known)

    def given(self, batch: Mapping[str, Any], kind: str) -> Condition:
        """The hints of the frames that a kind of `ENDS` gives, of all targets."""
        known = torch.from_numpy(given_ends(kind, self.generator.frames)).expand(len(content(batch)), -1)
        denoiser = self.generator.denoiser
        shape = (len(known), denoiser.config.latent_channels, denoiser.shape.positions)
        like = torch.zeros(shape, device=content(batch).device)
        return hint_of(self.generator.autoencoder, batch, known, like)

    def target(self, batch: Mapping[str, Any]) -> Tensor:
        """Latents of the targets alone, (b, c, l)."""
        return self.latents(batch, torch.zeros(len(content(batch)), dtype=torch.bool))[0]

    def latents(self, batch: Mapping[str, Any], kept: Tensor) -> tuple[Tensor, Condition]:
        """Latents of the targets (b, c, l), and the contexts that `kept` (b,) marks; see `latents_of`."""
        return latents_of(self.generator.autoencoder, batch, kept)

    def noised(self, condition: Condition, batch: Mapping[str, Any]) -> Condition:
        """The condition with noise in its contexts, each to a level of its own, if the training has it so."""
        if self.context_noise is None:
            return condition
        schedule = self.generator.schedule
        level = times(batch, schedule, self.context_noise, purpose=Draw.CONTEXT_LEVEL)
        noise = noise_like(condition.context, batch, purpose=Draw.CONTEXT_NOISE)
        return condition.noised(level, noise, schedule)

    def hinted(self, condition: Condition, target: Tensor, batch: Mapping[str, Any], known: Tensor) -> Condition:
        """The condition with the hints of the frames `known` (b, t), each with noise of a level of its own."""
        factors = blur_factors(batch, self.given_frames, known)
        found = hint_of(self.generator.autoencoder, batch, known, target, factors)
        if self.hint_noise is not None:
            schedule = self.generator.schedule
            level = times(batch, schedule, self.hint_noise, purpose=Draw.HINT_LEVEL)
            found = found.noised_hint(level, noise_like(target, batch, purpose=Draw.HINT_NOISE), schedule)
        return replace(condition, hint=found.hint, known=found.known, hint_level=found.hint_level)

    def labelled(self, condition: Condition, batch: Mapping[str, Any], kept: Tensor) -> Condition:
        """The condition with the labels that `kept` (b,) marks; unchanged for a denoiser without classes.

        A sample without a label keeps none.
        """
        if self.generator.class_count is None:
            return condition
        if (label := batch.get("label")) is None:
            raise InputError(
                "the samples have no labels",
                "give data with classes, or leave model.denoiser.classes out",
            )
        is_there = label != NO_LABEL
        if self.label_numbers is not None:
            numbers = torch.tensor(self.label_numbers, device=label.device)
            label = torch.where(is_there, numbers[label.clamp(min=0)], label)
        return replace(condition, label=label, label_mask=on_device(batch, kept) & is_there)

    def with_rows(self, condition: Condition, part: str, batch: Mapping[str, Any], kept: Tensor) -> Condition:
        """The condition with the vectors of frames that `kept` (b,) marks; a sample without any keeps none."""
        mask = on_device(batch, kept) & batch[f"has_{part}"]
        return replace(condition, **{part: batch[part].float(), f"{part}_mask": mask})

    def scored(self, condition: Condition, batch: Mapping[str, Any], kept: Tensor | None = None) -> Condition:
        """The condition with the scores that `kept` (b, n) marks, or all; those that the data lack, NaN, are absent."""
        scores = torch.stack([batch["scores"][name] for name in self.scores], dim=1)
        known = scores.isfinite()
        return replace(condition, scores=scores, scores_mask=known if kept is None else known & on_device(batch, kept))

    def check_scores(self, sets: Iterable[ClipDataset]) -> None:
        """InputError unless the samples have the scores that the model takes, and no others."""
        for clips in sets:
            if set(clips.scores.names) != set(self.scores):
                there, here = (", ".join(names) or "none" for names in (clips.scores.names, self.scores))
                problem = f"data.scores is {there}, and model.scores {here}"
                raise InputError(problem, "give both the same names, or leave out both")

    def _dropouts(self) -> list[tuple[str, float, Draw]]:
        own = {"camera": (self.camera_dropout, Draw.CAMERA), "sound": (self.sound_dropout, Draw.SOUND)}
        return [(part, *own[part]) for part in self.rows]

    def told(self, condition: Condition, batch: Mapping[str, Any], texts: list[str], kept: Tensor) -> Condition:
        """The condition with the captions that `kept` (b,) marks; a sample without one keeps none."""
        states, mask = self.generator.text_encoder(texts)
        return replace(condition, text=on_device(batch, states), text_mask=on_device(batch, mask & kept[:, None]))
